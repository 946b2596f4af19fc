"""`streamgenre info`: print the model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import model_option


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@model_option
@click.option("--json", "as_json", is_flag=True, help="Print the complete card as JSON.")
def command(model: Path | None, as_json: bool) -> None:
    """Print the model card: labels, hops, accuracy, data, limits, licence."""
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from ..errors import one_line
    from ..model.model import load
    from ..output.console import Console
    from ..output.ribbon import style
    from ..output.timeline.json import dumps

    card = load(model).card
    if as_json:
        click.echo(dumps(asdict(card)))
        return
    table = Table.grid(padding=(0, 2))

    def row(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                row(f"{name} {key}", inner)
        elif isinstance(value, list):
            for i, inner in enumerate(value):
                row("" if i else name, inner)
        else:
            # The card is not trusted: control characters would act on the terminal.
            lines = "\n".join(map(one_line, str(value).splitlines()))
            table.add_row(one_line(name), value if isinstance(value, Text) else Text(lines))

    labels = Text()
    for label in card.labels:
        labels.append(f"{label.display}  ", style(card, label.name))
    row("model", f"{card.name} version {card.version}")
    row("labels", labels)
    for i, parent in enumerate(dict.fromkeys(hint.parent for hint in card.styles)):
        under = ", ".join(hint.display for hint in card.styles if hint.parent == parent)
        beside = f"under {parent}" if parent else "under any"
        row("" if i else "styles", f"{beside}: {under}")
    if card.styles:
        row("", "not calibrated")
    row("samples", f"{card.sample_rate} Hz mono, state of {card.state_size} numbers")
    for hop in card.hops:
        uses = {"live": card.live_hop, "files": card.file_hop}
        use = "".join(f", for {name}" for name, of in uses.items() if of == hop.seconds)
        measured = "; ".join(f"{k.replace('_', ' ')} {v:.3g}" for k, v in hop.accuracy.items())
        row(
            f"hop {hop.seconds:g} s", f"window {hop.window / card.sample_rate:g} s{use}. {measured}"
        )
    row("thresholds", ", ".join(f"{k} {v:g}" for k, v in asdict(card.thresholds).items()))
    if card.gates:
        row("gates", ", ".join(card.gates))
    for name, value in card.about.items():
        row(name, value)
    row("sha256", card.sha256)
    Console().print(table)
