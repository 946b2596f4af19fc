"""The outputs of `streamgenre live`, created from its options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..audio.address import is_url
from ..errors import ConfigError, StreamgenreError

if TYPE_CHECKING:
    from ..model.model import Model
    from ..output.console import Console
    from ..output.sinks import Sink
    from ..output.sinks.record import Recorder


def check_files(play: str | None, outputs: Mapping[str, Any]) -> None:
    """Raise ConfigError if two options name the same file, or one is empty."""
    paths: dict[Path, str] = {}
    for option, value in {"play": play, **outputs}.items():
        if value is None:
            continue
        name = f"--{option.replace('_', '-')}"
        if not str(value):
            raise ConfigError(f"{name}: is empty; pass a value or leave the option out")
        if option not in ("play", "record", "log", "now_playing") or is_url(str(value)):
            continue
        other = paths.setdefault(Path(value).resolve(), name)
        if other != name:
            raise ConfigError(f"{name} {value}: is also the file of {other}; choose another file")


@contextmanager
def _option(name: str) -> Iterator[None]:
    """Prefix the messages of errors with the name of the option that causes them."""
    try:
        yield
    except StreamgenreError as error:
        option = f"--{name.replace('_', '-')}"
        text = str(error)
        raise ConfigError(text if text.startswith(option) else f"{option}: {text}") from None


def open_recorder(path: Path | None, undo: ExitStack) -> Recorder | None:
    """The recorder for --record. `undo` closes it if a later step fails."""
    if path is None:
        return None
    from ..output.sinks.record import Recorder

    with _option("record"):
        recorder = Recorder(path)
    undo.callback(recorder.close)
    return recorder


def open_sinks(
    outputs: Mapping[str, Any],
    output_format: str,
    console: Console | None,
    model: Model,
    hop: float | None,
    undo: ExitStack,
) -> list[Sink]:
    """The sinks for the options. `undo` closes them if a later step fails."""
    sinks: list[Sink] = []

    def add(sink: Sink) -> None:
        sinks.append(sink)
        undo.callback(sink.close)

    if output_format == "jsonl":
        from ..output.sinks.log import JsonLines

        add(JsonLines(sys.stdout))
    elif console is None:
        from ..output.sinks.log import Changes

        add(Changes(sys.stdout, model.card))
    log = partial(_log, megabytes=outputs["log_size"])
    openers: dict[str, Callable[[Any, Model, float], Sink]] = {"log": log, **_SINKS}
    for name, opened in openers.items():
        if outputs[name] is not None:
            with _option(name):
                add(opened(outputs[name], model, model.card.live_hop if hop is None else hop))
    return sinks


def _log(path: Path, model: Model, hop: float, megabytes: int) -> Sink:
    from ..output.sinks.log import Log

    return Log(path, megabytes * 1_000_000)


def _on_change(run: str, model: Model, hop: float) -> Sink:
    from ..output.sinks.on_change import OnChange

    return OnChange(run, model.card)


def _now_playing(path: Path, model: Model, hop: float) -> Sink:
    from ..output.sinks.now_playing import NowPlaying

    return NowPlaying(path, model.card)


def _osc(address: str, model: Model, hop: float) -> Sink:
    from ..output.sinks.osc import Osc

    return Osc(address, model.card)


def _websocket(address: str, model: Model, hop: float) -> Sink:
    from ..output.sinks.websocket import WebSocket

    return WebSocket(address, model.card, hop)


def _mqtt(url: str, model: Model, hop: float) -> Sink:
    from ..output.sinks.mqtt import Mqtt

    return Mqtt(url, model.card)


_SINKS: dict[str, Callable[[Any, Model, float], Sink]] = {
    "on_change": _on_change,
    "now_playing": _now_playing,
    "osc": _osc,
    "websocket": _websocket,
    "mqtt": _mqtt,
}
