"""The configuration of a training run: one small typed TOML file per model.

The files are in `configs/`. Every value can be overridden on the command line. pydantic validates
them and names the invalid entry.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .data import SAMPLE_RATE, DataError

CONFIGS = Path(__file__).parent / "configs"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Sequences(_Section):
    """Endless training streams (sequences.py). Times in seconds."""

    lanes: int = Field(16, ge=1, le=10_000)  # number of streams, over all processes
    steps: tuple[int, int] = (8, 16)  # of truncated back-propagation; drawn for each update
    hops: tuple[float, ...] = Field((2.5, 0.5), min_length=1)  # they alternate
    stretch: tuple[float, float] = (4.0, 40.0)  # duration of an excerpt
    from_start: float = Field(0.5, ge=0, le=1)  # share of excerpts from the beginning of a clip
    repeat: bool = False  # repeat a clip that is shorter than its excerpt, instead of silence
    copies: int = Field(0, ge=0, le=6)  # copies of each track with another pitch or tempo
    share: float = Field(1.0, gt=0, le=1)  # share of the training groups (artists) to use
    draw: int = Field(0, ge=0)  # number of the random draw of that share
    fresh: float = Field(0.3, ge=0, le=1)  # share of changes at which the state is reset
    crossfade: float = Field(0.3, ge=0, le=1)  # share of crossfades; the rest are hard cuts
    fade: tuple[float, float] = (0.1, 8.0)
    gain: tuple[float, float] = (-20.0, 6.0)  # dB
    other: float = Field(0.08, ge=0, lt=1)  # share of non-music excerpts
    class_power: float = Field(0.4, ge=-2, le=2)  # genres are drawn with frequency ** class_power

    @property
    def hop_samples(self) -> tuple[int, ...]:
        """The hops in samples."""
        return tuple(round(seconds * SAMPLE_RATE) for seconds in self.hops)

    @model_validator(mode="after")
    def _ordered(self) -> Sequences:
        for name in ("steps", "stretch", "fade", "gain"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: {low} is above {high}")
        if self.steps[0] < 1 or self.stretch[0] <= 0 or self.fade[0] < 0:
            raise ValueError("steps, stretch and fade must be positive")
        if self.stretch[1] > 3600 or self.fade[1] > 60:
            raise ValueError("stretch above an hour or fade above a minute")
        if self.gain[0] < -120 or self.gain[1] > 60:
            raise ValueError("gain must lie between -120 and 60 dB")
        if not all(0.1 <= hop <= 60 for hop in self.hops) or len({*self.hops}) < len(self.hops):
            raise ValueError("hops must differ and lie between 0.1 and 60 seconds")
        if self.fresh + self.crossfade > 1:
            raise ValueError("the sum of fresh and crossfade exceeds 1")
        return self


class Optimiser(_Section):
    """Optimiser and loss."""

    kind: Literal["adamw", "sgd"] = "adamw"  # sgd: Nesterov momentum
    rate: float = Field(2e-4, gt=0)  # of the GRU and the classifiers
    trunk_rate: float = Field(6e-5, gt=0)  # of everything before them
    layer_decay: float = Field(1.0, gt=0, le=1)  # factor of trunk_rate from layer to layer below
    frozen_rate: float = Field(1e-3, gt=0)  # of the new parts while the trunk is frozen
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.02, ge=0)
    clip: float = Field(1.0, ge=0)  # norm of the gradient; 0: no clipping
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    music_weight: float = Field(0.2, ge=0)
    teachers: float = Field(0.5, ge=0, le=1)  # weight of the soft genres of a labelled track
    tags_weight: float = Field(1.0, ge=0)  # of the tags of the soft targets
    first_block: int = Field(0, ge=0)  # first trainable block of the trunk, stage 2; 0: the stem
    augmentation: float = Field(1.0, ge=0, le=1)  # strength (streamgenre/networks/augment.py)
    feature_noise: float = Field(0.15, ge=0)  # standard deviation, on standardised features


class Schedule(_Section):
    """Learning rate schedule."""

    kind: Literal["cosine", "plateau"] = "cosine"
    warm_up: int = Field(50, ge=0)  # updates
    factor: float = Field(0.2, gt=0, le=1)  # plateau: drop of the rate, from the best weights
    patience: int = Field(2, ge=0)  # plateau: checks without improvement before a drop
    stages: int = Field(3, ge=1)  # plateau: number of rates


class Stop(_Section):
    """The validation measure for early stopping and for the best weights."""

    measure: Literal[
        "valid_log_loss",
        "valid_accuracy",  # for genres
        "valid_macro_recall",  # for genres
        "valid_roc_auc",  # for tags
    ] = "valid_log_loss"
    patience: int = Field(0, ge=0)  # checks without improvement that end a stage; 0: no limit
    keep: Literal["last", "best"] = "last"  # of the averaged weights

    def better(self, value: float, than: float | None) -> bool:
        """Whether a value of the measure improves on the best one, by at least 1e-5."""
        if than is None:
            return True
        return than - value > 1e-5 if self.measure == "valid_log_loss" else value - than > 1e-5


class Run(_Section):
    """Length and outputs of a run."""

    seed: int = Field(1, ge=0, lt=2**31)
    frozen_updates: int = Field(1_000, ge=0)  # stage 1: the new parts, with a frozen trunk
    updates: int = Field(600, ge=0)  # stage 2: all weights
    splits: tuple[Literal["train", "valid"], ...] = ("train",)  # splits to train on
    check_every: int = Field(100, ge=1)  # updates between validations and checkpoints
    average: float = Field(0.998, ge=0, lt=1)  # exponential average of the weights; 0: none
    precision: Literal["32-true", "bf16-mixed"] = "32-true"


class Config(_Section):
    """A complete configuration."""

    network: dict[str, Any]  # kind and constructor arguments (streamgenre/networks/)
    start: str = ""  # initial weights: a path, "bundled", or empty
    task: Literal["genre", "tags"] = "genre"  # one genre per track, or any number of tags
    sequences: Sequences = Sequences()
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    stop: Stop = Stop()
    run: Run = Run()

    def to_json(self) -> str:
        """One line of JSON, identical for equal configs."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, allow_nan=False)

    def differs(self, before: Config) -> str:
        """Name of the first entry that differs, for messages; empty if none does."""
        for section, ours in self.model_dump().items():
            theirs = before.model_dump()[section]
            if ours != theirs and isinstance(ours, dict):
                return next(f"{section}.{k}" for k in ours | theirs if ours.get(k) != theirs.get(k))
            if ours != theirs:
                return section
        return ""

    def continues(self, before: Config) -> bool:
        """Whether a run of the other config can be resumed with this one.

        With a plateau schedule, the number of updates may change. A cosine schedule depends on it.
        """
        if self.schedule.kind == "plateau":
            same_length = self.run.model_copy(update={"updates": before.run.updates})
            return self.model_copy(update={"run": same_length}) == before
        return self == before


