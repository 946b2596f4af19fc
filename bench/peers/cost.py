"""Processor time of taggers and of this project, per second of audio and per decision.

All systems process the same music in memory, at their own sample rates (without decoding and
resampling), on one thread, interleaved. A tagger processes consecutive windows, as its authors do.
A live display needs more frequent decisions, so the time for an update every half second is
reported too: one window each, because taggers keep no state.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from streamgenre.model.card import Hop
from streamgenre.model.model import Model

from ..common import MismatchError, Spread, in_turn, music, ratios
from ..stages import Stages

_YAMNET_WINDOW, _YAMNET_HOP = 15_600, 7_680  # samples; not stated by its loader
_PUBLISHED = {"yamnet": 3_700_000}  # weights, if the loader does not expose them
_FEATURES = ("mel", "logmel")  # functions for the features, if the loader has one
_NOT_WEIGHTS = ("mean", "var", "std", "num_batches", "spec.")  # statistics and fixed spectra
_PEERS_PARTS = ("s", "d", "w")  # attributes with the tensors by name


class Tagger(Protocol):
    """A model of `peers.py`. The attributes `n` and `hop` (samples) are optional."""

    sr: int
    labels: Sequence[str]

    def tag_pcm(self, samples: Any) -> tuple[Any, Any]:
        """Samples (n,) -> labels and probabilities (windows, L)."""
        ...


@dataclass(frozen=True)
class LiveCost:
    """The cost of an update every half second."""

    cpu_ms_a_second: float
    times_ours: Spread


@dataclass(frozen=True)
class SystemCost:
    """The cost of one system."""

    window_s: float
    hop_s: float
    cpu_ms_a_second: Spread
    times_ours: Spread
    features_share: float | None  # share of the time before the network; None if unknown
    decision_ms: Spread
    parameters: int | None
    live: LiveCost | None = None


def window_and_hop(peer: Tagger) -> tuple[int, int]:
    """Number of samples of a window, and between windows."""
    return getattr(peer, "n", _YAMNET_WINDOW), getattr(peer, "hop", _YAMNET_HOP)


def parameters(name: str, peer: Tagger) -> int | None:
    """Number of trained weights of a tagger; None if unknown."""
    for part in _PEERS_PARTS:
        tensors = getattr(peer, part, None)
        if isinstance(tensors, Mapping):
            return sum(
                int(np.prod(tensor.shape))
                for key, tensor in tensors.items()
                if not any(word in key for word in _NOT_WEIGHTS)
            )
    return _PUBLISHED.get(name)


def _split(owner: object, function: str, work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds in the calls of a function during `work`, and of all of it."""
    with Stages({function: [(owner, function)]}, time.process_time) as stages:
        began = time.process_time()
        work()
        return stages.seconds[function], time.process_time() - began


class _Peer:
    """A tagger on music: all of it, or one window for a decision."""

    def __init__(self, peer: Tagger, seconds: float) -> None:
        self._peer, self._audio = peer, music(seconds, peer.sr)
        window, hop = window_and_hop(peer)
        self.window, self.hop = window / peer.sr, hop / peer.sr
        self._first = self._audio[:window]
        _, rows = peer.tag_pcm(self._audio)
        self.duration = len(rows) * self.hop  # without the incomplete window at the end

    def whole(self) -> None:
        self._peer.tag_pcm(self._audio)

    def decide(self) -> None:
        self._peer.tag_pcm(self._first)

    def features(self) -> tuple[float, float] | None:
        """Processor seconds of `whole` before the network and in total; None if unknown."""
        for name in _FEATURES:
            if hasattr(self._peer, name):
                return _split(self._peer, name, self.whole)
        return None


class _Ours:
    """The model of this project at one hop."""

    def __init__(self, model: Model, hop: Hop, seconds: float) -> None:
        self._model, self._hop = model, hop
        self._rate = model.card.sample_rate
        self._audio = music(seconds, self._rate)
        self.window = self.hop = hop.seconds
        self.duration = len(self._audio) // hop.samples * hop.seconds
        self._stream = model.stream(hop.seconds)
        self._position = 0

    def whole(self) -> None:
        self._model.stream(self._hop.seconds).feed(self._audio, self._rate)

    def decide(self) -> None:
        """The next update of an endless stream."""
        start = self._position % (len(self._audio) - self._hop.samples + 1)
        updates = self._stream.feed(self._audio[start : start + self._hop.samples], self._rate)
        self._position += self._hop.samples
        if len(updates) != 1:
            raise MismatchError(f"{len(updates)} updates for one hop")

    def features(self) -> tuple[float, float]:
        """Processor seconds of `whole` outside of the network and in total."""
        network, whole = _split(self._model.engine, "run", self.whole)
        return whole - network, whole


def cost(
    peers: Mapping[str, Tagger], model: Model, seconds: float, rounds: int
) -> dict[str, SystemCost]:
    """Measure every system by name; ours is "ours HOP", and ratios refer to the live hop.

    The time of a decision is processor time, which equals its latency on a free core.
    """
    cases: dict[str, _Peer | _Ours] = {name: _Peer(peer, seconds) for name, peer in peers.items()}
    for hop in model.card.hops:
        cases[_ours(hop.seconds)] = _Ours(model, hop, seconds)
    live = model.card.live_hop
    base = _ours(live)
    whole = in_turn({n: case.whole for n, case in cases.items()}, rounds, time.process_time)
    a_second = {n: [t / cases[n].duration for t in taken] for n, taken in whole.items()}
    deciding = {n: case.decide for n, case in cases.items()}
    decision = in_turn(deciding, 5 * rounds, time.process_time)
    costs = {}
    for name, case in cases.items():
        split = case.features()
        often = None
        if name in peers or name == base:
            often = LiveCost(
                cpu_ms_a_second=statistics.median(decision[name]) * 1e3 / live,
                times_ours=ratios(decision, name, base),
            )
        costs[name] = SystemCost(
            window_s=case.window,
            hop_s=case.hop,
            cpu_ms_a_second=_milliseconds(a_second[name]),
            times_ours=ratios(a_second, name, base),
            features_share=None if split is None else split[0] / split[1],
            decision_ms=_milliseconds(decision[name]),
            parameters=parameters(name, peers[name]) if name in peers else None,
            live=often,
        )
    return costs


def _ours(hop: float) -> str:
    return f"ours {hop:g}"


def _milliseconds(seconds: list[float]) -> Spread:
    return Spread.of([value * 1e3 for value in seconds])
