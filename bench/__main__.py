"""`python -m bench`: start-up, step latency, cost of files, memory; the machine named.

Absolute times stand beside a calibration kernel; comparisons are ratios within one run.
`--hours` streams that much audio through a pipe and writes the curve of memory; `--live` listens to
a sound server of its own for that many minutes; `--json PATH` keeps the figures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from streamgenre.model.model import load
from streamgenre.timing import calibration, machine, step_latency

from .files import file_cost
from .live import live
from .memory import endless_pipe
from .startup import startup


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter files, fewer repeats")
    parser.add_argument("--hours", type=float, help="only memory: hours of audio through a pipe")
    parser.add_argument("--training", action="store_true", help="only training; needs its extra")
    parser.add_argument("--live", type=float, metavar="MINUTES", help="only listening live")
    parser.add_argument("--format", default="jsonl", choices=["json", "jsonl"], help="with --hours")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "calibration_ms": calibration() * 1e3}
    print(found["machine"])
    print(f"calibration kernel {found['calibration_ms']:.1f} ms (best of 5)\n")
    if options.hours:
        found["pipe"] = endless_pipe(options.hours, options.format)
    elif options.live is not None:
        found["live"] = live(options.live, 3 if options.quick else 10)
    elif options.training:
        from .training import training

        found["training"] = training(1 if options.quick else 5)
    else:
        found |= everything(options.quick)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def everything(quick: bool) -> dict[str, Any]:
    """Start-up, latency, files, memory of a short pipe."""
    found: dict[str, Any] = {"startup_s": startup(2 if quick else 5)}
    model = load()
    print("\nstep           p50    p95    p99    real time")
    found["step_ms"] = {}
    for hop in model.card.hops:
        step = step_latency(model, hop, 50 if quick else 500)
        found["step_ms"][f"{hop.seconds:g}"] = [step.p50, step.p95, step.p99]
        print(f"hop {hop.seconds:4.2f} s {step}")
    print()
    found["files"] = file_cost((0.5, 2.0) if quick else (4.0, 40.0), 1 if quick else 3)
    print()
    found["pipe"] = endless_pipe(0.2 if quick else 1.0, "jsonl")
    return found


if __name__ == "__main__":
    main()
