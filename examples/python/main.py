"""Classify the genre of raw PCM audio with an exported package. Needs onnxruntime and NumPy.

ffmpeg -v error -i song.mp3 -f s16le -ar 16000 -ac 1 - | python main.py DIR

Reads mono 16-bit samples at the sample rate of the card from standard input, and prints one line of
JSON per step. DIR is the package.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

SMALL, REFERENCE = "model.int8.onnx", "model.onnx"
TOLERANCE = 1e-3  # in addition to the difference that the card states for rounded weights
UNREADABLE, BAD_MODEL = 3, 5  # exit codes
LARGEST_CARD, LARGEST_FILE = 2**20, 2**29  # bytes; files are not trusted
LARGEST_SIZE = 10_000_000  # numbers in a window or state


class HostError(Exception):
    """An error that ends the program. The message names the cause and a remedy."""

    def __init__(self, message: str, code: int = BAD_MODEL) -> None:
        super().__init__(message)
        self.code = code


class Decider:
    """Decides on a genre from the probabilities of each step, with smoothing and hysteresis."""

    def __init__(self, thresholds: dict[str, float], classes: int) -> None:
        self.limits = thresholds
        self.smoothed = np.full(classes, 1 / classes)
        self.music, self.since_silence = 1.0, math.inf
        self.has_steps = self.has_music = False
        self.current: int | None = None
        self.last: tuple[str, int | None] | None = None

    def decide(
        self, probabilities: NDArray[np.float32], music: float, level: float, seconds: float
    ) -> tuple[str, int | None]:
        """Status and genre of a step with `seconds` of new audio at `level` dBFS."""
        if self.last is None or seconds >= 0.1:  # a shorter last step does not change the decision
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
            # After silence, use the mean since its end, so that a pause does not delay detection.
            self.since_silence += seconds
            fresh = max(share, seconds / (self.since_silence + 0.25))
            self.music += (music - self.music) * (fresh if self.has_steps else 1.0)
        self.has_steps = True
        if self.music < limits["music"] or level < limits["silence"]:
            self.current = None
            return "no-music", None
        self.smoothed += (probabilities - self.smoothed) * (share if self.has_music else 1.0)
        self.has_music = True
        top = int(self.smoothed.argmax())
        if self.current is not None and self.smoothed[self.current] < limits["hold"]:
            self.current = None
        lead = self.smoothed[top] - (0.0 if self.current is None else self.smoothed[self.current])
        enough = self.current is None or lead >= limits["margin"]
        if self.smoothed[top] >= limits["unsure"] and enough:
            self.current = top
        return ("unsure", None) if self.current is None else ("genre", self.current)


def read(folder: Path, name: str, most: int) -> bytes:
    """The content of a file of a package. Raises HostError for names that lead out of it."""
    if name.startswith("/") or any(part in name for part in ("..", "\\", ":", "\0")):
        raise HostError(f"{folder}: card.json names a file outside the package; is it a package?")
    with (folder / name).open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise HostError(f"{folder / name}: is too large; is {folder} a package?")
    return data


class Model:
    """The step of a package, with its state."""

    def __init__(self, folder: Path, file: str | None) -> None:
        try:
            self.card = json.loads(read(folder, "card.json", LARGEST_CARD))
            variants = {entry["file"]: entry for entry in self.card["variants"]}
            file = file or (SMALL if SMALL in variants else REFERENCE)
            self.rounding = variants[file].get("test_difference") or 0.0
            digest = variants[file]["sha256"]
            data = read(folder, file, LARGEST_FILE)
            self.hop, self.batch = self.card["hop"]["samples"], self.card["batch"]
            sizes = self.card["window"], self.card["state"]
            if not all(0 < self.batch * size <= LARGEST_SIZE for size in (self.hop, *sizes)):
                raise ValueError("sizes")
        except OSError as error:
            raise HostError(f"{error.filename}: {error.strerror}; is {folder} a package?") from None
        except KeyError as error:
            raise HostError(f"{folder}: card.json has no entry {error}; check --model") from None
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise HostError(f"{folder}: card.json is invalid ({error}); is it a package?") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise HostError(
                f"{folder / file}: is damaged (its hash differs from the card); export it again"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a step takes milliseconds
        try:
            self.session = onnxruntime.InferenceSession(data, options)
        except Exception as error:  # ONNX Runtime's exception types share no public base
            first = str(error).splitlines()[0]
            raise HostError(f"{folder / file}: ONNX Runtime cannot load it: {first}") from None
        self.window, self.state = (np.zeros((self.batch, size), np.float32) for size in sizes)

    def step(self, new: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities (B, C) and music (B,) for new samples (B, hop)."""
        self.window = np.concatenate([self.window[:, self.hop :], new], axis=1)
        probabilities, music, self.state = self.session.run(
            ["probabilities", "music", "next_state"], {"samples": self.window, "state": self.state}
        )
        return probabilities, music


def hops(size: int) -> Iterator[tuple[NDArray[np.float32], int]]:
    """New samples (size,) from standard input, and how many are audio; the last hop is padded."""
    try:
        while data := sys.stdin.buffer.read(2 * size):
            count = len(data) // 2
            samples = np.zeros(size, np.float32)
            samples[:count] = np.frombuffer(data, "<i2", count) / np.float32(32768)
            if count:
                yield samples, count
    except (OSError, AttributeError) as error:  # a folder, or None if it is closed
        raise HostError(f"standard input cannot be read: {error}", UNREADABLE) from None


def updates(model: Model) -> Iterator[dict[str, Any]]:
    """The updates of standard input. All streams of a batch get the same samples."""
    labels = [label["name"] for label in model.card["labels"]]
    rate = model.card["sample_rate"]
    decider = Decider(model.card["thresholds"], len(labels))
    samples_so_far = 0
    for new, count in hops(model.hop):
        probabilities, music = model.step(np.repeat(new[None], model.batch, 0))
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
    if not samples_so_far:
        raise HostError("no audio on standard input", UNREADABLE)


def check(model: Model, folder: Path) -> int:
    """Run the test vector of the package and print the largest difference of a probability."""
    test = model.card["test"]
    vector = {
        name: np.frombuffer(read(folder, test[name]["file"], LARGEST_FILE), kind)
        for name, kind in (("samples", "<i2"), ("probabilities", "<f4"), ("music", "<f4"))
    }
    samples = vector["samples"].astype(np.float32) / 32768
    wanted, music = vector["probabilities"], vector["music"]
    parts = samples.reshape(model.batch, test["steps"], model.hop)
    given = [model.step(parts[:, i]) for i in range(test["steps"])]
    worst = max(
        float(np.abs(np.stack(values).ravel() - right).max())
        for values, right in zip(zip(*given, strict=True), (wanted, music), strict=True)
    )
    allowed = model.rounding + TOLERANCE
    print(f"largest difference {worst:.2g} over {test['steps']} steps, allowed {allowed:.2g}")
    return 0 if worst <= allowed else 1


def main() -> int:
    """Run the command. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument(
        "--model", metavar="FILE", help=f"model file of the package  [default: {SMALL}]"
    )
    parser.add_argument("--check", action="store_true", help="run the test vector of the package")
    options = parser.parse_args()
    try:
        model = Model(options.folder, options.model)
        if options.check:
            return check(model, options.folder)
        for update in updates(model):
            print(json.dumps(update), flush=True)
    except HostError as error:
        print(f"streamgenre: {error}", file=sys.stderr)
        return error.code
    except BrokenPipeError:  # the reader closed the pipe; keep Python from reporting it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # a full disk
        print(f"streamgenre: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
