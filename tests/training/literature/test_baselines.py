"""The classical systems read what was published, learn it, and keep what they have measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT

librosa = pytest.importorskip("librosa", reason="features need the train extra")
torch = pytest.importorskip("torch", reason="one of the models needs the train extra")

from training.literature.baselines import classifiers, falola  # noqa: E402
from training.literature.baselines.cache import Feature, measured  # noqa: E402
from training.literature.baselines.classifiers import stacked  # noqa: E402
from training.literature.baselines.content import VALUES, content_features  # noqa: E402
from training.literature.baselines.fma_features import (  # noqa: E402
    COLUMNS,
    ROWS,
    fma_features,
)
from training.literature.baselines.irvin_spectra import irvin_spectra  # noqa: E402
from training.literature.baselines.system import FALOLA, Baseline, run  # noqa: E402
from training.literature.rows import chosen_rows  # noqa: E402

RATE = 16_000


def tone(seconds, pitch=440.0, seed=0):
    """A noisy tone, float32."""
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(time)) * 0.02
    return (np.sin(2 * np.pi * pitch * time) * (0.3 + 0.1 * np.sin(3 * time)) + noise).astype("f4")


def column(values, *name):
    return values[0, COLUMNS.index(name)]


@pytest.fixture(scope="module")
def clip_and_features():
    clip = tone(6) + tone(6, 1_000, seed=1)
    return clip, fma_features(clip)


# FMA


def test_the_columns_are_the_published_ones():
    assert len(COLUMNS) == 518 and list(COLUMNS) == sorted(COLUMNS)
    assert COLUMNS[0] == ("chroma_cens", "kurtosis", "01")
    assert COLUMNS[-1] == ("zcr", "std", "01")


def test_the_sets_of_features_have_the_published_dimensions():
    rows = [r.entries for r in chosen_rows(["3"]) if r.entries["model"] == "svm-rbf"]
    sets = {tuple(entries.get("columns", ROWS)) for entries in rows}
    dimensions = sorted(7 * sum(ROWS[feature] for feature in parts) for parts in sets)
    published = [84, 84, 84, 140, 7, 7, 7, 49, 7, 42, 7, 189, 273, 196, 280, 322, 287, 518]
    assert dimensions == sorted(published)


def test_the_columns_are_what_librosa_and_scipy_give(clip_and_features):
    from scipy import stats

    clip, found = clip_and_features
    assert found.shape == (1, 518) and found.dtype == np.float32
    spectrum = {"y": clip, "sr": RATE, "n_fft": 2_048, "hop_length": 512}
    cqt = np.abs(librosa.cqt(clip, sr=RATE, n_bins=84, tuning=None))
    cens = librosa.feature.chroma_cens(C=cqt, bins_per_octave=12)
    rows = {
        "chroma_cqt": librosa.feature.chroma_cqt(C=cqt, bins_per_octave=12),
        "tonnetz": librosa.feature.tonnetz(chroma=cens),
        "chroma_stft": librosa.feature.chroma_stft(**spectrum),
        "mfcc": librosa.feature.mfcc(**spectrum, n_mfcc=20),
        "spectral_centroid": librosa.feature.spectral_centroid(**spectrum),
        "spectral_contrast": librosa.feature.spectral_contrast(**spectrum),
        "spectral_rolloff": librosa.feature.spectral_rolloff(**spectrum),
    }
    for feature, values in rows.items():
        assert len(values) == ROWS[feature]
        for number in (0, len(values) - 1):
            row, name = values[number], f"{number + 1:02d}"
            assert column(found, feature, "mean", name) == pytest.approx(row.mean(), rel=1e-4)
            assert column(found, feature, "std", name) == pytest.approx(row.std(), rel=1e-3)
            assert column(found, feature, "max", name) == pytest.approx(row.max(), rel=1e-4)
            assert column(found, feature, "median", name) == pytest.approx(
                np.median(row), rel=1e-4, abs=1e-5
            )
    centroid = rows["spectral_centroid"][0]
    assert column(found, "spectral_centroid", "kurtosis", "01") == pytest.approx(
        stats.kurtosis(centroid), rel=1e-3
    )
    assert column(found, "spectral_centroid", "skew", "01") == pytest.approx(
        stats.skew(centroid), rel=1e-3
    )


def test_as_published_some_features_take_another_rate(clip_and_features):
    clip, ours = clip_and_features
    theirs = fma_features(clip, as_published=True)
    for feature in ("spectral_centroid", "spectral_bandwidth", "spectral_rolloff"):
        ratio = column(theirs, feature, "mean", "01") / column(ours, feature, "mean", "01")
        assert ratio == pytest.approx(22_050 / 16_000, rel=1e-4)
    same = {name for name in ROWS for a, b, c in zip(COLUMNS, ours[0], theirs[0], strict=True)
            if a[0] == name and b != c}  # fmt: skip
    assert same == {f for f in ROWS if f.startswith("spectral_")} | {"chroma_stft"}


@pytest.mark.parametrize("measure", [fma_features, irvin_spectra, content_features])
@pytest.mark.parametrize(
    "clip", [tone(2), tone(0.3), np.zeros(2 * RATE, "f4"), np.ones(RATE, "f4")]
)
def test_any_clip_has_finite_features(measure, clip):
    assert np.isfinite(measure(clip)).all()


def test_rows_that_do_not_change_have_no_skew():
    found = fma_features(np.zeros(2 * RATE, "f4"))
    assert column(found, "rmse", "skew", "01") == 0
    assert column(found, "rmse", "kurtosis", "01") == -3


# Spectra and content


def test_spectra_are_22_by_513_for_every_five_seconds():
    from scipy.signal import resample_poly, spectrogram

    clip = tone(30, 500)
    found = irvin_spectra(clip)
    assert found.shape == (6, 22, 513) and found.dtype == np.float32
    _, _, direct = spectrogram(resample_poly(clip, 1, 4)[20_000:40_000], 4_000, nperseg=1_024)
    np.testing.assert_allclose(found[1, :, 64:400], np.log(1e-10 + direct.T)[:, 64:400], atol=0.1)
    assert (found.argmax(2) == 128).all()  # 500 Hz of 3.9 Hz a bin


@pytest.mark.parametrize(("seconds", "segments"), [(2, 1), (5, 1), (7, 1), (8, 2), (29.9, 6)])
def test_tracks_of_any_length_are_cut_into_five_seconds(seconds, segments):
    assert irvin_spectra(tone(seconds)).shape == (segments, 22, 513)


def test_content_comes_from_start_middle_and_end():
    whole = np.concatenate([tone(10, 500), tone(10, 1_500), tone(10, 3_000)])
    found = content_features(whole)
    assert found.shape == (1, VALUES) == (1, 78)
    centroids = found[0].reshape(3, 26)[:, 2]
    middle = librosa.feature.spectral_centroid(y=whole[10 * RATE : 20 * RATE], sr=RATE).mean()
    assert centroids[1] == pytest.approx(middle, rel=1e-4)
    assert centroids[0] < centroids[1] - 300 < centroids[2] - 600
    np.testing.assert_array_equal(
        content_features(tone(4)), content_features(np.resize(tone(4), 10 * RATE))
    )


# Models


def clouds(rows, seed=0):
    """Rows (N, 6) of classes 0, 1 and 3, and their labels."""
    random = np.random.default_rng(seed)
    labels = np.tile([0, 1, 3], rows // 3)
    return random.standard_normal((rows, 6)) * 20 + 50 * labels[:, None] * np.eye(6)[labels], labels


@pytest.mark.parametrize("name", list(classifiers.MODELS))
def test_every_classifier_learns(name):
    (rows, labels), (asked, truth) = clouds(90), clouds(60, seed=1)
    model = classifiers.fit(name, rows, labels, classes=4, seed=3)
    found = model.probabilities(asked)
    assert found.shape == (60, 4) and (found >= 0).all()
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found[:, 2] == 0).all()  # no row was of this class
    if name != "svm-rbf-ovr":  # it has its scores only
        np.testing.assert_array_equal(found.argmax(1), model.pipeline.predict(asked))
    if name != "knn200":  # all rows are neighbours: the classes are equally frequent
        assert (found.argmax(1) == truth).mean() > 0.6
    again = classifiers.fit(name, rows, labels, classes=4, seed=3).probabilities(asked)
    np.testing.assert_array_equal(found, again)
    # The columns are standardised inside.
    far = classifiers.fit(name, rows * 1e3 + 5, labels, classes=4, seed=3)
    np.testing.assert_allclose(far.probabilities(asked * 1e3 + 5), found, atol=0.02)


@pytest.mark.parametrize("name", ["svm-rbf", "svm-rbf-ovr", "linear-svc", "lr"])
def test_two_classes_have_two_columns(name):
    rows, labels = clouds(90)
    rows, labels = rows[labels < 2], labels[labels < 2]
    model = classifiers.fit(name, rows, labels, classes=2, seed=0)
    found = model.probabilities(rows)
    assert found.shape == (60, 2)
    assert (found.argmax(1) == labels).mean() > 0.8


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("lr", 3 * 7),
        ("softmax", 3 * 7),
        ("linear-svc", 3 * 7),
        ("knn200", 90 * 6),
        ("mlp100", 6 * 100 + 100 + 100 * 3 + 3),
        ("mlp200-50", 6 * 200 + 200 + 200 * 50 + 50 + 50 * 3 + 3),
        ("nb", 3 * (6 + 6 + 1)),
        ("qda", 3 * (6 + 36 + 6 + 1)),
    ],
)
def test_parameters_are_counted(name, parameters):
    assert classifiers.fit(name, *clouds(90), classes=4, seed=0).parameters == parameters


def test_the_softmax_regression_has_the_published_size():
    rows = np.random.default_rng(0).standard_normal((20, 22 * 513)).astype("f4")
    model = classifiers.fit("softmax", rows, np.repeat(np.arange(10), 2), classes=10, seed=0)
    assert model.parameters == 112_870


def test_an_svm_counts_its_support_vectors():
    model = classifiers.fit("svm-rbf", *clouds(90), classes=4, seed=0)
    machine = model.pipeline[-1]
    count = len(machine.support_)
    assert model.parameters == count * 6 + count * 2 + 3 and 3 < count <= 90
    tree = classifiers.fit("tree5", *clouds(90), classes=4, seed=0)
    assert tree.parameters == 5 * tree.pipeline[-1].tree_.n_leaves - 2


def test_one_kernel_for_all_equals_one_kernel_each():
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC

    (rows, labels), (asked, _) = clouds(90), clouds(30, seed=1)
    rows, asked = rows / 50, asked / 50
    ours = classifiers.OneVsRestRBF().fit(rows, labels).decision_function(asked)
    each = OneVsRestClassifier(SVC(gamma="auto")).fit(rows, labels).decision_function(asked)
    np.testing.assert_allclose(ours, each, atol=1e-6)


def test_the_content_network_has_the_sizes_it_names():
    given, shapes = torch.zeros(2, 1, VALUES), []
    for layer in falola.ContentCNN(VALUES, 7).layers:
        given = layer(given)
        shapes.append(tuple(given.shape[1:]))
    relu_too = [(64, 78), (64, 78), (128, 78), (128, 78), (128, 39), (4_992,), (128,), (128,)]
    assert shapes == [*relu_too, (7,)]


def test_the_content_network_overfits_eight_tracks():
    rows = np.random.default_rng(0).standard_normal((8, VALUES)).astype("f4") * 7
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    model = falola.fit(rows, labels, 3, seed=1)
    found = model.probabilities(rows)
    np.testing.assert_array_equal(found.argmax(1), labels)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_array_equal(found, falola.fit(rows, labels, 3, seed=1).probabilities(rows))
    assert not np.array_equal(found, falola.fit(rows, labels, 3, seed=2).probabilities(rows))
    convolutions, dense = 4 * 64 + (3 * 64 + 1) * 128, 39 * 128 * 128 + 128 + 129 * 3
    assert model.parameters == convolutions + dense


def test_stacking_weights_the_better_network():
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    right = np.eye(3)[labels] * 0.6 + random.dirichlet(np.ones(3), 90) * 0.4
    noise = [random.dirichlet(np.ones(3), 90) for _ in range(2)]
    nets = [noise[0], right, noise[1]]
    found = stacked([n[:60] for n in nets], labels[:60], [n[60:] for n in nets])
    assert found.shape == (30, 3)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (
        (found.argmax(1) == labels[60:]).mean()
        > 0.9
        > (sum(nets)[60:].argmax(1) == labels[60:]).mean()
    )


def test_networks_that_do_not_match_are_not_stacked():
    net = np.full((4, 2), 0.5)
    for known, asked in [([net], [net, net]), ([net, net[:2]], [net, net]), ([net], [net[:, :1]])]:
        with pytest.raises(ValueError, match="must have the shapes"):
            stacked(known, np.array([0, 1, 0, 1]), asked)


# Cache


def tracks(count):
    random = np.random.default_rng(0)
    return {f"t{i}": random.integers(-9_000, 9_000, 800 + i, dtype=np.int16) for i in range(count)}


def loudness(samples, dies_at=None):
    if len(samples) == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)
    with Path("asked").open("a") as file:
        file.write(f"{len(samples)}\n")
    return np.array([[np.abs(samples).max()]], np.float32)


KILLED = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), str(ROOT / "tests"), str(ROOT)]}
from functools import partial
from pathlib import Path
import test_baselines as t
audio = t.tracks(30)
feature = t.Feature("loudness", 1, partial(t.loudness, dies_at=800 + 20))
t.measured(feature, audio, list(audio), Path("kept"))
"""


