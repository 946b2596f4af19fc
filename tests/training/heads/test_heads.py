"""Perceptrons on pooled embeddings: what they learn, and that a merged one is the same."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.heads.embeddings import Excerpts, MeanEmbedding  # noqa: E402
from training.heads.perceptron import Settings, fit  # noqa: E402

QUICK = Settings(hidden=16, members=2, epochs=12, batch=16)


@pytest.fixture(scope="module")
def clips():
    """Embeddings of 90 clips of three genres whose means differ, and the genres."""
    rng = np.random.default_rng(0)
    genres = np.arange(90) % 3
    centres = rng.normal(0, 2, (3, 8))
    made = [
        (centres[genre] + rng.normal(0, 1, (rng.integers(1, 30), 8))).astype(np.float32)
        for genre in genres
    ]
    return made, torch.from_numpy(genres)


def fitted(inputs, genres, settings=QUICK):
    targets = torch.nn.functional.one_hot(genres, 3).float()
    return fit(inputs, targets, torch.bincount(genres), genres, settings)


def test_the_baseline_learns_genres_from_mean_embeddings(clips):
    made, genres = clips
    inputs = MeanEmbedding(made)
    probabilities = fitted(inputs, genres).probabilities(inputs.whole())
    assert probabilities.shape == (90, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert (probabilities.argmax(1) == genres.numpy()).mean() > 0.9


def test_members_merged_give_the_mean_of_their_logits(clips):
    made, genres = clips
    inputs = Excerpts(made)
    perceptron = fitted(inputs, genres)
    inner, inner_bias, outer, outer_bias = perceptron.merged()
    x = inputs.whole()
    merged = torch.relu(x @ inner.T + inner_bias) @ outer.T + outer_bias
    standard = ((x - perceptron.mean) * perceptron.scale).expand(2, -1, -1)
    hidden = torch.relu(torch.baddbmm(perceptron.inner_bias, standard, perceptron.inner))
    members = torch.baddbmm(perceptron.outer_bias, hidden, perceptron.outer)
    torch.testing.assert_close(merged, members.mean(0), atol=1e-4, rtol=1e-4)


def test_an_excerpt_is_pooled_as_the_network_pools_it(clips):
    from streamgenre.networks.statistics import RunningStatistics

    made, _ = clips
    statistics = RunningStatistics(8, 3)
    with torch.no_grad():
        statistics.offset.fill_(-1e4)
    clip = next(c for c in made if len(c) > 12)[:12]
    memory = torch.zeros(1, statistics.memory_size)
    with torch.inference_mode():
        for row in torch.from_numpy(clip):
            pooled, _, _, memory = statistics(
                row[None], torch.zeros(1, 3), torch.ones(1), torch.ones(1, 1), memory
            )
    whole = Excerpts([clip]).whole()
    torch.testing.assert_close(pooled, whole, atol=0.15, rtol=0)


def test_the_same_seed_gives_the_same_perceptron(clips):
    made, genres = clips
    first, second = (
        fitted(Excerpts(made), genres).probabilities(Excerpts(made).whole()) for _ in range(2)
    )
    np.testing.assert_allclose(first, second, atol=1e-6)
