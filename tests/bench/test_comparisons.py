"""The comparisons of the benchmarks: implementations agree, and counts are correct."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench import floor, framing, gpu, peers, ring
from bench.common import MismatchError, Options, Skipped, music
from bench.floor import Bound, Rates
from bench.floor.graph import Counts, of_model, part_of_node
from bench.gpu import ways
from bench.peers.accuracy import accuracy
from bench.peers.cost import cost
from bench.peers.labels import VOCABULARY, by_genre, nameable
from bench.ring.channels import CAPACITY, CHANNELS
from streamgenre.model.card import Hop
from streamgenre.model.model import read_model

QUICK = Options(quick=True)


# Framing


def test_all_ways_to_windows_give_the_same(model):
    for hop in model.card.hops:
        assert framing.check(music(5.0), hop) == 80_000 // hop.samples


def test_different_windows_are_detected(monkeypatch):
    hop = Hop(0.1, 1_600, 3_200)
    late = lambda audio, hop: framing.ours(audio[1:], hop)  # noqa: E731
    monkeypatch.setattr(framing, "ways", lambda: {"late": late})
    with pytest.raises(MismatchError, match="late: window 1"):
        framing.check(music(1.0), hop)


def test_implementations_agree_on_damaged_audio():
    hop = Hop(0.1, 1_600, 3_200)
    audio = music(1.0).copy()
    audio[[3, 1_700, 1_701]] = np.nan, np.inf, -np.inf
    by_way = {
        name: [(w.copy(), level, damaged) for w, level, damaged in way(audio, hop)]
        for name, way in framing.ways().items()
        if "only" not in name and "whole" not in name
    }
    assert len(by_way) == 4
    for windows in by_way.values():
        assert [damaged for _, _, damaged in windows][:3] == [1, 2, 0]
        for one, right in zip(windows, by_way["ours"], strict=True):
            np.testing.assert_array_equal(one[0], right[0])
            np.testing.assert_allclose(one[1], right[1], atol=1e-3)


def test_framing_measures_every_way(model, monkeypatch):
    monkeypatch.setattr(framing, "_LOOP_SECONDS", 5.0)
    result = framing.measure(QUICK)
    assert set(result) == {f"{hop.seconds:g}" for hop in model.card.hops}
    for one in result.values():
        assert set(one.ways) == set(framing.ways())
        assert all(way.windows_a_second > 0 for way in one.ways.values())
        assert one.ways["ours"].times_ours.median == 1
    assert framing.report(result)[0].count("\n") > len(framing.ways())


# Rings


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("block", [64, 4_096])
def test_what_goes_in_comes_out_in_order(name, block):
    samples = np.arange(50_001, dtype=np.float32)
    assert ring.check(ring.alone(CHANNELS[name](block), samples, block), samples) == 0
    missing = ring.check(ring.in_two(CHANNELS[name](block), samples, block), samples)
    assert missing == 0  # as many as may wait, or less: nothing is dropped


def test_a_live_ring_counts_exactly_what_it_drops():
    samples = np.arange(CAPACITY + 777, dtype=np.float32)
    channel = CHANNELS["LiveRing"](64)
    channel.write(samples)
    parts = [channel.read(8_000) for _ in range(CAPACITY // 8_000 + 1)]
    assert ring.check(parts, samples) == 777


@pytest.mark.parametrize(
    "parts",
    [
        [(0, [0, 1]), (0, [1, 2, 3])],  # twice
        [(0, [0, 1]), (0, [3])],  # lost and not counted
        [(0, [2, 3]), (0, [0, 1])],  # order
        [(0, [0, 1, 2])],  # the end
    ],
)
def test_losses_and_disorder_are_detected(parts):
    samples = np.arange(4, dtype=np.float32)
    with pytest.raises(MismatchError):
        ring.check([(lost, np.array(got, np.float32)) for lost, got in parts], samples)


def test_rings_are_measured_in_one_thread_and_in_two(monkeypatch):
    monkeypatch.setattr(ring, "BLOCKS", (512,))
    result = ring.measure(QUICK)
    for how in ("one thread", "two threads"):
        one = result["512"][how]
        assert set(one) == set(CHANNELS)
        assert all(way.samples_a_second > 0 for way in one.values())
        assert all(way.missing_share == 0 for name, way in one.items() if name != "LiveRing")
    assert ring.report(result)


# The floor


def test_multiply_adds_and_bytes_of_a_small_graph_are_those_counted_by_hand():
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = {
        "kernel": rng.standard_normal((4, 1, 3, 3)).astype(np.float32),  # two groups
        "dense": rng.standard_normal((7, 4)).astype(np.float32),
        "last": np.array([[1, 0], [2, 0], [0, 0], [3, 0], [4, 0], [0, 0], [5, 0]], np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"], "/front/Conv", group=2),
        helper.make_node("Relu", ["c"], ["r"], "/blocks.0/Relu"),
        helper.make_node("ReduceMean", ["r"], ["m"], "/ReduceMean", axes=[2, 3], keepdims=0),
        helper.make_node("Transpose", ["dense"], ["turned"], "/gru/Transpose", perm=[1, 0]),
        helper.make_node("MatMul", ["m", "turned"], ["h"], "/gru/MatMul"),
        helper.make_node("Gemm", ["h", "last"], ["y"], "/music/Gemm"),
    ]
    float_info = lambda name, shape: helper.make_tensor_value_info(  # noqa: E731
        name, TensorProto.FLOAT, shape
    )
    graph = helper.make_graph(
        nodes,
        "small",
        [float_info("x", ["streams", 2, 5, 6])],
        [float_info("y", ["streams", 2])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model)
    counts = of_model(model.SerializeToString())
    conv = 4 * 3 * 4  # channels, rows, columns
    assert counts.parts == {
        "front end": Counts(
            macs=conv * 9,
            macs_nonzero=conv * 9,
            weight_bytes=4 * 36,
            activation_bytes=4 * (2 * 5 * 6 + conv),
        ),
        "memory": Counts(28, 28, 4 * 28, 4 * (4 + 7)),
        "heads": Counts(14, 5, 4 * 14, 4 * (7 + 2)),
    }
    assert counts.macs == conv * 9 + 28 + 14


def test_the_bundled_graph_has_the_known_multiply_adds():
    pytest.importorskip("onnx")
    counts = of_model(read_model(None)[1])
    parts = counts.parts
    assert parts["front end"].macs == pytest.approx(59.9e6, rel=0.01)
    assert parts["trunk"].macs_nonzero == pytest.approx(28.2e6, rel=0.02)
    # A GRU of 256 on the 888 features of the backbone.
    assert parts["memory"].macs == 3 * 256 * (888 + 256)
    for name in vars(parts["memory"]):
        assert getattr(counts, name) == sum(getattr(one, name) for one in parts.values())
    assert all(one.macs_nonzero <= one.macs for one in parts.values())
    assert floor.fft_macs(251) < parts["front end"].macs / 20


def test_a_node_without_a_scope_belongs_to_the_previous_scope():
    assert part_of_node("/network/Conv", "front end") == "front end"
    assert part_of_node("/network/stem/Conv_output_0_nchwc_kernel_time", "front end") == "trunk"
    assert part_of_node("ReorderOutput_token_3_kernel_time", "trunk") == "trunk"
    assert part_of_node("fused /network/blocks.3/gate/excite/Gemm_kernel_time", "") == "trunk"
    assert part_of_node("network.gru.from_state", "heads") == "memory"


def test_a_profile_is_added_up_run_by_run():
    def node(name, microseconds):
        return {"cat": "Node", "name": f"{name}_kernel_time", "dur": microseconds}

    end = {"cat": "Session", "name": "model_run", "dur": 99}
    events = [
        {"cat": "Session", "name": "session_initialization", "dur": 5},
        *[node("/network/Conv", 3), node("/network/gru/Gemm", 4), node("Reorder", 1), end],
        *[node("/network/Conv", 5), node("/network/gru/Gemm", 6), end],
    ]
    runs = floor._by_run(events)
    assert [run["front end"] for run in runs] == [3, 5]
    assert [run["memory"] for run in runs] == [5, 6]


def test_a_floor_is_the_larger_of_its_two_sides_or_their_sum():
    rates = Rates(macs=4.0, weights=20.0, cached=3.0, large=1.0)
    assert floor.floor_of(Counts(9, 8, 20, 6), rates) == Bound(2, 3, 3, 5)


def test_the_floor_needs_the_onnx_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Skipped, match="onnx package"):
        floor.measure(QUICK)


# The GPU


def test_the_gpu_bench_runs_on_the_cpu_and_finds_the_engines_alike(model, monkeypatch):
    torch = pytest.importorskip("torch")
    from streamgenre.model.torch import TorchEngine

    monkeypatch.setattr(gpu, "_WARM", 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        engine = TorchEngine(read_model(None)[1], model.card, "cpu")
        result = gpu._measure_on(engine, "cpu", 3, (2,))
    finally:
        torch.set_num_threads(threads)
    assert result.parity.probabilities < 1e-3
    assert result.parity.same_genre == 1
    assert set(result.batches) == {"2"}
    for one in result.batches.values():
        assert set(one) == {"engine", "device"}
        assert all(0 < way.p50_ms <= way.p99_ms for way in one.values())
    assert gpu.report(result)


def test_streams_of_a_batch_get_different_music(model):
    windows, state = ways.start(model.engine, model.card.hops[0], 3)
    assert windows.shape == (3, 40_000)
    assert state.shape == (3, model.card.state_size)
    assert not np.array_equal(windows[0], windows[1])


def test_without_cuda_the_gpu_bench_states_the_reason(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Skipped, match="no CUDA device"):
        gpu.measure(QUICK)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Skipped, match="needs PyTorch"):
        gpu.measure(QUICK)


# Other taggers


def test_tables_cover_every_genre(model):
    for names in VOCABULARY.values():
        assert tuple(names) == model.card.label_names
        words = [word for some in names.values() for word in some]
        assert len(set(words)) == len(words), "a word for two genres"


def test_every_entry_of_a_table_is_a_label_of_its_tagger():
    folder = os.environ.get("STREAMGENRE_PEERS")
    if not folder:
        pytest.skip("STREAMGENRE_PEERS names no folder with other taggers")
    pytest.importorskip("torch")
    from training.distillation.outputs import open_peers

    module = open_peers(Path(folder))
    for name in VOCABULARY:
        try:
            labels = module.load(name).labels
        except ImportError:
            continue
        by_genre(np.zeros((1, len(labels))), labels, VOCABULARY[name])


def test_the_score_of_a_genre_is_its_most_probable_label():
    names = {"rock": ("rock", "punk"), "polka": (), "jazz": ("jazz",)}
    predicted = np.array([[0.2, 0.1, 0.5], [0.3, 0.4, 0.0]])
    assert nameable(names) == ("rock", "jazz")
    found = by_genre(predicted, ["rock", "jazz", "punk"], names)
    np.testing.assert_array_equal(found, [[0.5, 0.1], [0.3, 0.4]])
    with pytest.raises(ValueError, match="rock: no label punk"):
        by_genre(predicted, ["rock", "jazz", "other"], names)


def test_without_a_folder_the_comparison_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.delenv("STREAMGENRE_PEERS", raising=False)
    with pytest.raises(Skipped, match="--peers FOLDER, or STREAMGENRE_PEERS"):
        peers.measure(QUICK)
    with pytest.raises(Skipped, match=r"no peers\.py in"):
        peers.measure(Options(quick=True, peers=tmp_path))


PEERS = """
import numpy as np
ALL = ["mn04", "yamnet", "choi_crnn", "unheard-of"]
class Loud:
    sr, n, hop, labels = 16_000, 16_000, 16_000, ["rock", "jazz", "classical"]
    def tag_pcm(self, samples):
        return self.labels, np.tile([[0.6, 0.5, 0.1]], (len(samples) // self.hop, 1))
def load(name):
    if name == "yamnet":
        import a_package_that_nobody_has
    if name == "choi_crnn":
        open("/no/such/weights")
    return Loud()
"""


def test_taggers_that_cannot_run_are_named_and_the_others_still_run(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "peers.py").write_text(PEERS)
    found, absent = peers.open_all(tmp_path)
    assert list(found) == ["mn04"]
    assert absent["yamnet"] == "needs a_package_that_nobody_has"
    assert "no/such/weights" in absent["choi_crnn"]
    assert "no table" in absent["unheard-of"]
    (tmp_path / "peers.py").write_text("ALL = ['yamnet']\n" + PEERS.replace("ALL", "SOME"))
    with pytest.raises(Skipped, match="none of the taggers"):
        peers.open_all(tmp_path)


class Tagger:
    """A tagger that predicts rock for loud samples and jazz for soft ones."""

    sr, n, hop, labels = 16_000, 16_000, 16_000, ("rock", "jazz")

    def __init__(self):
        self.calls = 0

    def tag_pcm(self, samples):
        self.calls += 1
        loud = float(np.abs(samples).max() > 0.2)
        return self.labels, np.tile([[loud, 0.5]], (len(samples) // self.hop, 1))


@pytest.fixture
def tagger(monkeypatch):
    names = dict.fromkeys(VOCABULARY["mn04"], ()) | {"rock": ("rock",), "jazz": ("jazz",)}
    monkeypatch.setattr("bench.peers.accuracy.VOCABULARY", {"tagger": names})
    return Tagger()


def test_costs_are_reported_beside_ours(model, tagger):
    costs = cost({"tagger": tagger}, model, 3.0, 1)
    assert set(costs) == {"tagger", *(f"ours {hop.seconds:g}" for hop in model.card.hops)}
    assert costs["tagger"].window_s == costs["tagger"].hop_s == 1
    assert costs["ours 0.5"].times_ours.median == 1
    assert 0 <= costs["ours 0.5"].features_share <= 1
    assert all(one.cpu_ms_a_second.median >= 0 for one in costs.values())
    lines = peers.report(peers.PeersResult(costs, None, {"x": "y"}, 0.5, 1_500_000))
    assert any("needs labelled music" in line for line in lines)
    assert any("x (y)" in line for line in lines)


def test_accuracy_is_measured_on_tracks_with_a_label_of_the_tagger_and_cached(
    model, tagger, tmp_path, monkeypatch
):
    pytest.importorskip("sklearn")
    monkeypatch.setenv("STREAMGENRE_BENCH_CACHE", str(tmp_path / "cache"))
    rows = ["key,genre,path,split"]
    for key, genre, gain, split in (
        ("a", "rock", 0.9, "test"),
        ("b", "rock", 0.01, "test"),
        ("c", "jazz", 0.01, "test"),
        ("d", "blues", 0.9, "test"),
        ("e", "jazz", 0.02, "train"),
    ):
        tone = gain * np.sin(np.arange(48_000) * 0.05 * len(rows))
        soundfile.write(tmp_path / f"{key}.wav", tone, 16_000)
        rows.append(f"{key},{genre},{key}.wav,{split}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    scores = accuracy({"tagger": tagger}, model, tmp_path)
    one = scores.peers["tagger"]
    assert scores.tracks == 4
    assert one.tracks == 3  # none of the blues, nothing of train
    assert list(one.genres) == ["jazz", "rock"]
    assert one.accuracy == pytest.approx(2 / 3)
    assert one.macro_recall == pytest.approx(3 / 4)
    assert one.auc == pytest.approx(5 / 8)  # rock 3/4, jazz by chance
    for ours in one.ours.values():
        ahead, low, high = ours.ahead
        assert ahead == pytest.approx(ours.accuracy - one.accuracy, abs=1e-3)
        assert low <= ahead <= high
    assert tagger.calls == 4
    assert accuracy({"tagger": tagger}, model, tmp_path) == scores
    assert tagger.calls == 4, "the cache was not used"
    lines = peers.report(peers.PeersResult({}, scores, {}, 0.5, 1))
    assert any("tagger" in line for line in lines)
