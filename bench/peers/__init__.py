"""Pretrained taggers of others and ours on the same audio, in one run: cost, delay, accuracy.

The taggers lie in a folder of the user's (--peers, or STREAMGENRE_PEERS) with a `peers.py`: names
in `ALL`, and `load(name)` giving a model with `sr`, `labels`, `tag_pcm(samples)` and mostly `n` and
`hop`. One whose own package is missing is left out and named; the others still run. With labelled
music (--data) it also tells who is right more often on its test split.

What is unfair to the taggers: they were trained to tag, not to choose one genre of fourteen, and
on other people's idea of each genre; the tables from their words to our genres are ours
(labels.py), and a tagger that hears rock in most metal, which is no error of a tagger, loses
by it; the music comes at 16 kHz and 24 kbit/s, as ours was trained on and they were not; they run
as their loader has them, most in PyTorch, not in their fastest form; and two of them, mn04 and
msd_musicnn, taught ours. What is unfair to ours: some of the test tracks may be among what a
tagger was trained on, and nobody can tell.
"""

from __future__ import annotations

import importlib.util
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from streamgenre.model.model import Model, load, read_model

from ..common import Options, Skipped, table
from . import accuracy, cost
from .cost import window_and_hop
from .labels import VOCABULARY

TITLE = "Pretrained taggers of others beside ours: processor time, delay, accuracy"


def measure(options: Options) -> dict[str, Any]:
    """Costs of every tagger that can be loaded, and accuracy where there is labelled music."""
    folder = options.peers or Path(os.environ.get("STREAMGENRE_PEERS", ""))
    peers, absent = open_all(folder)
    model = load()
    with _one_thread():
        costs = cost.cost(peers, model, *((30.0, 1) if options.quick else (60.0, 7)))
        right = (
            accuracy.accuracy(peers, model, options.data, 1 if options.quick else None)
            if options.data
            else None
        )
    return {
        "cost": costs,
        "accuracy": right,
        "absent": absent,
        "live_hop": model.card.live_hop,
        "our_parameters": _our_parameters(model),
    }


def open_all(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Taggers by name, each tried on a window, and why others are not there."""
    if not (folder / "peers.py").is_file():
        raise Skipped(
            "needs a folder with peers.py and the weights of other models: --peers FOLDER, or "
            f"STREAMGENRE_PEERS{f' (no peers.py in {folder})' if folder != Path() else ''}"
        )
    os.environ["THREADS"] = "1"  # read by the loader as it is imported
    try:
        from training.data import DataError
        from training.distillation.hear import open_peers
    except ImportError as error:
        raise Skipped(f"the taggers need pip install '.[train]' ({error})") from None
    try:
        module = open_peers(folder)
    except DataError as error:
        raise Skipped(str(error)) from None
    peers: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for name in module.ALL:
        if name not in VOCABULARY:
            absent[name] = "no table of its labels in bench/peers/labels.py"
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


def _one_thread() -> AbstractContextManager[object]:
    """NumPy's products on one thread, as everything else here."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return nullcontext()
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def _our_parameters(model: Model) -> int:
    """Trained weights of the bundled model."""
    import onnx

    from streamgenre.networks.calibrated import weights_into
    from training.literature.cost import parameters

    file = onnx.load_from_string(read_model(None)[1])
    return parameters(weights_into(model.card.network, file))


def report(found: dict[str, Any]) -> list[str]:
    """Costs, then accuracy."""
    lines = _cost_lines(found)
    if found["accuracy"] is None:
        lines += ["", "Accuracy was not measured: it needs labelled music (`--data`)."]
    else:
        lines += ["", *_accuracy_lines(found["accuracy"])]
    if found["absent"]:
        lines += ["", f"Not measured: {_listed(found['absent'])}."]
    return lines


def _cost_lines(found: dict[str, Any]) -> list[str]:
    live = found["live_hop"]
    rows = []
    order = sorted(found["cost"], key=lambda name: found["cost"][name]["times_ours"]["median"])
    for name in order:
        one = found["cost"][name]
        ours = name.startswith("ours")
        count = found["our_parameters"] if ours else one["parameters"]
        share, often = one["features_share"], one.get("live")
        rows.append(
            [
                f"**{name} s**" if ours else name,
                "–" if count is None else f"{count / 1e6:.2f} M",
                f"{one['window_s']:.3g} s",
                f"{one['decision_ms']['median']:.1f} ms",
                f"{one['hop_s']:.3g} s",
                f"{one['cpu_ms_a_second']['median']:.2f}",
                "–" if share is None else f"{share:.0%}",
                f"{one['times_ours']['median']:.2f}",
                f"{often['cpu_ms_a_second']:.1f}" if often else "–",
                f"{often['times_ours']['median']:.1f}" if often else "–",
            ]
        )
    return [
        *table(
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
        "",
        "One thread each, the same music, taken in turn; medians; decoding and resampling are not "
        "in it. A tagger runs in PyTorch, YAMNet in LiteRT, ours in ONNX Runtime. `of it before "
        "the network`: spectra where the loader has a function for them; of ours all that the "
        "stream does outside of the network. Ours gives its first update after one hop, though it "
        "hears silence before it; what it takes to show a genre is in `delay`.",
    ]


def _accuracy_lines(found: dict[str, Any]) -> list[str]:
    hops = list(found["ours"])
    rows = []
    order = sorted(found["peers"], key=lambda n: (-len(found["peers"][n]["genres"]), n))
    for name in order:
        one = found["peers"][name]
        cells = [name, len(one["genres"]), one["tracks"]]
        cells.append(_scores(one))
        for hop in hops:
            ours = one["ours"][hop]
            ahead, low, high = ours["ahead"]
            cells += [
                _scores(ours),
                f"{ahead:+.3f} ({low:+.3f} to {high:+.3f})",
            ]
        rows.append([*cells, f"{one['ours'][hops[-1]]['among_all']:.3f}"])
    head = ["tagger", "genres that it can name", "tracks", "accuracy (macro recall; AUC)"]
    for hop in hops:
        head += [f"ours at {hop} s", "ours ahead by"]
    head.append(f"ours at {hops[-1]} s among all fourteen")
    alone = ", ".join(f"{value['accuracy']:.3f} at {hop} s" for hop, value in found["ours"].items())
    return [
        *table(head, rows),
        "",
        f"Tracks of the test split, {found['tracks']} in all (ours on all of them: {alone}), "
        "opened once more for this; the tables from labels to genres were fixed before, by the "
        "labels' names. Ours chooses among the same genres as the tagger; intervals are 95 % "
        "bootstraps over tracks, paired. AUC: mean over genres, each by itself, which a tagger's "
        "leaning to frequent tags does not touch. Taggers were not trained to choose one genre, "
        "nor on 16 kHz at 24 kbit/s; they may have been trained on some of these tracks.",
    ]


def _scores(one: dict[str, float]) -> str:
    return f"{one['accuracy']:.3f} ({one['macro_recall']:.3f}; {one['auc']:.3f})"


def _listed(reasons: dict[str, str]) -> str:
    return "; ".join(f"{name} ({reason})" for name, reason in reasons.items())
