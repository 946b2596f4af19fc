"""What taggers and ours cost: processor time for a second of audio, and what a decision takes.

All hear the same music in memory, each at its own rate (decoding and resampling are nobody's), one
thread each, taken in turn. A tagger is run as its makers do, window beside window; since a program
that shows what plays wants an answer more often, its time at ours, an update every half second, is
given too: one window each time, for it keeps nothing from the last one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import numpy as np

from streamgenre.model.card import Hop
from streamgenre.model.model import Model

from ..common import Spread, in_turn, music, ratios

_YAMNET_WINDOW, _YAMNET_HOP = 15_600, 7_680  # samples; its loader does not say
_PUBLISHED = {"yamnet": 3_700_000}  # weights, where the loader does not show them
_FEATURES = ("mel", "logmel")  # a loader's own function for them, where it has one
_NOT_WEIGHTS = ("mean", "var", "std", "num_batches", "spec.")  # statistics, and the fixed spectrum
_PEERS_PARTS = ("s", "d", "w")  # where a loader keeps its tensors by name


def window_and_hop(peer: Any) -> tuple[int, int]:
    """Samples of a window, and from one to the next."""
    return getattr(peer, "n", _YAMNET_WINDOW), getattr(peer, "hop", _YAMNET_HOP)


def parameters(name: str, peer: Any) -> int | None:
    """Trained weights of a tagger; None where neither loader nor authors say."""
    for part in _PEERS_PARTS:
        tensors = getattr(peer, part, None)
        if isinstance(tensors, Mapping):
            return sum(
                int(np.prod(tensor.shape))
                for key, tensor in tensors.items()
                if not any(word in key for word in _NOT_WEIGHTS)
            )
    return _PUBLISHED.get(name)


class _Clocked:
    """Adds up the processor seconds of calls of one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.seconds = 0.0

    def __call__(self, *args: Any, **options: Any) -> Any:
        began = time.process_time()
        result = self._function(*args, **options)
        self.seconds += time.process_time() - began
        return result


class _Peer:
    """A tagger over music: all of it, or one window for one decision."""

    def __init__(self, peer: Any, seconds: float) -> None:
        self._peer, self._audio = peer, music(seconds, peer.sr)
        window, hop = window_and_hop(peer)
        self.window, self.hop = window / peer.sr, hop / peer.sr
        self._first = self._audio[:window]
        _, said = peer.tag_pcm(self._audio)
        self.heard = len(said) * self.hop  # what is left at the end is not looked at

    def whole(self) -> None:
        self._peer.tag_pcm(self._audio)

    def decide(self) -> None:
        self._peer.tag_pcm(self._first)

    def features(self) -> tuple[float, float] | None:
        """Processor seconds before the network, and in all, of `whole`; None: not to be told."""
        for name in _FEATURES:
            if hasattr(self._peer, name):
                clock = _Clocked(getattr(self._peer, name))
                with mock.patch.object(self._peer, name, clock):
                    began = time.process_time()
                    self.whole()
                    return clock.seconds, time.process_time() - began
        return None


class _Ours:
    """Ours at one hop."""

    def __init__(self, model: Model, hop: Hop, seconds: float) -> None:
        self._model, self._hop = model, hop
        self._rate = model.card.sample_rate
        self._audio = music(seconds, self._rate)
        self.window = self.hop = hop.seconds
        self.heard = len(self._audio) // hop.samples * hop.seconds
        self._stream = model.stream(hop.seconds)
        self._position = 0

    def whole(self) -> None:
        self._model.stream(self._hop.seconds).feed(self._audio, self._rate)

    def decide(self) -> None:
        """The next of a stream that goes on for ever."""
        start = self._position % (len(self._audio) - self._hop.samples + 1)
        updates = self._stream.feed(self._audio[start : start + self._hop.samples], self._rate)
        self._position += self._hop.samples
        assert len(updates) == 1

    def features(self) -> tuple[float, float]:
        """Processor seconds outside of the engine's network, and in all, of `whole`."""
        engine = self._model.engine
        clock = _Clocked(engine.run)
        with mock.patch.object(engine, "run", clock):
            began = time.process_time()
            self.whole()
            whole = time.process_time() - began
        return whole - clock.seconds, whole


def cost(peers: Mapping[str, Any], model: Model, seconds: float, rounds: int) -> dict[str, Any]:
    """Of every system by name, ours as "ours HOP"; ratios are to ours at the card's live hop.

    A decision's time is the processor's: where a core is free, that is how long it takes.
    """
    cases: dict[str, _Peer | _Ours] = {name: _Peer(peer, seconds) for name, peer in peers.items()}
    for hop in model.card.hops:
        cases[_ours(hop.seconds)] = _Ours(model, hop, seconds)
    live = model.card.live_hop
    base = _ours(live)
    whole = in_turn({n: case.whole for n, case in cases.items()}, rounds, time.process_time)
    a_second = {n: [t / cases[n].heard for t in taken] for n, taken in whole.items()}
    deciding = {n: case.decide for n, case in cases.items()}
    decision = in_turn(deciding, 5 * rounds, time.process_time)
    found: dict[str, Any] = {}
    for name, case in cases.items():
        split = case.features()
        found[name] = {
            "window_s": case.window,
            "hop_s": case.hop,
            "cpu_ms_a_second": _milliseconds(a_second[name]),
            "times_ours": ratios(a_second, name, base).to_json(),
            "features_share": None if split is None else split[0] / split[1],
            "decision_ms": _milliseconds(decision[name]),
            "parameters": parameters(name, peers[name]) if name in peers else None,
        }
        if name in peers or name == base:
            found[name]["live"] = {
                "cpu_ms_a_second": statistics.median(decision[name]) * 1e3 / live,
                "times_ours": ratios(decision, name, base).to_json(),
            }
    return found


def _ours(hop: float) -> str:
    return f"ours {hop:g}"


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    return Spread.of([value * 1e3 for value in seconds]).to_json()
