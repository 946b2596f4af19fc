"""The timeline of one recording: the result of `classify`.

Updates are stored as compact rows of less than 100 bytes each with 14 labels, so that a day of
audio needs little memory. `updates` converts them to objects on access.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from ..durations import clock
from ..update import STATUSES, Segment, Status, Update
from ..wording import counted
from . import notebook
from .card import ModelCard
from .merge import Decision, Merger
from .styles import StyleMeans

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

SCHEMA = 1
_BLOCK_ROWS = 1024
LEAST_MUSIC = 0.1
"""Share of time with music below which a recording is "no-music"."""


class _Rows:
    """Updates as rows of structured arrays, in blocks, so that growing never copies rows."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._index = {label: i for i, label in enumerate(self.labels)}
        self._kind = np.dtype(
            [
                ("time", "f8"),
                ("status", "u1"),
                ("genre", "i2"),
                ("top", "i2"),
                ("confidence", "f4"),
                ("music", "f4"),
                ("level", "f4"),
                ("probabilities", "f4", (len(self.labels),)),
            ]
        )
        self._blocks: list[NDArray[np.void]] = []
        self._count = 0
        self.start = 0.0
        """Seconds at which the first row begins: 0 until rows are discarded."""

    def __len__(self) -> int:
        return self._count

    def append(self, update: Update) -> None:
        block, row = divmod(self._count, _BLOCK_ROWS)
        if row == 0:
            self._blocks.append(np.zeros(_BLOCK_ROWS, self._kind))
        self._blocks[block][row] = (
            update.time,
            STATUSES.index(update.status),
            -1 if update.genre is None else self._index[update.genre],
            self._index[update.top],
            update.confidence,
            update.music,
            update.level,
            [update.probabilities[label] for label in self.labels],
        )
        self._count += 1

    def discard(self, before: float) -> None:
        """Discard the blocks of rows that end before this time."""
        while len(self._blocks) > 1 and (last := float(self._blocks[0]["time"][-1])) < before:
            self.start = last
            self._count -= len(self._blocks.pop(0))

    def blocks(self) -> Iterator[NDArray[np.void]]:
        """All rows, in order, as arrays."""
        for i, block in enumerate(self._blocks):
            yield block[: self._count - i * _BLOCK_ROWS]

    def rows(self) -> Iterator[np.void]:
        """All rows, in order."""
        for block in self.blocks():
            yield from block

    def update(self, index: int) -> Update:
        block, row = divmod(index, _BLOCK_ROWS)
        values = self._blocks[block][row]
        return Update(
            time=float(values["time"]),
            status=STATUSES[values["status"]],
            genre=None if values["genre"] < 0 else self.labels[values["genre"]],
            top=self.labels[values["top"]],
            confidence=float(values["confidence"]),
            music=float(values["music"]),
            probabilities=dict(zip(self.labels, values["probabilities"].tolist(), strict=True)),
            level=float(values["level"]),
            styles={},
        )


