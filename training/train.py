"""Trains a streaming network on endless sequences, the state carried from batch to batch.

Two stages: the new parts alone on the frozen pretrained trunk, then everything. Truncated
back-propagation through `steps`; hops take turns, each with its own lanes, so that one set of
weights serves every hop on its card. What is kept is the exponential average of the weights.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from .data import SAMPLE_RATE, AudioCache, DataError, Track, read_manifest
from .metrics import accuracy, macro_recall, softmax, stream_tracks
from .networks import build
from .networks.trunk import TrunkTFCRNN
from .sequences import NO_GENRE, Batch, Lanes, Piece, class_weights, pieces


@dataclass(frozen=True)
class Settings:
    """Everything that a run follows from, beside data and start weights."""

    seed: int = 1
    hops: tuple[int, ...] = (40_000, 8_000)
    lanes: int = 16
    steps: int = 12
    frozen_updates: int = 1_000
    whole_updates: int = 600
    frozen_rate: float = 1e-3
    trunk_rate: float = 6e-5
    head_rate: float = 2e-4
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    class_power: float = 0.4
    music_weight: float = 0.2
    average: float = 0.998
    seconds: tuple[float, float] = (4.0, 30.0)
    check_every: int = 100


class Average:
    """Exponential average of a network's weights."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.values = {k: v.detach().clone() for k, v in network.state_dict().items()}
        self._decay, self._count = decay, 0

    def update(self, network: nn.Module) -> None:
        self._count += 1
        decay = min(self._decay, self._count / (self._count + 10))
        for key, value in network.state_dict().items():
            self.values[key].lerp_(value.detach(), 1 - decay)


def mask_and_colour(power: Tensor) -> Tensor:
    """Augmented band powers (lanes, steps, bands, frames), one room or device a lane.

    A smooth random curve over the bands within about 6 dB; a noise floor; now and then nothing
    above some band, as low bit rates and telephones do; SpecAugment's frequency mask (Park 2019).
    """
    count, _, bands, _ = power.shape
    knots = torch.randn(count, 1, 6) * 3.0
    curve = F.interpolate(knots, size=bands, mode="linear", align_corners=True)[:, 0]
    band = torch.arange(bands)[None]
    keep = torch.ones(count, bands)
    cut = torch.where(
        torch.rand(count, 1) < 0.1, 60 + 44 * torch.rand(count, 1), torch.tensor(bands)
    )
    keep[band >= cut] = 0.0
    start = torch.rand(count, 1) * bands
    width = torch.rand(count, 1) * 14 * (torch.rand(count, 1) < 0.5)
    keep[(band >= start) & (band < start + width)] = 0.0
    power = power * (10 ** (curve / 10) * keep)[:, None, :, None]
    floor = power.mean((1, 2, 3), keepdim=True) * 10 ** (-1.5 - 3 * torch.rand(count, 1, 1, 1))
    noisy = (torch.rand(count, 1, 1, 1) < 0.3).float()
    return power + noisy * floor