def config_path(name: str) -> Path:
    """Path of a bundled config by name, or the given TOML file. It may not exist."""
    return Path(name) if name.endswith(".toml") else CONFIGS / f"{name}.toml"


def config_names() -> list[str]:
    """Names of the bundled configs, sorted."""
    return sorted(path.stem for path in CONFIGS.glob("*.toml"))


def read_config(name: str, changes: Sequence[str] = ()) -> Config:
    """Read a bundled config or a TOML file, with `section.entry=value` overrides.

    Values are TOML (`run.seed=2`, `sequences.hops=[2.5]`); anything else is text. Raises DataError
    that names the error and the valid choices.
    """
    path = config_path(name)
    if not path.is_file():
        raise DataError(
            f"{name}: no such config; give a .toml file or one of {', '.join(config_names())}"
        )
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not TOML: {error}") from None
    for change in changes:
        override(entries, change)
    return validated(entries)


def validated(entries: Mapping[str, Any]) -> Config:
    """Validate the entries of a config. Raises DataError that names the first invalid entry."""
    try:
        return Config.model_validate(entries)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "of the whole"
        reason = "there is no such entry" if first["type"] == "extra_forbidden" else first["msg"]
        raise DataError(f"config entry {where}: {reason}; see training/config.py") from None


def override(entries: dict[str, Any], change: str) -> None:
    """Set `section.entry=value` in the entries; see `read_config`."""
    name, equals, text = change.partition("=")
    if not equals:
        raise DataError(f"--set {change}: write it as section.entry=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, entry = name.strip().split(".")
    for section in sections:
        entries = entries.setdefault(section, {})
        if not isinstance(entries, dict):
            raise DataError(f"--set {change}: {section} is not a section")
    entries[entry] = value
