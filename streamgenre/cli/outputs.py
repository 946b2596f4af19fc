"""What `streamgenre live` writes and sends besides, made from its options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..audio.files.source import is_url
from ..errors import OptionError, StreamgenreError

if TYPE_CHECKING:
    from ..model.model import Model
    from ..output.console import Console
    from ..output.sinks import Sink
    from ..output.sinks.record import Recorder


def apart(play: str | None, outputs: Mapping[str, Any]) -> None:
    """Raise OptionError where two options name one file, or one names nothing."""
    named: dict[Path, str] = {}
    for option, value in {"play": play, **outputs}.items():
        if value is None:
            continue
        name = f"--{option.replace('_', '-')}"
        if not str(value):
            raise OptionError(f"{name}: names nothing; leave it out")
        if option not in ("play", "record", "log", "now_playing") or is_url(str(value)):
            continue
        other = named.setdefault(Path(value).resolve(), name)
        if other != name:
            raise OptionError(f"{name} {value}: is the file of {other}, too; name another")


def recorder_of(path: Path | None, undo: ExitStack) -> Recorder | None:
    """The recorder that --record asks for, closed by `undo` if the rest does not succeed."""
    if path is None:
        return None
    from ..output.sinks.record import Recorder

    with _as_option("record"):
        recorder = Recorder(path)
    undo.callback(recorder.close)
    return recorder


@contextmanager
def _as_option(name: str) -> Iterator[None]:
    """What goes wrong is the option's fault, and says so."""
    try:
        yield
    except StreamgenreError as error:
        option = f"--{name.replace('_', '-')}"
        said = str(error)
        raise OptionError(said if said.startswith(option) else f"{option}: {said}") from None


def sinks_of(
    outputs: Mapping[str, Any],
    form: str,
    console: Console | None,
    model: Model,
    hop: float | None,
    undo: ExitStack,
) -> list[Sink]:
    """What takes the updates, as the options ask; closed by `undo` if the rest does not succeed."""
    found: list[Sink] = []

    def add(sink: Sink) -> None:
        found.append(sink)
        undo.callback(sink.close)

    if form == "jsonl":
        from ..output.sinks.log import LinesSink

        add(LinesSink(sys.stdout))
    elif console is None:
        from ..output.sinks.log import Changes

        add(Changes(sys.stdout, model.card))
    for name, made in _MADE.items():
        if outputs[name] is not None:
            with _as_option(name):
                add(made(outputs[name], model, model.card.live_hop if hop is None else hop))
    return found


def _log(path: Path, model: Model, hop: float) -> Sink:
    from ..output.sinks.log import LogSink

    return LogSink(path)


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


_MADE: dict[str, Callable[[Any, Model, float], Sink]] = {
    "log": _log,
    "on_change": _on_change,
    "now_playing": _now_playing,
    "osc": _osc,
    "websocket": _websocket,
    "mqtt": _mqtt,
}
