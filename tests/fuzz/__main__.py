"""Command line: `python tests/fuzz TARGET`."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fuzz import supervise, worker  # noqa: E402


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description="Fuzz a target.")
    parser.add_argument("target", help="name of a target, all, or table: print counts.csv")
    parser.add_argument("--cpu-seconds", type=float, default=60.0, help="budget (default 60)")
    parser.add_argument(
        "--engine",
        choices=("atheris", "mutate"),
        default="atheris",
        help="coverage-guided, or random mutations (default atheris)",
    )
    parser.add_argument("--folder", type=Path, help="corpus and findings; kept between runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="add the counts to counts.csv")
    parser.add_argument("--keep", action="store_true", help="keep the corpus in corpus/")
    parser.add_argument("--replay", type=Path, nargs="*", help="check these inputs, or all kept")
    parser.add_argument("--mutations", type=int, default=0, help="check these many more (--replay)")
    parser.add_argument("--worker", choices=("atheris", "mutate"), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=60.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _replay(name: str, paths: list[Path], mutations: int, seed: int) -> int:
    """Check inputs in this process; returns how many failed."""
    from fuzz.targets import TARGETS

    target, failed = TARGETS[name], 0
    inputs = {path.name: path.read_bytes() for path in paths} or {
        **target.inputs(), **supervise.kept(name), **supervise.findings(name)
    }  # fmt: skip
    rng, values = random.Random(seed), [*inputs.values()]
    for number in range(mutations):
        change = worker.mutated(rng.choice(values), values, rng, target.largest)
        inputs[f"mutation {number} of seed {seed}"] = change
    with tempfile.TemporaryDirectory() as folder:
        checker = worker.Worker(target, Path(folder))
        for key, data in inputs.items():
            checker.run(data)
            for text in (Path(folder) / "found").glob("*.txt"):
                print(f"{name}: {key}:\n{text.read_text('utf-8')}")
                text.unlink()
                failed += 1
    print(f"{name}: {len(inputs)} inputs, {failed} failed")
    return failed


def main() -> int:
    """Run the command; returns 1 if there are findings."""
    asked = _arguments()
    if asked.worker == "atheris":
        worker.guide(asked.target, asked.folder, asked.seconds, asked.seed)
    from fuzz.targets import TARGETS

    if asked.target == "table":
        print(supervise.table({name: target.about for name, target in TARGETS.items()}))
        return 0
    if asked.worker:
        worker.mutate(TARGETS[asked.target], asked.folder, asked.seconds, asked.seed)
        return 0
    names = [*TARGETS] if asked.target == "all" else [asked.target]
    if unknown := {*names} - {*TARGETS}:
        sys.exit(f"no target {', '.join(unknown)}; the targets are {', '.join(TARGETS)}")
    if asked.replay is not None:
        return int(sum(_replay(n, asked.replay, asked.mutations, asked.seed) for n in names) > 0)
    base = asked.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    failed = 0
    for name in names:
        total = supervise.fuzz(
            name, asked.engine, asked.cpu_seconds, base / name, asked.seed, asked.record
        )
        print(f"{total}; findings are in {base / name / 'found'}")
        if asked.keep:
            print(f"{supervise.keep(name, base / name)} inputs kept")
        failed += total.findings + total.crashes
    return int(failed > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
