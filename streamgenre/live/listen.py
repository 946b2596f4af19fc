"""`streamgenre.listen()`: the updates of a microphone, a line input, or what the computer plays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..model.model import Model, load
from .listener import Listener

if TYPE_CHECKING:
    from ..audio.live import LiveInput
    from ..output.record import Recorder
    from ..output.sink import Sink


def listen(
    device: int | str | None = None,
    model: Model | None = None,
    hop: float | None = None,
    *,
    channels: Sequence[int] = (),
    patience: float | None = None,
    play: str | os.PathLike[str] | None = None,
    sinks: Sequence[Sink] = (),
    recorder: Recorder | None = None,
) -> Listener:
    """Updates of what an input hears: iterate over it, until it ends or you have had enough.

    A device that goes away is looked for until it is back; the time between is a gap.

    Args:
        device: index or part of a name of an input (`streamgenre devices` lists them), "monitor"
            for what the computer plays, None for the default input.
        model: None for the bundled one.
        hop: seconds between updates, None for the card's hop for live audio.
        channels: which of the input's channels to hear, counted from 1; empty: its first two.
        patience: seconds to look for a device that went away, None for ever.
        play: a file or URL to hear instead, in real time, played on the default output as well.
        sinks: what takes the updates besides (`streamgenre.output`), each in its own thread.
        recorder: what takes the sound besides.

    Raises DeviceError where there is no such device, or it is lost for good; InputError for
    `play`.
    """
    heard: LiveInput
    if play is not None:
        from ..audio.playback import Playback

        heard = Playback(os.fspath(play))
    else:
        from ..audio.microphone import Microphone

        heard = Microphone(device, channels, patience)
    try:
        return Listener(heard, model or load(), hop, sinks, recorder)
    except BaseException:
        heard.close()
        raise
