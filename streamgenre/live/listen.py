"""The microphone as a stream of updates."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.model import Model, load
from ..update import Update


def listen(
    device: int | str | None = None, model: Model | None = None, hop: float | None = None
) -> Iterator[Update]:
    """Updates of what an input device hears, until the caller stops asking.

    Args:
        device: index, part of a name, or None for the default input.
        model: None for the bundled one.
        hop: seconds between updates, None for the card's hop for live audio.

    Raises DeviceError where there is no such device or it stops giving samples.
    """
    from ..audio.microphone import Microphone

    stream = (model or load()).stream(hop)
    with Microphone(device) as microphone:
        for block in microphone.blocks():
            yield from stream.feed(block, microphone.sample_rate)
            if lost := microphone.gap():  # the ring keeps what is older: the loss comes after it
                yield from stream.gap(lost)
