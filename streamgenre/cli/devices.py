"""`streamgenre devices`: list the inputs."""

from __future__ import annotations

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a single object.")
def command(as_json: bool) -> None:
    """List the inputs, and the monitors, which record what the computer plays.

    `streamgenre live --input` accepts the index, a part of the name, or "monitor". An asterisk
    marks the default input.
    """
    from dataclasses import asdict

    from ..audio.live.devices import NO_INPUT, inputs
    from ..errors import DeviceError
    from ..output.timeline.json import dumps

    devices = inputs()
    if as_json:
        rows = []
        for device in devices:
            row = asdict(device)
            del row["portaudio"]
            rows.append(row)
        click.echo(dumps({"schema": 1, "inputs": rows}))
    if not devices:
        raise DeviceError(NO_INPUT)
    if as_json:
        return
    from rich.table import Table
    from rich.text import Text

    from ..output.console import Console

    table = Table.grid(padding=(0, 1))
    for device in devices:
        kind = ", a monitor" if device.monitor else ""
        about = f"{device.channels} channels, {device.sample_rate:g} Hz{kind}"
        text = Text(device.name, "bold")
        text.append(f"\n{device.host} {device.source}".rstrip() + f", {about}", "dim not bold")
        table.add_row("*" if device.default else " ", Text(str(device.index)), text)
    Console().print(table)