class Trainer:
    """One run in one folder, resumable: `run` goes on from the newest checkpoint there."""

    def __init__(
        self,
        folder: Path,
        network: TrunkTFCRNN,
        description: dict[str, object],
        settings: Settings,
        tracks: Sequence[Track],
        audio: AudioCache,
        other: Sequence[Piece],
    ) -> None:
        self._folder, self._network, self._settings = folder, network, settings
        self._labels = sorted({t.genre for t in tracks if t.genre})
        known = [t for t in tracks if t.genre and t.key in audio]
        index = {t.key: self._labels.index(t.genre) for t in known}
        train = [t.key for t in known if t.split == "train"]
        self._valid = [t.key for t in known if t.split == "valid"]
        self._valid_labels = np.array([index[key] for key in self._valid])
        self._audio, self._other = audio, other
        self._pieces = pieces(train, audio, index)
        self._weights = class_weights([p.label for p in self._pieces], settings.class_power)
        self._average = Average(network, settings.average)
        self._update = 0
        self._about = {
            "network": json.dumps(description),
            "labels": json.dumps(self._labels),
            "settings": json.dumps(asdict(settings)),
            "data": audio.source,
            "commit": _commit(),
        }
        folder.mkdir(parents=True, exist_ok=True)

    def _optimizer(self, whole: bool) -> torch.optim.Optimizer:
        new = ("gru.", "classifier.", "music.")
        head = [p for n, p in self._network.named_parameters() if n.startswith(new)]
        trunk = [p for n, p in self._network.named_parameters() if not n.startswith(new)]
        for parameter in trunk:
            parameter.requires_grad_(whole)
        s = self._settings
        groups: list[dict[str, object]] = [
            {"params": head, "lr": s.head_rate if whole else s.frozen_rate}
        ]
        if whole:
            groups.append({"params": trunk, "lr": s.trunk_rate})
        for group in groups:
            group["peak"] = group["lr"]
        return torch.optim.AdamW(groups, weight_decay=s.weight_decay)

    def _batches(self, start: int, count: int) -> Iterator[tuple[int, Batch]]:
        """(hop, batch) of updates start.. start+count, read ahead in a thread.

        Lanes are seeded by the update that a run (re)starts at: a resumed run sees new stretches.
        """
        s = self._settings
        lanes = [
            Lanes(
                self._pieces,
                self._weights,
                self._other,
                seed=(s.seed, start, hop),
                lanes=s.lanes,
                hop=hop,
                window=self._network.window_for(hop),
                seconds=s.seconds,
            )
            for hop in s.hops
        ]
        with ThreadPoolExecutor(1) as reader:
            pending = None
            for i in range(count + 1):
                ready = pending
                if i < count:
                    pending = reader.submit(lanes[i % len(lanes)].read, s.steps)
                if ready is not None:
                    yield s.hops[(i - 1) % len(s.hops)], ready.result()

    def _loss(self, batch: Batch, state: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of one batch and the state after it."""
        network, s = self._network, self._settings
        lanes, steps, window = batch.windows.shape
        with torch.no_grad():
            power = network.front.power(torch.from_numpy(batch.windows.reshape(-1, window)))
        power = mask_and_colour(power.reshape(lanes, steps, *power.shape[1:]))
        logmel = network.front.log(power)[:, 0]  # (lanes, steps, bands, frames)
        labels, music = torch.from_numpy(batch.labels), torch.from_numpy(batch.music)
        fresh = torch.from_numpy(batch.fresh)
        ahead = None
        if self._update < s.frozen_updates:  # no feedback yet: all windows at once
            with torch.no_grad():
                ahead, _ = network.features(logmel.flatten(0, 1)[:, None], state[:1])
            ahead = ahead.reshape(lanes, steps, -1)
        logits, music_logits = [], []
        for t in range(steps):
            state = state * ~fresh[:, t, None]
            features = (
                network.features(logmel[:, t, None], state)[0] if ahead is None else ahead[:, t]
            )
            noisy = features + 0.15 * torch.randn(features.shape)
            step, state = network.tick(noisy, state)
            logits.append(step)
            music_logits.append(network.music(features)[:, 0])
        genre = F.cross_entropy(
            torch.stack(logits, 1).flatten(0, 1),
            labels.flatten(),
            label_smoothing=s.label_smoothing,
        )
        known = F.binary_cross_entropy_with_logits(torch.stack(music_logits, 1), music)
        return genre + s.music_weight * known, state.detach()

    @torch.inference_mode()
    def _standardise(self) -> None:
        network = self._network
        features = []
        for _, batch in self._batches(0, 12):
            windows = torch.from_numpy(batch.windows.reshape(-1, batch.windows.shape[-1]))
            state = torch.zeros(len(windows), network.state_size)
            features.append(network.features(network.front(windows), state)[0])
        joined = torch.cat(features)
        network.standardise(joined.mean(0), joined.std(0))

    def run(self) -> None:
        """Train to the end; checkpoints at every check, the newest is `last.safetensors`."""
        s = self._settings
        last = self._folder / "last.safetensors"
        resumed: dict[str, Tensor] = {}
        if last.is_file():
            self._compare(last)
            resumed = load_file(last)
            self._update = int(resumed["update"])
            self._network.load_state_dict(
                {k[4:]: v for k, v in resumed.items() if k.startswith("net.")}
            )
            for key in self._average.values:
                self._average.values[key] = resumed[f"average.{key}"]
            self._average._count = self._update
        else:
            self._standardise()
            self._average = Average(self._network, s.average)
        stages = [(False, 0, s.frozen_updates), (True, s.frozen_updates, s.whole_updates)]
        for whole, first, count in stages:
            if self._update < first + count:
                self._stage(whole, first, count, resumed)
                resumed = {}
        save_file(self._average.values, self._folder / "model.safetensors", metadata=self._about)

    def _compare(self, checkpoint: Path) -> None:
        """Raise DataError where a checkpoint is of another network or of other data."""
        with safe_open(checkpoint, "pt") as file:
            before = file.metadata()
        for what in ("network", "labels", "data"):
            if before[what] != self._about[what]:
                raise DataError(f"{checkpoint}: is of another {what}; train into another folder")

    def _stage(self, whole: bool, first: int, count: int, resumed: dict[str, Tensor]) -> None:
        s = self._settings
        optimizer = self._optimizer(whole)
        self._restore(optimizer, resumed)
        states = {hop: torch.zeros(s.lanes, self._network.state_size) for hop in s.hops}
        began, losses = time.monotonic(), []
        for hop, batch in self._batches(self._update, first + count - self._update):
            self._network.train()
            torch.manual_seed(s.seed * 1_000_003 + self._update)  # resumed or not, the same noise
            done = (self._update - first) / count
            rise = min(1.0, (self._update - first + 1) / 50)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rise * 0.5 * (1 + np.cos(np.pi * done))
            loss, states[hop] = self._loss(batch, states[hop])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            trainable = [p for g in optimizer.param_groups for p in g["params"]]
            nn.utils.clip_grad_norm_(trainable, 1.0)
            optimizer.step()
            self._update += 1
            self._average.update(self._network)
            losses.append(loss.item())
            if self._update % s.check_every == 0 or self._update == first + count:
                seconds = time.monotonic() - began
                self._check(whole, float(np.mean(losses)), seconds / len(losses))
                self._save(optimizer)
                began, losses = time.monotonic(), []

    def _check(self, whole: bool, loss: float, seconds: float) -> None:
        """Measure the averaged weights on `valid` and write one line to the log."""
        judged = build(json.loads(self._about["network"]))
        judged.load_state_dict(self._average.values)
        runs = stream_tracks(judged, self._audio, self._valid, self._settings.hops[0])
        mean = np.stack([softmax(runs[k].logits).mean(0) for k in self._valid])
        guess = mean.argmax(1)
        row = {
            "update": self._update,
            "stage": "whole" if whole else "frozen",
            "loss": round(loss, 4),
            "seconds_per_update": round(seconds, 3),
            "valid_accuracy": round(accuracy(guess, self._valid_labels), 4),
            "valid_macro_recall": round(macro_recall(guess, self._valid_labels), 4),
            "valid_log_loss": round(
                float(-np.log(mean[np.arange(len(guess)), self._valid_labels]).mean()), 4
            ),
        }
        print(json.dumps(row), flush=True)
        with (self._folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")

    def _save(self, optimizer: torch.optim.Optimizer) -> None:
        tensors = {f"net.{k}": v for k, v in self._network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self._average.values.items()}
        tensors["update"] = torch.tensor(self._update)
        for i, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"moment.{i}.{k}": v for k, v in moments.items()}
        fresh = self._folder / "last.partial"
        save_file({k: v.contiguous() for k, v in tensors.items()}, fresh, metadata=self._about)
        fresh.replace(self._folder / "last.safetensors")
        at = self._folder / f"average-{self._update}.safetensors"
        save_file(self._average.values, at, metadata=self._about)

    def _restore(self, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("moment."):
                _, index, name = key.split(".")
                state.setdefault(int(index), {})[name] = value
        whole = optimizer.state_dict()
        if state and len(state) == sum(len(g["params"]) for g in whole["param_groups"]):
            optimizer.load_state_dict(whole | {"state": state})


def _commit() -> str:
    """The commit of this code, empty where it is not in a repository."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip()


def speech_pieces(folder: Path | None) -> list[Piece]:
    """Recorded speech, raw 16 kHz s16le files in a folder, cut to stretches of 30 s."""
    if folder is None:
        return []
    found = []
    for path in sorted(folder.glob("*.s16")):
        samples = np.fromfile(path, np.int16)
        size = 30 * SAMPLE_RATE
        found += [
            Piece(samples[i : i + size], NO_GENRE, False) for i in range(0, len(samples), size)
        ]
    return found


def train(
    manifest: Path,
    cache: Path,
    folder: Path,
    start: Path | None,
    speech: Path | None = None,
    **changes: object,
) -> Path:
    """Train the trunk variant into `folder`; gives the path of the averaged weights."""
    settings = replace(Settings(), **changes)  # type: ignore[arg-type]
    torch.manual_seed(settings.seed)
    tracks = read_manifest(manifest)
    audio = AudioCache.build(manifest, cache)
    classes = len({t.genre for t in tracks if t.genre})
    description: dict[str, object] = {"kind": "trunk", "classes": classes}
    network = build(description)
    assert isinstance(network, TrunkTFCRNN)
    if start is not None:
        network.start_from(start)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    Trainer(folder, network, description, settings, tracks, audio, speech_pieces(speech)).run()
    return folder / "model.safetensors"
