"""Trains a streaming network on endless sequences, the state carried from batch to batch.

Two stages: the new parts alone on the frozen pretrained trunk, then everything (either may be
empty). Truncated back-propagation; hops take turns, so that one set of weights serves them all.
Lightning Fabric brings precision, devices and processes; the loop is ours, because batches follow
each other with a state between them, and a run that was killed must go on as if it had not been.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from streamgenre.errors import StreamgenreError
from streamgenre.networks import build_trainable
from streamgenre.networks.step import TrainableNetwork

from .. import checkpoint
from ..config import Config
from ..data import SAMPLE_RATE, AudioCache, DataError, Track, fingerprint
from ..data.tags import multi_hot
from ..distillation.soft_targets import Lessons
from ..streams.feed import Feed
from ..streams.sequences import Piece, pieces
from .average import averaged
from .devices import fabric_for
from .learner import Inputs, Learner
from .log import Log
from .schedule import Progress, Verdict
from .start import start_at_rates, start_from
from .training_set import changed_pieces, some_groups
from .validation import TagValidation, Validation

_PREPARE = 500  # windows that constants of the features are measured on
_WORDS = {"data": "audio", "tracks": "tracks or splits", "not_music": "speech"}
_SAME = ("network", "labels", "data", "tracks", "not_music", "lessons", "config")


class DivergedError(StreamgenreError):
    """Training has left the finite numbers; the last checkpoint is from before."""


class Trainer:
    """One run in one folder; `run` goes on from the checkpoint there, if there is one."""

    def __init__(
        self,
        folder: Path,
        config: Config,
        tracks: Sequence[Track],
        labels: Sequence[str],
        audio: AudioCache,
        other: Sequence[Piece] = (),
        lessons: Lessons | None = None,
    ) -> None:
        self._clock = time.process_time()
        self._folder, self._config = folder, config
        self._fabric = fabric_for(config.run.precision)
        tagging = config.task == "tags"
        if tagging and lessons:
            raise DataError("lessons are of genres; tags are trained without them")
        known = [t for t in tracks if (tagging or t.genre in labels) and t.key in audio]
        train = [t for t in known if t.split in config.run.splits]
        valid = [t for t in known if t.split == "valid"]
        for split, found in (("train", train), ("valid", valid)):
            if not found:
                kind = "with tags" if tagging else "with a genre"
                raise DataError(
                    f"no readable track {kind} in split {split!r}; an own split needs "
                    "three artists or tracks of each genre at least"
                )
        index = {t.key: i if tagging else labels.index(t.genre) for i, t in enumerate(train)}
        self._truth = torch.from_numpy(multi_hot(train, labels)).float() if tagging else None
        ranks = (self._fabric.global_rank, self._fabric.world_size)
        if config.sequences.lanes % ranks[1]:
            raise DataError(f"{config.sequences.lanes} lanes do not divide by {ranks[1]} processes")
        said = lessons.by_key if lessons else {}
        if lessons and not {*said} & {*index}:
            raise DataError("the lessons are of none of these tracks; make them anew (teach)")
        # Teachers have heard tracks without a genre, too.
        train += [
            t
            for t in tracks
            if t.split in config.run.splits and not t.genre and t.key in audio and t.key in said
        ]
        heard = some_groups(train, config.sequences.share, config.sequences.draw)
        seconds = {t.key: labels.index(t.second) for t in train if t.second in labels}
        music = pieces([t.key for t in heard], audio, index, said, {} if tagging else seconds)
        if config.sequences.copies:
            music += changed_pieces(music, config.sequences.copies, config.run.seed)
        self.feed = Feed(music, other, config.sequences, config.run.seed, ranks)
        # Without lessons there is nothing that a network's styles could be learnt from; speech is
        # fitted to a finished network (speech.py).
        description = {k: v for k, v in config.network.items() if k not in ("styles", "speech")}
        description["classes"] = len(labels)
        styles = lessons.styles if lessons and config.network.get("kind") == "trunk" else ()
        if styles:
            description |= {"styles": len(styles)}
        self._styles = [style.tag for style in styles]
        torch.manual_seed(config.run.seed)
        try:
            self.network = build_trainable(description)
            for hop in config.sequences.hop_samples:
                self.network.window_for(hop)
        except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
            raise DataError(f"config entry network: {error}") from None
        # Learnt from the features and left behind: it makes them say what teachers hear.
        self._tags = None
        if lessons and styles:
            torch.manual_seed(config.run.seed)  # the same for every variant of the network
            self._tags = torch.nn.Linear(self.network.features_size, len(lessons.tags))
        self._about = {
            "network": json.dumps(description),
            "labels": json.dumps(list(labels)),
            "config": config.to_json(),
            "data": audio.source,
            # What tells this run's data from another's: the tracks with their splits, and the rest.
            "tracks": fingerprint(known),
            "not_music": str(zlib.crc32(b"".join(p.samples.tobytes() for p in other))),
            "lessons": lessons.sha256 if lessons else "",
            "styles": json.dumps(lessons.described if lessons and styles else []),
            "commit": checkpoint.commit(),
        }
        self._validation: Validation | TagValidation
        if tagging:
            self._validation = TagValidation(audio, valid, labels, config.sequences.hop_samples)
        else:
            self._validation = Validation(
                audio, valid, labels, description, config.sequences.hops, str(self._fabric.device)
            )
        if config.stop.measure not in self._validation.measures:
            raise DataError(
                f"config entry stop.measure: {config.stop.measure} is not measured of "
                f"{config.task}; one of {', '.join(self._validation.measures)}"
            )
        self.progress = Progress()
        self._last = folder / "last.safetensors"
        self._finished = folder / "model.safetensors"

    def finished(self) -> Path | None:
        """The weights of this very run, where it has come to its end and was calibrated.

        Of tags there is nothing to calibrate.
        """
        if not self._finished.is_file():
            return None
        _, about = checkpoint.read(self._finished)
        whole = self._config.task == "tags" or "calibration" in about
        return self._finished if whole and self.is_of_this_run(about) else None

    def is_of_this_run(self, about: Mapping[str, str]) -> bool:
        """Whether a checkpoint was made from the same config, network, audio, tracks and rest."""
        compared = {k: v for k, v in self._about.items() if k not in ("commit", "config")}
        same = all(about.get(key) == value for key, value in compared.items())
        return same and Config.model_validate_json(about["config"]) == self._config

    def run(self) -> Path:
        """Train to the end; gives the path of the weights to keep."""
        if not self._fabric.is_global_zero:
            return self._run()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / "lock", timeout=0):
                return self._run()
        except Timeout:
            raise DataError(
                f"{self._folder}: another process trains there; choose another folder"
            ) from None
        except OSError as error:
            raise DataError(f"{self._folder}: cannot be written: {error.strerror}") from None

    def _run(self) -> Path:
        r = self._config.run
        resumed = self._begin()
        stages = ((True, 0, r.frozen_updates), (False, r.frozen_updates, r.updates))
        with self._log() as log:
            for number, (frozen, first, count) in enumerate(stages):
                if not count or number < self.progress.stage:
                    continue
                self.progress.enter(number)
                if self.progress.update < first + count and not self.progress.done:
                    self._stage(frozen, first, count, resumed, log)
                # A stage that ended early leaves its other updates out.
                self.progress.update = first + count
                resumed = {}
        if self._fabric.is_global_zero:
            checkpoint.write(self._finished, self._kept(), self._about)
        self._fabric.barrier()
        return self._finished

    def _begin(self) -> dict[str, Tensor]:
        """Weights from the start or the checkpoint, whose other tensors are given back."""
        resumed: dict[str, Tensor] = {}
        if self._last.is_file():
            resumed, about = checkpoint.read(self._last)
            same = {what: about.get(what) == self._about[what] for what in self._about}
            before = Config.model_validate_json(about["config"])
            same["config"] = self._config.continues(before)
            for what in _SAME:
                if not same[what]:
                    differs = self._config.differs(before) if what == "config" else what
                    raise DataError(
                        f"{self._folder}: holds a run with other {_WORDS.get(differs, differs)}; "
                        "train into another folder"
                    )
            try:
                self.progress = Progress(**json.loads(about["progress"]))
                self.network.load_state_dict(_with("net.", resumed))
                if self._tags is not None:
                    self._tags.load_state_dict(_with("tags.", resumed))
            except (KeyError, TypeError, ValueError, RuntimeError):
                raise DataError(f"{self._last}: is damaged; remove it to begin anew") from None
        else:
            if self._truth is not None:
                start_at_rates(self.network, self._truth)
            if not start_from(self.network, self._config.start):
                first = Feed(self.feed.music, self.feed.other, self.feed.settings, self.feed.seed)
                self.network.prepare(_some_windows(first, self.network))
        self.network.to(self._fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self._tags is not None:
            self._tags.to(self._fabric.device)
        self._average = averaged(self.network, self._config.run.average)
        self._best: dict[str, Tensor] = {}
        self._states = self._carried(resumed)
        if resumed:
            self._average.load_state_dict(_with("average.", resumed))
            self._best = _with("best.", resumed)
        return resumed

    def _log(self) -> Log:
        r = self._config.run
        # Only one process writes; the others' rows go nowhere.
        folder = self._folder if self._fabric.is_global_zero else None
        return Log(folder, self.progress.update, r.frozen_updates + r.updates)

    def _optimizer(self, frozen: bool) -> torch.optim.Optimizer:
        o, names = self._config.optimiser, self.network.new_parts
        parameters = list(self.network.named_parameters())
        # Feedback begins at zero: its first updates would lag at the trunk's rate.
        fed = () if frozen else tuple(n for n, _ in parameters if ".feedback." in n)
        new = [p for n, p in parameters if n.startswith(names) or n in fed]
        for name, parameter in parameters:
            # What no loss reaches would be waited for in vain by the other processes.
            parameter.requires_grad_(bool(o.music_weight) or not name.startswith("music."))
        if self._tags is not None:
            new += self._tags.parameters()
        left = self.network.left_alone(o.first_block)
        depth = {n: self.network.depth(n) for n, _ in parameters}
        for name, parameter in parameters:
            if not name.startswith(names) and (frozen or name.startswith(left)):
                parameter.requires_grad_(False)
        trunk: dict[int, list[torch.nn.Parameter]] = {}
        for name, parameter in parameters:
            if not name.startswith((*names, *left)) and name not in fed:
                trunk.setdefault(depth[name], []).append(parameter)
        groups: list[dict[str, Any]] = [{"params": new, "lr": o.frozen_rate if frozen else o.rate}]
        if not frozen:
            groups += [
                {"params": layer, "lr": o.trunk_rate * o.layer_decay**below}
                for below, layer in sorted(trunk.items())
            ]
        for group in groups:
            group["peak"] = group["lr"]
        if o.kind == "sgd":
            return torch.optim.SGD(
                groups, momentum=o.momentum, nesterov=o.momentum > 0, weight_decay=o.weight_decay
            )
        return torch.optim.AdamW(groups, weight_decay=o.weight_decay)

    def _stage(
        self, frozen: bool, first: int, count: int, resumed: dict[str, Tensor], log: Log
    ) -> None:
        config, fabric = self._config, self._fabric
        plain = self._optimizer(frozen)
        if self.progress.update > first:  # not at its beginning: the moments are this stage's
            checkpoint.restore_moments(plain, resumed)
        learner, optimizer = fabric.setup(
            Learner(
                self.network,
                config.optimiser,
                frozen=frozen,
                tags=self._tags,
                styles=self._styles,
                truth=self._truth,
            ),
            plain,
        )
        states = self._states
        losses: list[float] = []
        for hop, batch in self.feed.batches(self.network, self.progress.update, first + count):
            self.network.train()
            # The same noise at an update whether the run was broken off or not.
            number, _ = self.feed.part
            torch.manual_seed(config.run.seed * 1_000_003 + self.progress.update * 64 + number)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * self.progress.rate(first, count, config.schedule)
            loss, states[hop] = learner(Inputs(batch, states[hop]), self._total)
            optimizer.zero_grad()
            fabric.backward(loss)
            if config.optimiser.clip:
                fabric.clip_gradients(learner, optimizer, max_norm=config.optimiser.clip)
            optimizer.step()
            self.progress.update += 1
            self.progress.trained += 1
            self._average.update_parameters(self.network)
            losses.append(float(loss.detach()))
            if not math.isfinite(losses[-1]):
                raise DivergedError(
                    f"the loss is no longer finite at update {self.progress.update}; lower "
                    "optimiser.rate and begin in another folder"
                )
            log.step(self.progress.update, "frozen trunk" if frozen else "training", losses[-1])
            last = self.progress.update == first + count
            if self.progress.update % config.run.check_every == 0 or last:
                mean = self._total(torch.tensor(sum(losses) / len(losses), device=fabric.device))
                row: dict[str, float | str] = {
                    "update": self.progress.update,
                    "stage": "frozen" if frozen else "whole",
                    "rate": round(optimizer.param_groups[0]["lr"], 8),
                    "loss": round(float(mean), 5),
                }
                losses = []
                self._check(row, plain, log)
                self._save(plain)
                if self.progress.done:
                    return

    def _total(self, count: Tensor) -> Tensor:
        """Mean over the processes; of a count it is what DDP's mean of gradients is divided by."""
        mean = self._fabric.all_reduce(count.float(), reduce_op="mean")
        assert isinstance(mean, Tensor)
        return mean

    def _carried(self, resumed: dict[str, Tensor]) -> dict[int, Tensor]:
        """The carried state of this process's lanes, a row a lane, at every hop."""
        number, parts = self.feed.part
        lanes = self._config.sequences.lanes
        states = {}
        for hop in self._config.sequences.hop_samples:
            first = self.network.initial_state(lanes, hop / SAMPLE_RATE)
            whole = resumed.get(f"state.{hop}", first)
            states[hop] = whole[number::parts].to(self._fabric.device)
        return states

    def _check(
        self, row: dict[str, float | str], optimizer: torch.optim.Optimizer, log: Log
    ) -> None:
        """Measure the averaged weights, write a row, and decide on rate, best weights and end."""
        measured: dict[str, float] = {}
        if self._fabric.is_global_zero:
            measured = self._validation.measure(self._average.module)
        measured = self._fabric.broadcast(measured)
        log.row(row | measured)
        stop, schedule = self._config.stop, self._config.schedule
        verdict = self.progress.judge(measured[stop.measure], stop, schedule)
        if verdict is Verdict.BEST and (schedule.kind == "plateau" or stop.keep == "best"):
            self._best = {k: v.clone() for k, v in self._average.module.state_dict().items()}
        elif verdict is Verdict.DROP:
            self.network.load_state_dict(self._best)
            self._average.module.load_state_dict(self._best)
            optimizer.state.clear()  # no momentum towards the weights that were left

    def _save(self, optimizer: torch.optim.Optimizer) -> None:
        now = time.process_time()
        self.progress.seconds += now - self._clock
        self._clock = now
        gathered = {}
        for hop, state in self._states.items():
            parts = self._fabric.all_gather(state)  # (processes, lanes of each, size), or as it is
            assert isinstance(parts, Tensor)
            whole = parts.transpose(0, 1).flatten(0, 1) if parts.dim() == 3 else parts
            gathered[f"state.{hop}"] = whole
        if self._fabric.is_global_zero:
            named = {
                "net.": self.network.state_dict(),
                "average.": self._average.state_dict(),
                "best.": self._best,
                "tags.": self._tags.state_dict() if self._tags is not None else {},
            }
            held = {p + k: v for p, group in named.items() for k, v in group.items()}
            held |= gathered | checkpoint.moments(optimizer)
            about = self._about | {"progress": json.dumps(asdict(self.progress))}
            checkpoint.write(self._last, held, about)
        self._fabric.barrier()

    def _kept(self) -> dict[str, Tensor]:
        if self._config.stop.keep == "best" and self._best:
            return self._best
        return dict(self._average.module.state_dict())


def _some_windows(feed: Feed, network: TrainableNetwork) -> Tensor:
    """A few hundred windows (N, W) of the training sequences."""
    found: list[Tensor] = []
    for _, batch in feed.batches(network, 0, _PREPARE):
        found.append(torch.from_numpy(batch.windows).flatten(0, 1))
        if sum(map(len, found)) >= _PREPARE:
            break
    shortest = min(windows.shape[1] for windows in found)
    return torch.cat([windows[:, -shortest:] for windows in found])[:_PREPARE]


def _with(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
