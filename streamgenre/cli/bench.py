"""`streamgenre bench`: how long a step takes here, in a few seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import compute_option, model_option


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@model_option
@compute_option
def command(model: Path | None, compute: Any) -> None:
    """Time one step of the network on this machine, at each of its hops."""
    from ..model.model import load
    from ..timing import calibration, machine, seconds_of, step_latency, test_signal

    loaded = load(model, compute)
    card = loaded.card
    click.echo(machine())
    click.echo(f"calibration kernel {calibration() * 1e3:.1f} ms (best of 5)")
    click.echo("hop        p50    p95    p99    real time")
    for hop in card.hops:
        click.echo(f"{hop.seconds:4.2f} s  {step_latency(loaded, hop)}")
    music = test_signal(60.0, 44_100)
    loaded.classify((music, 44_100))  # what is compiled on first use is not what is timed
    best = min(seconds_of(lambda: loaded.classify((music, 44_100))) for _ in range(3))
    click.echo(f"samples at 44.1 kHz to timeline: {60 / best:.0f} times real time (best of 3)")
