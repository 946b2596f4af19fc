"""`streamgenre info`: the model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import model_option


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@model_option
@click.option("--json", "as_json", is_flag=True, help="The whole card as JSON.")
def command(model: Path | None, as_json: bool) -> None:
    """What the model is: labels, hops, accuracy, data, limits, licence."""
    from dataclasses import asdict

    from rich.text import Text

    from ..model.model import load
    from ..output.console import Console
    from ..output.json import dumps
    from ..output.ribbon import style

    card = load(model).card
    if as_json:
        click.echo(dumps(asdict(card)))
        return
    console = Console()
    console.print(f"[bold]{card.name}[/] version {card.version}", markup=True)
    labels = Text("labels      ")
    for label in card.labels:
        labels.append(f"{label.display}  ", style(card, label.name))
    console.print(labels)
    console.print(f"samples     {card.sample_rate} Hz mono, state of {card.state_size} numbers")
    for hop in card.hops:
        use = " (live)" if hop.seconds == card.live_hop else ""
        use += " (files)" if hop.seconds == card.file_hop else ""
        measured = ", ".join(
            f"{name.replace('_', ' ')} {value:.3g}" for name, value in hop.accuracy.items()
        )
        line = f"hop         {hop.seconds:g} s, window {hop.window / card.sample_rate:g} s{use}"
        console.print(f"{line}: {measured}" if measured else line)
    limits = ", ".join(f"{name} {value:g}" for name, value in asdict(card.thresholds).items())
    console.print(f"thresholds  {limits}")
    for name, value in card.about.items():
        _print_entry(console, name, value)
    console.print(f"{'sha256':11} {card.sha256}")


def _print_entry(console: Any, name: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _print_entry(console, f"{name} {key}", inner)
    elif isinstance(value, list):
        for inner in value:
            console.print(f"{name:11} {inner}", markup=False)
            name = ""
    else:
        console.print(f"{name:11} {value}", markup=False)