def test_the_cache_resumes_after_a_kill(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = subprocess.run([sys.executable, "-c", KILLED]).returncode
    assert code == -signal.SIGKILL
    audio = tracks(30)
    found = measured(Feature("loudness", 1, loudness), audio, list(audio), Path("kept"))
    asked = [int(line) for line in Path("asked").read_text().split()]
    assert asked == list(range(800, 830))  # each of them once
    for key, samples in audio.items():
        assert found.values[key] == np.float32(np.abs(samples.astype(float)).max() / 32_768)
    assert found.seconds > 0


def test_sound_name_and_version_are_the_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    audio = tracks(3)

    def asked(feature, audio):
        Path("asked").write_text("")
        measured(feature, audio, list(audio), tmp_path / "kept")
        return len(Path("asked").read_text().split())

    feature = Feature("loudness", 1, loudness)
    assert asked(feature, audio | {"again": audio["t0"]}) == 3  # the same sound once
    assert asked(feature, {f"renamed-{k}": v for k, v in audio.items()}) == 0
    assert asked(feature, audio | {"t0": audio["t0"] + 1}) == 1
    assert asked(Feature("loudness", 2, loudness), audio) == 3
    assert asked(Feature("louder", 1, loudness), audio) == 3


# The whole


def small_set():
    """Twelve tracks of 2 and 8 s in two classes, dark and bright noise."""
    audio = {}
    for i in range(12):
        noise = np.random.default_rng(i).standard_normal((2 if i % 3 else 8) * RATE)
        dark = np.convolve(noise, np.ones(16) / 8, "same") if i < 6 else noise
        audio[f"t{i:02d}"] = (dark * 3_000).astype(np.int16)
    return audio, np.repeat([0, 1], 6)


@pytest.mark.parametrize(
    "baseline",
    [
        Baseline("fma", "svm-rbf"),
        Baseline("fma", "lr", ("spectral_centroid", "mfcc")),
        Baseline("fma-as-published", "linear-svc", ("spectral_centroid",)),
        Baseline("irvin", "svm-rbf-ovr"),
        Baseline("irvin", "softmax"),
        Baseline("content", FALOLA),
    ],
    ids=lambda b: f"{b.features} {b.model}",
)
def test_a_system_learns_and_predicts(baseline, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "features"  # shared: measured once
    audio, labels = small_set()
    keys = list(audio)
    train, test = [k for k in keys if k not in ("t03", "t10")], ["t10", "t03"]
    wanted = np.array([labels[keys.index(k)] for k in train])
    asked = partial(run, baseline, audio, train, wanted, test, classes=2, seed=0, folder=folder)
    found = asked()
    assert list(found.probabilities) == test
    segments = 2 if baseline.features == "irvin" else 1
    assert found.probabilities["t03"].shape == (segments, 2)
    assert found.probabilities["t10"].shape == (1, 2)
    for key, truth in (("t03", 0), ("t10", 1)):
        rows = found.probabilities[key]
        np.testing.assert_allclose(rows.sum(1), 1)
        assert rows.mean(0).argmax() == truth
    assert found.parameters > 0 and found.fit_seconds > 0 and found.feature_seconds > 0
    again = asked().probabilities
    np.testing.assert_array_equal(again["t03"], found.probabilities["t03"])


def test_unknown_choices_are_refused(tmp_path):
    for arguments, says in [
        (("fms", "lr"), "features"),
        (("fma", "svm"), "model"),
        (("irvin", "softmax", ("mfcc",)), "columns"),
        (("fma", "lr", ("mfc",)), "mfc"),
    ]:
        with pytest.raises(ValueError, match=says):
            Baseline(*arguments)
    with pytest.raises(ValueError, match="unknown classifier"):
        classifiers.fit("svm", *clouds(9), classes=4, seed=0)
    with pytest.raises(ValueError, match="labels"):
        run(Baseline("fma", "lr"), {}, ["a"], np.array([]), [], 2, 0, tmp_path)
    with pytest.raises(ValueError, match="two features"):
        falola.ContentCNN(1, 3)
