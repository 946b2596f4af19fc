"""Which genre is playing, from raw PCM: needs onnxruntime and NumPy, and a package.

ffmpeg -v error -i song.mp3 -f s16le -ar 16000 -ac 1 - | python main.py DIR [FILE]

DIR is the package, FILE one of its model files (model.int8.onnx). Mono samples of 16 bits at the
card's rate come on standard input; a line of JSON goes out for each step.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray


class Decider:
    """From a step's probabilities to a genre that neither flickers nor lags."""

    def __init__(self, thresholds: dict[str, float], classes: int) -> None:
        self.limits = thresholds
        self.smoothed = np.full(classes, 1 / classes)
        self.music, self.since_silence = 1.0, math.inf
        self.heard = self.heard_music = False
        self.current: int | None = None
        self.last: tuple[str, int | None] | None = None

    def decide(
        self, probabilities: NDArray[np.float32], music: float, level: float, seconds: float
    ) -> tuple[str, int | None]:
        """Status and genre of a step that brought `seconds` of new audio at `level` dBFS."""
        if self.last is None or seconds >= 0.1:  # less, at the end, cannot change a decision
            self.last = self._decide(probabilities, music, level, seconds)
        return self.last

    def _decide(
        self, probabilities: NDArray[np.float32], music: float, level: float, seconds: float
    ) -> tuple[str, int | None]:
        limits = self.limits
        share = 1 - math.exp(-seconds / limits["smoothing"])
        if level < limits["silence"]:
            self.music = self.since_silence = 0.0
        else:
            # After silence the mean since its end: a first note is not held against the pause.
            self.since_silence += seconds
            fresh = max(share, seconds / (self.since_silence + 0.25))
            self.music += (music - self.music) * (fresh if self.heard else 1.0)
        self.heard = True
        if self.music < limits["music"] or level < limits["silence"]:
            self.current = None
            return "no-music", None
        self.smoothed += (probabilities - self.smoothed) * (share if self.heard_music else 1.0)
        self.heard_music = True
        top = int(self.smoothed.argmax())
        if self.current is not None and self.smoothed[self.current] < limits["hold"]:
            self.current = None
        lead = self.smoothed[top] - (0.0 if self.current is None else self.smoothed[self.current])
        enough = self.current is None or lead >= limits["margin"]
        if self.smoothed[top] >= limits["unsure"] and enough:
            self.current = top
        return ("unsure", None) if self.current is None else ("genre", self.current)


def hops(size: int) -> Iterator[tuple[NDArray[np.float32], int]]:
    """New samples (size,) from standard input, and how many are audio: fewer in the last hop."""
    while data := sys.stdin.buffer.read(2 * size):
        count = len(data) // 2
        samples = np.zeros(size, np.float32)
        samples[:count] = np.frombuffer(data, "<i2", count) / np.float32(32768)
        if count:
            yield samples, count


def updates(folder: Path, file: str) -> Iterator[dict[str, Any]]:
    """What is heard on standard input, step by step."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a step is a millisecond
    session = onnxruntime.InferenceSession(str(folder / file), options)
    labels = [label["name"] for label in card["labels"]]
    hop, window, rate = card["hop"]["samples"], card["window"], card["sample_rate"]
    heard = np.zeros((card["batch"], window), np.float32)
    state = np.zeros((card["batch"], card["state"]), np.float32)
    decider = Decider(card["thresholds"], len(labels))
    samples_so_far = 0
    for new, count in hops(hop):
        heard = np.concatenate([heard[:, hop:], np.broadcast_to(new, (len(heard), hop))], axis=1)
        probabilities, music, state = session.run(
            ["probabilities", "music", "next_state"], {"samples": heard, "state": state}
        )
        power = float(np.square(new, dtype=np.float64).mean())
        level = 10 * math.log10(power) if power > 0 else -math.inf
        status, genre = decider.decide(probabilities[0], float(music[0]), level, count / rate)
        top = int(decider.smoothed.argmax())
        samples_so_far += count
        yield {
            "time": round(samples_so_far / rate, 3),
            "status": status,
            "genre": None if genre is None else labels[genre],
            "top": labels[top],
            "confidence": round(float(decider.smoothed[top]), 4),
            "music": round(float(music[0]), 4),
            "probabilities": {
                label: round(float(value), 4)
                for label, value in zip(labels, probabilities[0], strict=True)
            },
        }


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    chosen = sys.argv[2] if len(sys.argv) == 3 else "model.int8.onnx"
    for update in updates(Path(sys.argv[1]), chosen):
        print(json.dumps(update), flush=True)
