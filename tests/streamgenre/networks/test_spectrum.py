"""Spectra and resampling inside the networks agree with librosa, torch, soxr and scipy."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the train extra")
librosa = pytest.importorskip("librosa", reason="networks need the train extra")
signal = pytest.importorskip("scipy.signal", reason="librosa brings it")

import soxr  # noqa: E402

from streamgenre.audio.logmel import SAMPLE_RATE  # noqa: E402
from streamgenre.networks.resample import Resample  # noqa: E402
from streamgenre.networks.spectrum import MelSpectrum, PowerSpectrum  # noqa: E402

RATES = [4_000, 8_000, 12_000, 22_050, 44_100]


def tone(hertz, samples, rate=SAMPLE_RATE):
    return np.sin(2 * np.pi * hertz * np.arange(samples) / rate)


def noise(samples, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, samples)


def given(samples):
    return torch.from_numpy(np.asarray(samples, np.float32))[None]


def resampled(samples, rate, length):
    return Resample(rate, length)(given(samples))[0].numpy()


def decibels(power):
    return 10 * np.log10(np.maximum(power, 1e-20))


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(("fft", "hop"), [(512, 256), (1_024, 512), (2_048, 512)])
@pytest.mark.parametrize("sound", ["noise", "tone"])
@pytest.mark.filterwarnings("ignore")  # the tracer's, of constants
def test_the_exported_transform_equals_the_fft(sound, fft, hop, centred):
    """Training uses the FFT, an exported graph uses a convolution."""
    sounds = np.stack([noise(9_000), noise(9_000, 1)] if sound == "noise" else [tone(1_000, 9_000)])
    samples = torch.from_numpy(sounds).float()
    spectrum = PowerSpectrum(fft, hop, centred=centred)
    fast = spectrum(samples)
    assert fast.shape == (len(sounds), fft // 2 + 1, spectrum.frames(9_000))
    traced = torch.jit.trace(spectrum, (samples,), check_trace=False)
    assert "aten::stft" not in str(traced.inlined_graph)
    torch.testing.assert_close(traced(samples), fast, rtol=1e-4, atol=1e-5 * float(fast.max()))


@pytest.mark.parametrize("centred", [True, False])
def test_the_power_spectrum_matches_librosa(centred):
    samples = noise(9_000).astype(np.float32)
    window = signal.get_window("hamming", 1_024)
    for given_window, name in ((None, "hann"), (window, "hamming")):
        ours = PowerSpectrum(1_024, 400, given_window, centred=centred)(given(samples))[0]
        theirs = librosa.stft(
            samples, n_fft=1_024, hop_length=400, window=name, center=centred, pad_mode="constant"
        )
        theirs = np.abs(theirs) ** 2
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6 * theirs.max())


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(
    ("rate", "fft", "hop", "bands"), [(22_050, 2_048, 512, 128), (12_000, 512, 256, 96)]
)
def test_the_mel_spectrum_matches_librosa(rate, fft, hop, bands, centred):
    samples = (noise(rate) + 0.5 * tone(440, rate, rate)).astype(np.float32)
    mel = MelSpectrum(rate, fft, hop, bands, centred=centred)
    ours = mel(given(samples))[0].numpy()
    theirs = librosa.feature.melspectrogram(
        y=samples, sr=rate, n_fft=fft, hop_length=hop, n_mels=bands, center=centred,
        pad_mode="constant",
    )  # fmt: skip
    assert ours.shape == theirs.shape == (bands, mel.frames(rate))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6 * theirs.max())


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("share", [0.05, 0.4, 0.8])
def test_a_tone_is_resampled_accurately(rate, share):
    hertz = share * min(rate, SAMPLE_RATE) / 2
    inner = slice(rate // 20, -rate // 20)  # the ends include padding
    ours = resampled(tone(hertz, SAMPLE_RATE), rate, rate)[inner]
    difference = ours - tone(hertz, rate, rate)[inner]
    assert decibels(np.mean(difference**2) / 0.5) < -50


@pytest.mark.parametrize("rate", RATES)
def test_frequencies_above_the_lower_nyquist_frequency_are_removed(rate):
    edge = min(rate, SAMPLE_RATE) / 2
    inner = slice(rate // 20, -rate // 20)
    if rate < SAMPLE_RATE:
        ours = resampled(tone(1.2 * edge, SAMPLE_RATE), rate, rate)[inner]
        assert decibels(np.mean(ours**2) / 0.5) < -60
    else:
        ours = resampled(tone(0.8 * edge, SAMPLE_RATE), rate, rate)[inner]
        hertz, power = signal.periodogram(ours, rate, window="blackman")
        assert decibels(power[hertz > 1.1 * edge].max() / power.max()) < -60


@pytest.mark.parametrize("rate", RATES)
def test_resampling_agrees_with_soxr_and_scipy(rate):
    """Up to 0.8 of the Nyquist frequency; above it, transition bands differ."""
    edge = 0.8 * min(rate, SAMPLE_RATE) / 2
    band = signal.firwin(801, edge, fs=SAMPLE_RATE)
    sound = np.convolve(noise(SAMPLE_RATE), band, "same") * np.hanning(SAMPLE_RATE)
    ours = resampled(sound, rate, rate)
    for theirs in (
        soxr.resample(sound, SAMPLE_RATE, rate, quality="VHQ"),
        signal.resample(sound, rate),
    ):
        assert len(theirs) == len(ours)
        assert decibels(np.mean((ours - theirs) ** 2) / np.mean(theirs**2)) < -50


@pytest.mark.parametrize("rate", RATES)
def test_no_product_of_taps_and_16_bit_samples_is_subnormal(rate):
    taps = Resample(rate, rate).kernel.abs()
    assert taps[taps > 0].min() / 2**15 > torch.finfo(torch.float32).tiny


def test_equal_rates_pass_unchanged():
    samples = given(noise(500))
    torch.testing.assert_close(Resample(SAMPLE_RATE, 400)(samples), samples[:, :400])


@pytest.mark.parametrize(("rate", "length"), [(22_050, 59_049), (12_000, 349_440), (44_100, 999)])
def test_a_window_is_as_short_as_possible(rate, length):
    resample = Resample(rate, length)
    assert 0 <= resample.window * rate - length * SAMPLE_RATE < rate
    assert resample(torch.zeros(2, resample.window)).shape == (2, length)
