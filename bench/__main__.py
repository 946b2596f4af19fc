"""`python -m bench [NAME ...]`: speed, memory and size, with the machine and its speed.

Without names, runs all measurements that need nothing but this machine. Prints Markdown. `--keep`
also updates bench/results.json and rewrites bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .common import Options, Skipped
from .suite import LONG, NAMES, keep, measurement, run, section


def main() -> int:
    """Run the measurements and print their reports."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:10} {measurement(name).TITLE}" for name in NAMES),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure (see below)")
    parser.add_argument("--quick", action="store_true", help="few repeats, to test that it runs")
    parser.add_argument("--minutes", type=float, help="duration of `live` (20)")
    parser.add_argument("--hours", type=float, help="audio for `memory` (10) and `soak` (72)")
    parser.add_argument("--peers", type=Path, help="folder with other models, for `peers`")
    parser.add_argument("--data", type=Path, help="labelled music, for `peers` and `embedded`")
    parser.add_argument("--keep", action="store_true", help="write results.json and RESULTS.md")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in NAMES]:
        parser.error(f"no measurement {', '.join(unknown)}; there are {', '.join(NAMES)}")
    options = Options(given.quick, given.minutes, given.hours, given.peers, given.data)
    skipped = 0
    for name in given.names or [name for name in NAMES if name not in LONG]:
        try:
            entry = run(name, options)
        except Skipped as why:
            print(f"{name}: not measured: {why}", file=sys.stderr)
            skipped += 1
            continue
        print(section(name, entry), end="\n\n", flush=True)
        if given.keep:
            keep(Path(__file__).parent, name, entry)
    return 1 if skipped and given.names else 0


if __name__ == "__main__":
    sys.exit(main())
