"""What a training run follows from, beside data and start weights: one small typed file a model.

The files lie in `configs/`, in TOML; every value can be overridden on the command line. pydantic
checks them: it names the entry that is wrong and what it may be.
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
    """Endless streams to train on (sequences.py). Times in seconds."""

    lanes: int = Field(16, ge=1, le=10_000)  # streams trained on at once, over all processes
    steps: tuple[int, int] = (8, 16)  # of truncated back-propagation; drawn for each update
    hops: tuple[float, ...] = Field((2.5, 0.5), min_length=1)  # they take turns
    stretch: tuple[float, float] = (4.0, 40.0)  # of one track
    from_start: float = Field(0.5, ge=0, le=1)  # share of stretches that begin where the clip does
    repeat: bool = False  # a clip shorter than its stretch is played again, not followed by silence
    copies: int = Field(0, ge=0, le=6)  # at another pitch or tempo, of each track (artificial.py)
    share: float = Field(1.0, gt=0, le=1)  # of the training groups (artists) that is used
    draw: int = Field(0, ge=0)  # number of the random draw of that share
    fresh: float = Field(0.3, ge=0, le=1)  # share of changes at which the state starts anew
    crossfade: float = Field(0.3, ge=0, le=1)  # share that fades; the rest are hard cuts
    fade: tuple[float, float] = (0.1, 8.0)
    gain: tuple[float, float] = (-20.0, 6.0)  # dB
    other: float = Field(0.08, ge=0, lt=1)  # share of stretches that are no music
    class_power: float = Field(0.4, ge=-2, le=2)  # a genre comes up as its frequency to this power

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
            raise ValueError("fresh and crossfade together are more than all changes")
        return self


class Optimiser(_Section):
    """Update rule and loss."""

    kind: Literal["adamw", "sgd"] = "adamw"  # sgd: Nesterov momentum
    rate: float = Field(2e-4, gt=0)  # of the GRU and the classifiers
    trunk_rate: float = Field(6e-5, gt=0)  # of everything before them
    layer_decay: float = Field(1.0, gt=0, le=1)  # of the rate, from each layer to the one before it
    frozen_rate: float = Field(1e-3, gt=0)  # of the new parts while the trunk is frozen
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.02, ge=0)
    clip: float = Field(1.0, ge=0)  # norm of the gradient; 0: not clipped
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    music_weight: float = Field(0.2, ge=0)
    teachers: float = Field(0.5, ge=0, le=1)  # their share in the genre of a labelled track
    tags_weight: float = Field(1.0, ge=0)  # of the teachers' tags
    first_block: int = Field(0, ge=0)  # of the trunk, that learns in the second stage; 0: the stem
    augmentation: float = Field(1.0, ge=0, le=1)  # how much of it (streamgenre/networks/augment.py)
    feature_noise: float = Field(0.15, ge=0)  # deviation, on standardised features


class Schedule(_Section):
    """How the learning rate falls."""

    kind: Literal["cosine", "plateau"] = "cosine"
    warm_up: int = Field(50, ge=0)  # updates
    factor: float = Field(0.2, gt=0, le=1)  # plateau: of the rate, going on from the best weights
    patience: int = Field(2, ge=0)  # after more than so many checks without a better `stop.measure`
    stages: int = Field(3, ge=1)  # rates in all


class Stop(_Section):
    """The measure on the `valid` split that early stopping and the best weights go by."""

    measure: Literal[
        "valid_log_loss",
        "valid_accuracy",  # of genres
        "valid_macro_recall",  # of genres
        "valid_roc_auc",  # of tags
    ] = "valid_log_loss"
    patience: int = Field(0, ge=0)  # checks without a better one that end a stage; 0: none do
    keep: Literal["last", "best"] = "last"  # of the averaged weights

    def better(self, value: float, than: float | None) -> bool:
        """Whether a value of the measure is a new best, by 1e-5 at least."""
        if than is None:
            return True
        return than - value > 1e-5 if self.measure == "valid_log_loss" else value - than > 1e-5


class Run(_Section):
    """Length of a run and what it keeps."""

    seed: int = Field(1, ge=0, lt=2**31)
    frozen_updates: int = Field(1_000, ge=0)  # of the new parts alone, on the frozen trunk
    updates: int = Field(600, ge=0)  # of everything
    splits: tuple[Literal["train", "valid"], ...] = ("train",)  # learned from
    check_every: int = Field(100, ge=1)  # updates between measures on `valid`, and checkpoints
    average: float = Field(0.998, ge=0, lt=1)  # exponential average of the weights; 0: none
    precision: Literal["32-true", "bf16-mixed"] = "32-true"


class Config(_Section):
    """A whole file."""

    network: dict[str, Any]  # kind and constructor arguments (streamgenre/networks/)
    start: str = ""  # weights to start from: a path, "bundled", or nothing
    task: Literal["genre", "tags"] = "genre"  # one genre to a track, or any number of tags
    sequences: Sequences = Sequences()
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    stop: Stop = Stop()
    run: Run = Run()

    def to_json(self) -> str:
        """One line, the same for the same values."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def differs(self, before: Config) -> str:
        """The first entry that is not the same, for messages."""
        for section, ours in self.model_dump().items():
            theirs = before.model_dump()[section]
            if ours != theirs and isinstance(ours, dict):
                return next(f"{section}.{k}" for k in ours | theirs if ours.get(k) != theirs.get(k))
            if ours != theirs:
                return section
        return ""

    def continues(self, before: Config) -> bool:
        """Whether a run begun with the other config can go on with this one.

        On a plateau schedule, how long a run is to be changes nothing in what was; a cosine falls
        with the length.
        """
        if self.schedule.kind == "plateau":
            same_length = self.run.model_copy(update={"updates": before.run.updates})
            return self.model_copy(update={"run": same_length}) == before
        return self == before


def config_path(name: str) -> Path:
    """Where the config of a name lies: a bundled one, or the TOML file itself. It may not exist."""
    return Path(name) if name.endswith(".toml") else CONFIGS / f"{name}.toml"


def config_names() -> list[str]:
    """The names of the bundled configs, sorted."""
    return sorted(path.stem for path in CONFIGS.glob("*.toml"))


def read_config(name: str, changes: Sequence[str] = ()) -> Config:
    """The config of a bundled name or of a TOML file, with `section.entry=value` overrides.

    Values are TOML (`run.seed=2`, `sequences.hops=[2.5]`); what is not TOML is taken as text.
    Raises DataError naming what is wrong and what there is.
    """
    path = config_path(name)
    if not path.is_file():
        raise DataError(
            f"{name}: no such config; a path to a .toml file or one of {', '.join(config_names())}"
        )
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not TOML: {error}") from None
    for change in changes:
        override(entries, change)
    return validated(entries)


def validated(entries: Mapping[str, Any]) -> Config:
    """The config of these entries; raises DataError naming the first that cannot be."""
    try:
        return Config.model_validate(entries)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "of the whole"
        reason = "there is no such entry" if first["type"] == "extra_forbidden" else first["msg"]
        raise DataError(f"config entry {where}: {reason}; config.py explains them") from None


def override(entries: dict[str, Any], change: str) -> None:
    """Put `section.entry=value` into the entries; see `read_config`."""
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
