"""`streamgenre bench`: measure the speed of this machine in a few seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import compute_option, model_option


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@model_option
@compute_option
def command(model: Path | None, compute: Any) -> None:
    """Measure the latency of one step on this machine, at each hop of the model."""
    from ..model.model import load
    from ..signals import synthetic_music
    from ..timing import machine, seconds_of, speed_kernel, step_latency

    loaded = load(model, compute)
    card = loaded.card
    click.echo(machine())
    click.echo(f"speed kernel {speed_kernel() * 1e3:.1f} ms (best of 5)")
    click.echo("hop        p50    p95    p99    real time")
    for hop in card.hops:
        click.echo(f"{hop.seconds:4.2f} s  {step_latency(loaded, hop)}")
    music = synthetic_music(60.0, 44_100)
    loaded.classify((music, 44_100))  # warm-up
    best = min(seconds_of(lambda: loaded.classify((music, 44_100))) for _ in range(3))
    click.echo(f"samples at 44.1 kHz to timeline: {60 / best:.0f} times real time (best of 3)")