class Updates(Sequence[Update]):
    """The updates of a timeline, created on access."""

    def __init__(self, rows: _Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Update: ...
    @overload
    def __getitem__(self, index: slice) -> list[Update]: ...
    def __getitem__(self, index: int | slice) -> Update | list[Update]:
        if isinstance(index, slice):
            return [self._rows.update(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._rows.update(index % len(self))


@dataclass(frozen=True)
class Verdict:
    """The result for a recording, or for a group of recordings, as a whole."""

    status: Status
    genre: str | None
    confidence: float
    music: float
    probabilities: Mapping[str, float]


class Timeline:
    """Updates, segments and overall result of one recording; see `classify`.

    `longest`: seconds of updates to keep, counted from the end; None keeps all.
    """

    def __init__(self, card: ModelCard, hop: float, longest: float | None = None) -> None:
        self.card, self.hop, self._longest = card, hop, longest
        self.duration = 0.0
        self.warnings: tuple[str, ...] = ()
        """Problems of an input that could still be decoded."""
        self.min_segment = 0.0
        """Minimum length of a segment in seconds. Shorter ones are merged into their neighbours."""
        self._rows = _Rows(card.label_names)
        self._styles = StyleMeans(card)
        self._verdict: Verdict | None = None

    def append(self, update: Update) -> None:
        """Add the next update."""
        self._rows.append(update)
        if update.status in ("genre", "unsure"):
            self._styles.add(update.styles, update.time - self.duration)
        self.duration = update.time
        self._verdict = None
        if self._longest is not None:
            self._rows.discard(update.time - self._longest)

    @property
    def start(self) -> float:
        """Seconds at which the first update begins: 0 unless `longest` is exceeded."""
        return self._rows.start

    @property
    def updates(self) -> Updates:
        return Updates(self._rows)

    def verdict(self) -> Verdict:
        """The mean of the probabilities over the steps with music.

        Each step is weighted by its new audio, since the last one can be mostly padding.
        """
        if self._verdict is not None:
            return self._verdict
        labels = self._rows.labels
        total = np.zeros(len(labels))
        sounding = musical = music = 0.0  # s; the last one weighted by the probability of music
        begin = self._rows.start
        for rows in self._rows.blocks():
            seconds = np.diff(rows["time"], prepend=begin)
            begin = float(rows["time"][-1])
            seconds[rows["status"] == STATUSES.index("gap")] = 0.0
            sounding += float(seconds.sum())
            music += float((rows["music"] * seconds).sum())
            seconds[rows["status"] > STATUSES.index("unsure")] = 0.0
            musical += float(seconds.sum())
            total += (rows["probabilities"] * seconds[:, None]).sum(0)
        mean = total / musical if musical else np.full(len(labels), 1 / len(labels))
        top = int(mean.argmax())
        status: Status = "genre"
        if musical == 0 or musical < LEAST_MUSIC * sounding:
            status = "no-music"
        elif mean[top] < self.card.thresholds.unsure:
            status = "unsure"
        self._verdict = Verdict(
            status=status,
            genre=labels[top] if status == "genre" else None,
            confidence=float(mean[top]),
            music=music / sounding if sounding else 0.0,
            probabilities=dict(zip(labels, mean.tolist(), strict=True)),
        )
        return self._verdict

    @property
    def status(self) -> Status:
        return self.verdict().status

    @property
    def genre(self) -> str | None:
        return self.verdict().genre

    @property
    def confidence(self) -> float:
        return self.verdict().confidence

    @property
    def probabilities(self) -> Mapping[str, float]:
        return self.verdict().probabilities

    @property
    def styles(self) -> Mapping[str, float]:
        """Finer labels such as house, punk or opera, not calibrated; often none.

        Style -> mean probability over the steps with music whose most probable label was the genre.
        At most three, the most probable first.
        """
        verdict = self.verdict()
        return {} if verdict.status == "no-music" else self._styles.most_probable(verdict.genre)

    @property
    def segments(self) -> list[Segment]:
        """Intervals with a single decision. They tile [start, duration] without gaps.

        Segments shorter than `min_segment` are merged into their neighbours (see merge.py).
        """
        segments: list[Segment] = []
        total = 0.0  # of the probabilities of the decision, weighted by seconds
        labels = np.zeros(len(self._rows.labels))  # the same for each label
        last: Decision | None = None
        begin = end = self.start

        def close() -> None:
            if last is not None:
                best = float(labels.max()) if last[0] == "unsure" else total
                segments.append(Segment(begin, end, *last, best / (end - begin)))

        for row, decision in zip(self._rows.rows(), self._decisions(), strict=True):
            if decision != last:
                close()
                begin, total, last = end, 0.0, decision
                labels[:] = 0.0
            time = float(row["time"])
            labels += row["probabilities"] * (time - end)
            total += self._probability(row, decision) * (time - end)
            end = time
        close()
        return segments

    def _decisions(self) -> Iterator[Decision]:
        """The decision of each row, after merging."""
        merger, labels = Merger(self.min_segment), self._rows.labels
        end = self.start
        for row in self._rows.rows():
            genre = labels[row["genre"]] if row["genre"] >= 0 else None
            time = float(row["time"])
            yield from merger.add((STATUSES[row["status"]], genre), time - end)
            end = time
        yield from merger.finish()

    def _probability(self, row: np.void, decision: Decision) -> float:
        """Probability of a decision in a row, 0 if unsure; see Segment.confidence."""
        status, genre = decision
        if status == "genre":
            return float(row["probabilities"][self._rows.labels.index(genre)])
        return 1.0 - float(row["music"]) if status == "no-music" else 0.0

    def most_probable(self, segment: Segment) -> str:
        """The label with the largest mean probability over a segment."""
        total = np.zeros(len(self._rows.labels))
        before = self.start
        for rows in self._rows.blocks():
            lengths = np.diff(rows["time"], prepend=before)
            inside = (rows["time"] > segment.start) & (rows["time"] <= segment.end)
            total += (rows["probabilities"] * lengths[:, None])[inside].sum(0)
            before = float(rows["time"][-1])
        return self._rows.labels[int(total.argmax())]

    def __repr__(self) -> str:
        segments, updates = len(self.segments), len(self._rows)
        return (
            f"<Timeline {clock(self.duration)}: {notebook.summary(self)}, "
            f"{counted(segments, 'segment')}, {counted(updates, 'update')}>"
        )

    def _repr_html_(self) -> str:
        return notebook.html(self)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Plot the probabilities over time with Matplotlib, into `axes` or a new figure.

        Raises ConfigError if Matplotlib is not installed.
        """
        return notebook.plot(self, axes)

    def to_pandas(self) -> DataFrame:
        """The updates as a table with one row each, indexed by `time` in seconds.

        Columns: status, genre, top, confidence, music, level (NaN for digital silence), and the
        probability of each label under its name. Raises ConfigError if pandas is not installed.
        """
        return notebook.to_pandas(self)

    def to_dict(self) -> dict[str, Any]:
        """All values, as `--format json` prints them, without the file name."""
        return {
            **self.summary(),
            "updates": [u.to_dict() for u in self.updates],
            "model": model_to_dict(self.card),
        }

    def summary(self) -> dict[str, Any]:
        """`to_dict` without updates and model."""
        verdict = self.verdict()
        return {
            "schema": SCHEMA,
            "duration": round(self.duration, 3),
            "status": verdict.status,
            "genre": verdict.genre,
            "confidence": _rounded(verdict.confidence),
            "music": _rounded(verdict.music),
            "hop": self.hop,
            "probabilities": {k: _rounded(v) for k, v in verdict.probabilities.items()},
            "styles": {k: _rounded(v) for k, v in self.styles.items()},
            "segments": [
                asdict(s)
                | {
                    "start": round(s.start, 3),
                    "end": round(s.end, 3),
                    "confidence": _rounded(s.confidence),
                }
                for s in self.segments
            ],
        }


def _rounded(probability: float) -> float:
    return round(probability, 4)


def model_to_dict(card: ModelCard) -> dict[str, str]:
    """Name, version and hash of a model, as stored with every result."""
    return {"name": card.name, "version": card.version, "sha256": card.sha256}
