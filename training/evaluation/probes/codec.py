"""Codec robustness: do predictions for a full-quality original agree with those for its Opus form?

Training uses 16 kHz mono Opus only. Each original is classified as it is, as mp3 at three rates,
and as that Opus form; compared are the steps' probabilities, through the product's own decoding.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import open_source
from streamgenre.audio.files.source import sounds
from streamgenre.audio.mix import mix_to_mono
from streamgenre.errors import InputError
from streamgenre.model.model import Model

from ..metrics import Estimate, Result, ratio_draws, with_interval
from ..presentation import table

LONGEST = 120.0  # s of each original


@dataclass(frozen=True)
class Form:
    """A coding of the original; rate and channels 0: the original's own."""

    container: str
    codec: str
    kbits: int
    rate: int = 0
    channels: int = 0


REFERENCE = "Opus 24 kbit/s, 16 kHz mono"
ORIGINAL = "original"
FORMS = {
    "mp3 64 kbit/s": Form("mp3", "libmp3lame", 64),
    "mp3 128 kbit/s": Form("mp3", "libmp3lame", 128),
    "mp3 320 kbit/s": Form("mp3", "libmp3lame", 320),
    REFERENCE: Form("ogg", "libopus", 24, 16_000, 1),
}
_MP3_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


class Agreement(Result):
    """Of one form with REFERENCE."""

    steps: int
    agreement: Estimate
    mean_absolute_difference: Estimate
    files_agree: float


class CodecRobustness(Result):
    """Over all steps of the files; `skipped` are names of files that hold no audio."""

    files: int
    hop: float  # s
    reference: str
    skipped: tuple[str, ...]
    forms: Mapping[str, Agreement]


def measure(model: Model, originals: Path, hop: float) -> CodecRobustness:
    """Agreement of every form with the 16 kHz Opus one, over all steps, intervals over files.

    Steps are weighted by their new audio.
    """
    files: list[dict[str, _Steps]] = []
    skipped = []
    for path in sorted(p for p in originals.rglob("*") if p.is_file()):
        try:
            samples, rate = _read(path)
        except InputError:  # a cover picture, a text file
            skipped.append(path.name)
            continue
        predicted = {ORIGINAL: _steps(model, (samples, rate), hop)}
        for name, form in FORMS.items():
            predicted[name] = _steps(model, encode(samples, rate, form), hop)
        files.append(predicted)
    names = [name for name in (ORIGINAL, *FORMS) if name != REFERENCE]
    return CodecRobustness(
        files=len(files),
        hop=hop,
        reference=REFERENCE,
        skipped=tuple(skipped),
        forms={name: _agreement(name, files) for name in names} if files else {},
    )


def encode(samples: NDArray[np.float32], rate: int, form: Form) -> io.BytesIO:
    """Samples (n, channels) coded in memory."""
    channels = form.channels or samples.shape[1]
    target = form.rate or min(_MP3_RATES, key=lambda known: abs(known - rate))
    layouts = {1: "mono", 2: "stereo"}
    coded = io.BytesIO()
    with av.open(coded, "w", format=form.container) as out:
        sound = out.add_stream(form.codec, rate=target, layout=layouts[channels])
        assert isinstance(sound, av.AudioStream)
        sound.bit_rate = form.kbits * 1000
        fit = av.AudioResampler(
            sound.format.name, layouts[channels], target, frame_size=sound.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout=layouts[samples.shape[1]]
        )
        frame.sample_rate = rate
        for resampled in [*fit.resample(frame), *fit.resample(None)]:
            out.mux(sound.encode(resampled))
        out.mux(sound.encode(None))
    coded.seek(0)
    return coded


def _read(path: Path) -> tuple[NDArray[np.float32], int]:
    """Up to LONGEST seconds as float32 (n, 1 or 2), and their rate; raises InputError."""
    source = open_source(path)
    blocks, frames = [], 0
    try:
        for block in sounds(source):
            stereo = block if block.shape[1] <= 2 else mix_to_mono(block)[0][:, None]
            blocks.append(np.array(stereo, np.float32))  # the block is only valid until the next
            frames += len(block)
            if frames >= LONGEST * source.sample_rate:
                break
    finally:
        source.close()
    if not frames:
        raise InputError(f"{path}: contains no audio")
    return np.concatenate(blocks)[: round(LONGEST * source.sample_rate)], source.sample_rate


@dataclass(frozen=True)
class _Steps:
    """The steps of one coding of a file."""

    probabilities: NDArray[np.float64]  # (steps, C)
    seconds: NDArray[np.float64]  # (steps,), new audio of each; the last step is padded


def _steps(
    model: Model, recording: io.BytesIO | tuple[NDArray[np.float32], int], hop: float
) -> _Steps:
    updates = model.classify(recording, hop).updates
    return _Steps(
        np.array([list(update.probabilities.values()) for update in updates]),
        np.diff([update.time for update in updates], prepend=0.0),
    )


def _agreement(name: str, files: Sequence[Mapping[str, _Steps]]) -> Agreement:
    steps, seconds, same, apart, whole = 0, [], [], [], []
    for predicted in files:
        # Codecs add a few milliseconds at the ends, sometimes a step.
        count = min(len(predicted[form].seconds) for form in (name, REFERENCE))
        a, b = (predicted[form].probabilities[:count] for form in (name, REFERENCE))
        new = np.minimum(*(predicted[form].seconds[:count] for form in (name, REFERENCE)))
        steps += count
        seconds.append(float(new.sum()))
        same.append(float(new @ (a.argmax(1) == b.argmax(1))))
        apart.append(float(new @ np.abs(a - b).mean(1)))
        whole.append((new @ a).argmax() == (new @ b).argmax())
    total = sum(seconds)
    return Agreement(
        steps=steps,
        agreement=with_interval(sum(same) / total, ratio_draws(same, seconds)),
        mean_absolute_difference=with_interval(sum(apart) / total, ratio_draws(apart, seconds)),
        files_agree=round(float(np.mean(whole)), 4),
    )


def section(c: CodecRobustness | None) -> list[str]:
    """Codings of full-quality originals."""
    if not c:
        return []
    rows = [(name, f.steps, f.agreement, f.mean_absolute_difference) for name, f in c.forms.items()]
    return [
        "## Codec robustness",
        f"{c.files} originals, steps of {c.hop} s, against {c.reference}. The intervals are over "
        "files.",
        table(["form", "steps", "same top genre", "mean difference of probabilities"], rows),
    ]
