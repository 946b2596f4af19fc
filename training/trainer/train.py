"""Trains a streaming network on endless sequences, with the state carried from batch to batch.

There are two stages, either of which may be empty: first the new parts with a frozen pretrained
backbone, then all weights. Training uses truncated back-propagation through time. The hops
alternate, so that one set of weights serves all of them. Lightning Fabric provides precision,
devices and processes. The loop is custom, because a state links consecutive batches, and a run that
was killed must resume exactly where it stopped.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from streamgenre.errors import StreamgenreError
from streamgenre.networks import build_trainable
from streamgenre.networks.step import TrainableNetwork

from .. import checkpoint
from ..checkpoint import Checkpoint
from ..config import Config
from ..data import SAMPLE_RATE, AudioCache, DataError, Track, fingerprint
from ..data.tags import multi_hot
from ..distillation.soft_targets import SoftTargets
from ..schedule import Progress, Verdict
from ..streams.feed import Feed
from ..streams.sequences import Clip, music_clips
from .devices import fabric_for
from .learner import Inputs, Learner
from .log import Log
from .start import start_at_rates, start_from
from .training_set import changed_clips, some_groups
from .validation import TagValidation, Validation
from .weight_averaging import averaged

_PREPARE = 500  # windows for the standardisation of the features
_INPUTS = {
    "network": "network",
    "labels": "labels",
    "data": "audio",
    "tracks": "tracks or splits",
    "non_music": "speech",
    "soft_targets": "soft targets",
}
"""Entries of a checkpoint that must be those of the run, with their names in messages."""


class DivergedError(StreamgenreError):
    """The loss is no longer finite. The last checkpoint was written before that."""


class Trainer:
    """A run in a folder. `run` resumes from the checkpoint in the folder if there is one."""

    def __init__(
        self,
        folder: Path,
        config: Config,
        tracks: Sequence[Track],
        labels: Sequence[str],
        audio: AudioCache,
        other: Sequence[Clip] = (),
        soft_targets: SoftTargets | None = None,
    ) -> None:
        self._clock = time.process_time()
        self._folder, self._config = folder, config
        self._fabric = fabric_for(config.run.precision)
        tagging = config.task == "tags"
        if tagging and soft_targets:
            raise DataError("soft targets (--lessons) are for genres; train tags without them")
        known = [t for t in tracks if (tagging or t.genre in labels) and t.key in audio]
        train = [t for t in known if t.split in config.run.splits]
        valid = [t for t in known if t.split == "valid"]
        for split, chosen in (("train", train), ("valid", valid)):
            if not chosen:
                kind = "with tags" if tagging else "with a genre"
                raise DataError(
                    f"no readable track {kind} in split {split!r}; a generated split needs at "
                    "least three artists or tracks of each genre"
                )
        index = {t.key: i if tagging else labels.index(t.genre) for i, t in enumerate(train)}
        self._truth = torch.from_numpy(multi_hot(train, labels)).float() if tagging else None
        ranks = (self._fabric.global_rank, self._fabric.world_size)
        if config.sequences.lanes % ranks[1]:
            raise DataError(
                f"{config.sequences.lanes} lanes cannot be divided by {ranks[1]} processes"
            )
        targets_by_key = soft_targets.by_key if soft_targets else {}
        if soft_targets and not {*targets_by_key} & {*index}:
            raise DataError("the soft targets are of other tracks; run teach on this data set")
        # Tracks without a genre are used if they have soft targets.
        train += [
            t
            for t in tracks
            if t.split in config.run.splits
            and not t.genre
            and t.key in audio
            and t.key in targets_by_key
        ]
        used = some_groups(train, config.sequences.share, config.sequences.draw)
        seconds = {t.key: labels.index(t.second) for t in train if t.second in labels}
        music = music_clips(
            [t.key for t in used], audio, index, targets_by_key, {} if tagging else seconds
        )
        if config.sequences.copies:
            music += changed_clips(music, config.sequences.copies, config.run.seed)
        self.feed = Feed(music, other, config.sequences, config.run.seed, ranks)
        # Without soft targets there is nothing to learn styles from. The speech layer is fitted to
        # the finished network (speech.py).
        description = {k: v for k, v in config.network.items() if k not in ("styles", "speech")}
        description["classes"] = len(labels)
        styles = (
            soft_targets.styles if soft_targets and config.network.get("kind") == "trunk" else ()
        )
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
        # An auxiliary layer for training only: predicts the tags of the teachers from the features.
        self._tags = None
        if soft_targets and styles:
            torch.manual_seed(config.run.seed)  # the same for every variant of the network
            self._tags = torch.nn.Linear(self.network.features_size, len(soft_targets.tags))
        self._about = Checkpoint(
            network=description,
            labels=labels,
            config=config,
            data=audio.source,
            tracks=fingerprint(known),
            non_music=str(zlib.crc32(b"".join(p.samples.tobytes() for p in other))),
            soft_targets=soft_targets.sha256 if soft_targets else "",
            styles=soft_targets.card_styles if soft_targets and styles else (),
            commit=checkpoint.commit(),
        )
        self._validation: Validation | TagValidation
        if tagging:
            self._validation = TagValidation(audio, valid, labels, config.sequences.hop_samples)
        else:
            self._validation = Validation(
                audio, valid, labels, description, config.sequences.hops, str(self._fabric.device)
            )
        if config.stop.measure not in self._validation.measures:
            raise DataError(
                f"config entry stop.measure: {config.stop.measure} is not available for "
                f"{config.task}; use one of {', '.join(self._validation.measures)}"
            )
        self.progress = Progress()
        self._last = folder / "last.safetensors"
        self._finished = folder / "model.safetensors"

    def finished(self) -> Path | None:
        """Path of the final weights if this run is finished and calibrated, or None.

        Taggers need no calibration.
        """
        if not self._finished.is_file():
            return None
        _, about = checkpoint.read(self._finished)
        whole = self._config.task == "tags" or about.calibration is not None
        return self._finished if whole and self.is_of_this_run(about) else None

    def is_of_this_run(self, about: Checkpoint) -> bool:
        """Whether a checkpoint has the same config, network, audio, tracks and other inputs."""
        compared = ("config", "styles", *_INPUTS)
        return all(getattr(about, entry) == getattr(self._about, entry) for entry in compared)

    def run(self) -> Path:
        """Train to the end, and return the path of the final weights."""
        if not self._fabric.is_global_zero:
            return self._run()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / "lock", timeout=0):
                return self._run()
        except Timeout:
            raise DataError(
                f"{self._folder}: another process is training there; choose another folder"
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
                # Skip the remaining updates of a stage that ended early.
                self.progress.update = first + count
                resumed = {}
        if self._fabric.is_global_zero:
            checkpoint.write(self._finished, self._kept(), self._about)
        self._fabric.barrier()
        return self._finished

    def _begin(self) -> dict[str, Tensor]:
        """Initialise the weights, or restore a checkpoint; return its tensors."""
        resumed: dict[str, Tensor] = {}
        if self._last.is_file():
            resumed, about = checkpoint.read(self._last)
            differing = [
                name
                for entry, name in _INPUTS.items()
                if getattr(about, entry) != getattr(self._about, entry)
            ]
            if not self._config.continues(about.config):
                differing.append(self._config.differs(about.config))
            if differing:
                raise DataError(
                    f"{self._folder}: holds a run with other {differing[0]}; train into another "
                    "folder"
                )
            damaged = DataError(f"{self._last}: is damaged; remove it to start again")
            if about.progress is None:
                raise damaged
            self.progress = about.progress
            try:
                self.network.load_state_dict(_with("net.", resumed))
                if self._tags is not None:
                    self._tags.load_state_dict(_with("tags.", resumed))
            except RuntimeError:
                raise damaged from None
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
        # Only the first process writes.
        folder = self._folder if self._fabric.is_global_zero else None
        return Log(folder, self.progress.update, r.frozen_updates + r.updates)

    def _optimizer(self, frozen: bool) -> torch.optim.Optimizer:
        o, names = self._config.optimiser, self.network.new_parts
        parameters = list(self.network.named_parameters())
        # The feedback is initialised with zeros and needs the rate of the new parts.
        fed = () if frozen else tuple(n for n, _ in parameters if ".feedback." in n)
        new = [p for n, p in parameters if n.startswith(names) or n in fed]
        for name, parameter in parameters:
            # DDP would hang waiting for parameters without gradients.
            parameter.requires_grad_(bool(o.music_weight) or not name.startswith("music."))
        if self._tags is not None:
            new += self._tags.parameters()
        left = self.network.prefixes_before(o.first_block)
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
        if self.progress.update > first:  # not at its start: the moments belong to this stage
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
            # Random numbers depend on the update only, so that a resumed run gets the same ones.
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
                    "optimiser.rate and train in another folder"
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
        """Mean over the processes, as in DDP, which averages the gradients."""
        mean = self._fabric.all_reduce(count.float(), reduce_op="mean")
        assert isinstance(mean, Tensor)
        return mean

    def _carried(self, resumed: dict[str, Tensor]) -> dict[int, Tensor]:
        """The carried state of the lanes of this process, one row per lane, for every hop."""
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
        """Evaluate the averaged weights, write a row, and update rate, best weights and stage."""
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
            optimizer.state.clear()  # its momentum belongs to the discarded weights

    def _save(self, optimizer: torch.optim.Optimizer) -> None:
        now = time.process_time()
        self.progress.seconds += now - self._clock
        self._clock = now
        gathered = {}
        for hop, state in self._states.items():
            parts = self._fabric.all_gather(state)  # (processes, lanes, size), or the state itself
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
            about = self._about.model_copy(update={"progress": self.progress})
            checkpoint.write(self._last, held, about)
        self._fabric.barrier()

    def _kept(self) -> dict[str, Tensor]:
        if self._config.stop.keep == "best" and self._best:
            return self._best
        return dict(self._average.module.state_dict())


def _some_windows(feed: Feed, network: TrainableNetwork) -> Tensor:
    """Sample a few hundred windows (N, W) of the training sequences."""
    batches: list[Tensor] = []
    for _, batch in feed.batches(network, 0, _PREPARE):
        batches.append(torch.from_numpy(batch.windows).flatten(0, 1))
        if sum(map(len, batches)) >= _PREPARE:
            break
    shortest = min(windows.shape[1] for windows in batches)
    return torch.cat([windows[:, -shortest:] for windows in batches])[:_PREPARE]


def _with(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
