"""Pretrained taggers and the model of this project on the same audio: cost, latency, accuracy.

The taggers are in a folder (--peers, or STREAMGENRE_PEERS) with a `peers.py`: names in `ALL`, and
`load(name)` returns a model with `sr`, `labels`, `tag_pcm(samples)` and usually `n` and `hop`.
Taggers with missing packages are skipped and listed. With labelled music (--data), the accuracy on
its test split is measured too.

The comparison is unfair to the taggers: they were trained for tagging with other definitions of the
genres, not to choose one of fourteen genres; the mapping from tags to genres is ours (labels.py); a
tagger that tags most metal as rock is penalised; the music has 16 kHz and 24 kbit/s, like our
training data; they run as their loader implements them, mostly in PyTorch; and two of them, mn04
and msd_musicnn, were teachers of ours. It is unfair to ours in that test tracks may be in the
training data of a tagger.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamgenre.model.model import Model, load, read_model

from ..common import Options, Skipped, table
from . import accuracy, cost
from .cost import SystemCost, Tagger, window_and_hop
from .labels import VOCABULARY

TITLE = "Pretrained taggers of others beside ours: processor time, delay, accuracy"


@dataclass(frozen=True)
class PeersResult:
    """The result of this measurement."""

    cost: dict[str, SystemCost]
    accuracy: accuracy.Accuracy | None
    absent: dict[str, str]  # reason by name
    live_hop: float
    our_parameters: int


def measure(options: Options) -> PeersResult:
    """Measure the costs of every tagger that can be loaded, and accuracy on labelled music."""
    folder = options.peers or Path(os.environ.get("STREAMGENRE_PEERS", ""))
    peers, absent = open_all(folder)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = load()
    with threadpool_limits(1):  # of NumPy, like the other libraries
        costs = cost.cost(peers, model, *((30.0, 1) if options.quick else (60.0, 7)))
        scores = (
            accuracy.accuracy(peers, model, options.data, 1 if options.quick else None)
            if options.data
            else None
        )
    return PeersResult(costs, scores, absent, model.card.live_hop, _our_parameters(model))


def open_all(folder: Path) -> tuple[dict[str, Tagger], dict[str, str]]:
    """Load the taggers and try each on a window. Returns taggers, and reasons for missing ones."""
    if not (folder / "peers.py").is_file():
        raise Skipped(
            "needs a folder with peers.py and the weights of other models: --peers FOLDER, or "
            f"STREAMGENRE_PEERS{f' (no peers.py in {folder})' if folder != Path() else ''}"
        )
    os.environ["THREADS"] = "1"  # read when the loader is imported
    try:
        from training.data import DataError
        from training.distillation.outputs import open_peers
    except ImportError as error:
        raise Skipped(f"the taggers need pip install '.[train]' ({error})") from None
    try:
        module = open_peers(folder)
    except DataError as error:
        raise Skipped(str(error)) from None
    peers: dict[str, Tagger] = {}
    absent: dict[str, str] = {}
    for name in module.ALL:
        if name not in VOCABULARY:
            absent[name] = "no table of its labels in bench/peers/labels.toml"
            continue
        try:
            peer = module.load(name)
            peer.tag_pcm(np.zeros(window_and_hop(peer)[0], np.float32))
        except ImportError as error:
            absent[name] = f"needs {error.name or error}"
        except OSError as error:
            absent[name] = f"cannot be read: {error}"
        else:
            peers[name] = peer
    if not peers:
        raise Skipped(f"none of the taggers in {folder} can be used: {_listed(absent)}")
    return peers, absent


def _our_parameters(model: Model) -> int:
    """Number of trained weights of the bundled model."""
    import onnx

    from streamgenre.networks.calibrated import network_from_onnx
    from training.literature.cost import parameters

    file = onnx.load_from_string(read_model(None)[1])
    return parameters(network_from_onnx(model.card.network, file))


def report(result: PeersResult) -> list[str]:
    """Costs, then accuracy."""
    lines = _cost_lines(result)
    if result.accuracy is None:
        lines.append("Accuracy was not measured: it needs labelled music (`--data`).")
    else:
        lines += _accuracy_lines(result.accuracy)
    if result.absent:
        lines.append(f"Not measured: {_listed(result.absent)}.")
    return lines


def _cost_lines(result: PeersResult) -> list[str]:
    live = result.live_hop
    rows = []
    for name, one in sorted(result.cost.items(), key=lambda item: item[1].times_ours.median):
        ours = name.startswith("ours")
        count = result.our_parameters if ours else one.parameters
        share, often = one.features_share, one.live
        rows.append(
            [
                f"**{name} s**" if ours else name,
                "–" if count is None else f"{count / 1e6:.2f} M",
                f"{one.window_s:.3g} s",
                f"{one.decision_ms.median:.1f} ms",
                f"{one.hop_s:.3g} s",
                f"{one.cpu_ms_a_second.median:.2f}",
                "–" if share is None else f"{share:.0%}",
                f"{one.times_ours.median:.2f}",
                f"{often.cpu_ms_a_second:.1f}" if often else "–",
                f"{often.times_ours.median:.1f}" if often else "–",
            ]
        )
    return [
        table(
            (
                "system",
                "parameters",
                "audio before a first decision",
                "time to compute one",
                "one every",
                "CPU ms for a second of audio",
                "of it before the network",
                f"times ours at {live:g} s",
                f"CPU ms a second with one every {live:g} s",
                "times ours",
            ),
            rows,
        ),
        "One thread each, the same music, taken in turn; medians; decoding and resampling are not "
        "in it. A tagger runs in PyTorch, YAMNet in LiteRT, ours in ONNX Runtime. `of it before "
        "the network`: spectra where the loader has a function for them; of ours all that the "
        "stream does outside of the network. Ours gives its first update after one hop, though it "
        "hears silence before it; what it takes to show a genre is in `delay`.",
    ]


def _accuracy_lines(result: accuracy.Accuracy) -> list[str]:
    hops = list(result.ours)
    rows = []
    for name in sorted(result.peers, key=lambda n: (-len(result.peers[n].genres), n)):
        one = result.peers[name]
        cells: list[object] = [name, len(one.genres), one.tracks, _scores(one)]
        for hop in hops:
            ahead, low, high = one.ours[hop].ahead
            cells += [_scores(one.ours[hop]), f"{ahead:+.3f} ({low:+.3f} to {high:+.3f})"]
        rows.append([*cells, f"{one.ours[hops[-1]].among_all:.3f}"])
    head = ["tagger", "genres that it can name", "tracks", "accuracy (macro recall; AUC)"]
    for hop in hops:
        head += [f"ours at {hop} s", "ours ahead by"]
    head.append(f"ours at {hops[-1]} s among all fourteen")
    alone = ", ".join(f"{value.accuracy:.3f} at {hop} s" for hop, value in result.ours.items())
    return [
        table(head, rows),
        f"Tracks of the test split, {result.tracks} in all (ours on all of them: {alone}), "
        "opened once more for this; the tables from labels to genres were fixed before, by the "
        "labels' names. Ours chooses among the same genres as the tagger; intervals are 95 % "
        "bootstraps over tracks, paired. AUC: mean over genres, each by itself, which a tagger's "
        "leaning to frequent tags does not touch. Taggers were not trained to choose one genre, "
        "nor on 16 kHz at 24 kbit/s; they may have been trained on some of these tracks.",
    ]


def _scores(one: accuracy.RankedScores) -> str:
    return f"{one.accuracy:.3f} ({one.macro_recall:.3f}; {one.auc:.3f})"


def _listed(reasons: dict[str, str]) -> str:
    return "; ".join(f"{name} ({reason})" for name, reason in reasons.items())
