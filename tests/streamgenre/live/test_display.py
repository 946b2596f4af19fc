"""The live display: complete at every size, steady, and restores the terminal."""

from __future__ import annotations

import dataclasses
import io
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from itertools import combinations, pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import rich.console
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from support.processes import default_signals, environment_of_a_terminal
from support.waiting import wait_for

from streamgenre.live.display import screen as screen_module
from streamgenre.live.display.band import RIBBON_SECONDS, band, span
from streamgenre.live.display.bars import MARGIN, Order
from streamgenre.live.display.frame import frame
from streamgenre.live.display.headline import large
from streamgenre.live.display.health import sinks_line
from streamgenre.live.display.history import _cells, history
from streamgenre.live.display.keys import decode
from streamgenre.live.display.screen import SHORTEST, Screen
from streamgenre.live.display.view import Choice, View
from streamgenre.live.levels import Level
from streamgenre.live.listener import Health
from streamgenre.model.card import Label
from streamgenre.output.ribbon import columns
from streamgenre.update import DIGITAL_SILENCE, Segment, Update

SIZES = [(40, 12), (80, 24), (120, 30), (200, 50)]
HEALTH = Health("Scarlett 2i2", 44_100.0, 2, 3725.0, 0.021, 0.5, 0.0042, 2.0, 119.3, 17, 3, 5)


def view_of(
    card, status="genre", genre="rock", time=100.0, loud=-20.0, confidence=0.72, speech=0.1, **more
):
    """A view after an update with that status; `more`: fields of the view."""
    names = card.label_names
    genre = genre if genre in names else names[0]
    probabilities = dict.fromkeys(names, (1 - confidence) / max(1, len(names) - 1))
    probabilities[genre] = confidence
    decided = genre if status == "genre" else None
    update = Update(
        time, status, decided, genre, confidence, 0.97, probabilities, loud, {}, speech=speech
    )
    fields = {
        "card": card,
        "activity": "listening",
        "note": "",
        "update": update,
        "probabilities": probabilities,
        "segments": [
            Segment(0.0, 40.0, "genre", names[-1], 0.6),
            Segment(40.0, 58.0, "no-music", None, 0.9),
            Segment(58.0, time, status, decided, 0.7),
        ],
        "history": np.zeros((0, 1 + len(names))),
        "gates": [[0.2 + 0.01 * i] * len(card.gates) for i in range(40)],
        "level": Level(-20.0, -6.0, False),
        "health": HEALTH,
    }
    return View(**{**fields, **more})


def lines_of(view, width, height, **how):
    """The lines of a frame without colours; each is as wide as the display."""
    file = io.StringIO()
    console = rich.console.Console(file=file, width=width, height=height, color_system=None)
    order = Order(view.card.label_names).update(view.probabilities)
    console.print(frame(view, order, width, height, **how), end="", crop=False, no_wrap=True)
    lines = file.getvalue().split("\n")
    assert len(lines) == height
    assert all(cell_len(line) == width for line in lines)
    return lines


def text_of(view, width, height, **how):
    return "\n".join(lines_of(view, width, height, **how))


def labelled(card, displays):
    """The card with labels of these display names."""
    labels = [Label(f"l{i}", name, f"#{i * 40 % 256:02x}80c0") for i, name in enumerate(displays)]
    return dataclasses.replace(card, labels=tuple(labels))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_genre_confidence_and_level_show_at_every_size(model, width, height):
    text = text_of(view_of(model.card), width, height)
    assert "Rock 72%" in text and "for 0:42" in text
    assert "┏━┓┏━┓┏━╸╻┏" in text or "██████   ██████   ██████ ██   ██" in text
    assert "-20.0 dB" in text and "now" in text and "listening" in text
    assert "2.53 s" in text and "119" in text


@pytest.mark.parametrize(("width", "height"), SIZES[1:])
def test_all_genres_and_all_numbers_show_from_80_by_24(model, width, height):
    text = text_of(view_of(model.card), width, height)
    assert all(label.display in text for label in model.card.labels)
    for figure in ("21 ms", "500 ms", "4 ms", "2 s", "17", "3", "5", "44.1 kHz", "stereo"):
        assert figure in text
    assert "Scarlett 2i2" in text and "1:02:05" in text
    for name in ("capture", "window", "compute", "smoothing", "dropped", "overflows", "gaps"):
        assert name in text
    assert "q quit" in text and "? help" in text


def test_the_frame_at_80_by_24(model):
    assert [line.rstrip() for line in lines_of(view_of(model.card), 80, 24)] == [
        "● listening  Scarlett 2i2  44.1 kHz, stereo                           up 1:02:05",
        "",
        "  ┏━┓┏━┓┏━╸╻┏    ┏━┓┏━┓┏┓╻",
        "  ┣┳┛┃ ┃┃  ┣┻┓     ┃┏━┛┏━┛",
        "  ╹┗╸┗━┛┗━╸╹ ╹     ╹┗━╸╹┗┛",
        "  Rock 72%  for 0:42  music 97%",
        "",
        "  level ▕████████████████████████████·········┃····▏  -20.0 dB  peak   -6.0",
        "",
        "▸ Rock        72% ███████████████▏         Folk         2% ▌",
        "  Ambient      2% ▌                        Hip hop      2% ▌",
        "  Blues        2% ▌                        Jazz         2% ▌",
        "  Classical    2% ▌                        Metal        2% ▌",
        "  Country      2% ▌                        Pop          2% ▌",
        "  Disco        2% ▌                        Reggae       2% ▌",
        "  Electronic   2% ▌                        Soul         2% ▌",
        "",
        "             ▏Soul                      ▏no music···▏Rock",
        "             ▏60%                       ▏···········▏70%",
        "▏-2:00              ▏-1:30              ▏-1:00              ▏-0:30          now▕",
        "",
        "  latency 2.53 s = capture 21 ms, window 500 ms, compute 4 ms, smoothing 2 s",
        "  119 times real time   dropped 17  overflows 3  gaps 5",
        "  q quit  space pause  r reset  s save  d device  f gates  ? help",
    ]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_held_genre_shows_its_own_confidence(model, width, height):
    view = view_of(model.card)
    chances = {**view.probabilities, "rock": 0.31, "jazz": 0.59}
    update = dataclasses.replace(view.update, top="jazz", confidence=0.59)
    view = dataclasses.replace(view, update=update, probabilities=chances)
    text = text_of(view, width, height)
    assert "Rock 31%" in text and "or Jazz 59%" in text


@pytest.mark.parametrize(("width", "height"), [(28, 5), *SIZES])
@pytest.mark.parametrize(
    ("status", "loud", "speech", "expected"),
    [
        ("no-music", -20.0, 0.5, "no music: speech"),
        ("no-music", -20.0, 0.49, "no music: noise"),
        ("no-music", -20.0, None, "no music: speech or noise"),
        ("no-music", -90.0, 0.9, "too quiet to classify"),
        ("unsure", -20.0, 0.9, "unsure, perhaps Rock 38%"),
        ("gap", DIGITAL_SILENCE, None, "gap"),
    ],
)
def test_other_decisions_are_in_words(model, width, height, status, loud, speech, expected):
    view = view_of(model.card, status, loud=loud, confidence=0.38, speech=speech)
    text = text_of(view, width, height)
    assert expected in text and (speech is None or "speech or noise" not in text)


KINDS = [
    ("genre", -20.0, 0.9, "▸music  speech  noise  silence"),
    ("no-music", -20.0, 0.9, " music ▸speech  noise  silence"),
    ("no-music", -20.0, 0.1, " music  speech ▸noise  silence"),
    ("no-music", -90.0, 0.1, " music  speech  noise ▸silence"),
    ("gap", DIGITAL_SILENCE, None, " music  speech  noise  silence"),  # as before and after the gap
    ("genre", -20.0, None, "▸music  speech or noise  silence"),
    ("no-music", -20.0, None, " music ▸speech or noise  silence"),
]


@pytest.mark.parametrize(("status", "loud", "speech", "expected"), KINDS)
def test_the_kinds_of_sound_are_in_one_row(model, status, loud, speech, expected):
    """Speech and noise are separate if the model has the output; the meter does not move."""
    (row,) = [
        line
        for line in lines_of(view_of(model.card, status, loud=loud, speech=speech), 120, 30)
        if "level" in line and "silence" in line
    ]
    assert expected in row and row.index("music") == 120 - 33 + 2


def test_before_the_first_update_the_card_determines_the_kinds(model):
    with_speech = dataclasses.replace(
        model.card, network={"kind": "adapted", "base": {"speech": True}}
    )
    without_speech = dataclasses.replace(model.card, network={"kind": "trunk"})
    for card, expected in ((with_speech, "speech  noise"), (without_speech, "speech or noise")):
        assert expected in text_of(view_of(card, update=None, probabilities={}), 120, 30)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_before_the_first_update_and_without_a_device(model, width, height):
    first = view_of(
        model.card,
        update=None,
        probabilities={},
        segments=(),
        gates=(),
        activity="starting",
        level=Level(DIGITAL_SILENCE, DIGITAL_SILENCE, False),
    )
    assert "starting" in text_of(first, width, height, show_gates=True)
    note = "input lost, next try in 4 s"
    lost = text_of(view_of(model.card, activity="lost", note=note), width, height)
    assert "no input" in lost and note in lost
    assert "paused" in text_of(view_of(model.card, activity="paused"), width, height)


def test_clipping_outputs_and_overload_are_shown(model):
    sinks = [("jsonl", ""), ("osc", "connection refused")]
    slow = dataclasses.replace(HEALTH, real_time=0.8)
    loud = Level(-2.0, 0.0, True)
    view = view_of(model.card, sinks=sinks, level=loud, health=slow)
    for width, height in SIZES[1:]:
        text = text_of(view, width, height)
        assert "CLIP" in text and "too slow" in text
        assert "connection refused" in text and "jsonl" in text
    assert "CLIP" in text_of(view, 20, 4)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_help_names_every_key_and_the_chooser_every_input(model, width, height):
    text = text_of(view_of(model.card), width, height, show_help=True)
    for does in ("quit", "pause", "reset the state", "save", "switch device", "gates", "help"):
        assert does in text
    choices = [Choice(3, "Built-in", False), Choice(7, "USB [bold]mic", True)]
    text = text_of(view_of(model.card, choices=choices), width, height, show_help=True)
    assert "3  Built-in" in text and "▸  7  USB [bold]mic" in text
    assert "Rock 72%" in text
    many = [Choice(i, f"input {i}", i == 70) for i in range(99)]
    assert "▸ 70  input 70" in text_of(view_of(model.card, choices=many), width, height)


def test_gates_are_named_and_their_values_given(model):
    for width, height in SIZES[1:]:
        text = text_of(view_of(model.card), width, height, show_gates=True)
        assert all(name in text for name in model.card.gates) and "0.59" in text
        assert "block 4" not in text_of(view_of(model.card), width, height)
    none = dataclasses.replace(model.card, gates=())
    assert "this model has none" in text_of(view_of(none), 80, 24, show_gates=True)


def test_other_models_labels(model):
    many = labelled(model.card, [f"genre {i}" for i in range(60)])
    long = labelled(model.card, ["x" * 40, "Forró", "日本の音楽", "\x1b[31mred\n", "é" * 40])
    for width, height in SIZES:
        assert "more" in text_of(view_of(many), width, height) or height >= 30
        text = text_of(view_of(long, genre="l2"), width, height)
        assert "日本の音楽 72%" in text and "\x1b" not in text
        assert "…" in text_of(view_of(long, genre="l0"), width, height)
    assert "Forró" in text and "\\x1b[31mred" in text
    assert large("Forró", 200, 5) == () and len(large("Rock", 200, 5)) == 5
    assert len(large("Rock", 30, 5)) == 3 and large("Rock", 5, 5) == ()


def test_the_smallest_displays_show_the_genre(model):
    for width, height in ((25, 7), (12, 2), (9, 1), (4, 1)):
        assert "Rock" in text_of(view_of(model.card, note="a note"), width, height)
    assert "a note" in text_of(view_of(model.card, note="a note"), 20, 2)


def test_nothing_moves_as_the_music_changes(model):
    def rows(view):
        lines = lines_of(view, 80, 24)
        return [i for i, line in enumerate(lines) if "level" in line or "latency" in line]

    views = [view_of(model.card, status) for status in ("genre", "unsure", "no-music", "gap")]
    assert len({tuple(rows(view)) for view in views}) == 1
    assert rows(views[0]) == rows(view_of(model.card, note="saved"))


def test_the_ribbon_scrolls_by_whole_columns(model):
    """Edges keep their distances while time passes, and the span is constant."""
    cuts = [0.0, 13.0, 31.0, 57.0, 90.0]
    seen = set()
    for tenth in range(1000, 1190, 5):
        end = tenth / 10
        segments = [
            Segment(a, b, "genre", model.card.label_names[i], 0.8)
            for i, (a, b) in enumerate(pairwise([*cuts, end]))
        ]
        view = view_of(model.card, time=end, segments=segments)
        assert span(view, 80) == 120.0 and span(view, 200) <= RIBBON_SECONDS
        line = "".join(piece.text for piece in band(view, 80, 1)[0])
        edges = [i for i, char in enumerate(line) if char == "▏"]
        seen.add(tuple(b - a for a, b in pairwise(edges)))
    assert len(seen) == 1
    assert columns((), 3, 0.0, 1.0) == [None] * 3


label_sets = st.integers(2, 12).map(lambda n: [f"l{i}" for i in range(n)])


@given(data=st.data(), labels=label_sets)
def test_the_order_is_by_probability_and_steady(data, labels):
    """No row is clearly below a less probable one; rows move only where one would be."""
    order = Order(labels)
    draws = st.lists(st.floats(0, 1), min_size=len(labels), max_size=len(labels)).map(
        lambda values: dict(zip(labels, values, strict=True))
    )
    for _ in range(4):
        before, probabilities = order.labels, data.draw(draws)
        after = order.update(probabilities)
        assert sorted(after) == sorted(labels) and after == order.labels
        for above, below in combinations(after, 2):
            assert probabilities[below] <= probabilities[above] + MARGIN
        assert order.update(probabilities) == after
        if after != before and before != tuple(labels):
            pairs = combinations(before, 2)
            assert any(probabilities[b] > probabilities[a] + MARGIN for a, b in pairs)


def test_the_history_fills_a_high_display(model):
    """At 200x50, no more than a few rows are empty, and each genre has its share of the area."""
    names = model.card.label_names
    rows = [[t, *(0.6 if n == "rock" else 0.4 if n == "jazz" else 0 for n in names)]
            for t in np.arange(1, 101)]  # fmt: skip
    lines = lines_of(view_of(model.card, history=np.array(rows)), 200, 50)
    assert sum(not line.strip() for line in lines) < 20
    assert "Jazz" in "".join(lines[20:]) and "Rock" in "".join(lines[20:])
    view = view_of(model.card, history=np.array(rows))
    cells = _cells(view, 120, 10)  # two minutes, of which 100 s are known
    assert (cells[:, :15] == -1).all()
    for name, share in (("rock", 0.6), ("jazz", 0.4)):
        assert (cells[:, 25:118] == names.index(name)).mean() == pytest.approx(share, abs=0.01)
    assert not len(history(view, 120, 0))


def test_silence_leaves_the_history_empty(model):
    table = np.zeros((100, 15))
    table[:, 0] = np.arange(1, 101)
    view = view_of(model.card, history=table)
    assert all(not "".join(p.text for p in line).strip() for line in history(view, 120, 8))


@pytest.mark.parametrize("width", [34, 40, 60, 78, 100, 160])
@pytest.mark.parametrize("failing", [False, True])
def test_the_outputs_fit_the_line(model, width, failing):
    sinks = [
        ("log /home/someone/Music/recordings/log.jsonl", ""),
        ("osc 192.168.178.20:9000", "no route" if failing else ""),
        ("websocket 0.0.0.0:8765", ""),
        ("mqtt home.example:1883", ""),
        ("now playing /home/someone/now.txt", ""),
    ]
    view = view_of(model.card, sinks=sinks)
    line = "".join(piece.text for piece in sinks_line(view, width))
    assert len(line) == width and "…" not in line and line.rstrip().endswith(" ok")
    assert line.startswith("outputs osc") == failing and ("no route" in line) == failing
    (shown,) = (line for line in lines_of(view, 80, 24) if "outputs" in line)
    assert "now playing" in shown and shown.rstrip().endswith(" ok")


texts = st.text(max_size=50)
levels = st.one_of(st.floats(-120, 6), st.just(DIGITAL_SILENCE))
seconds = st.floats(0, 1e5)
counts = st.integers(0, 10**9)


@st.composite
def views(draw, card):
    displays = draw(st.lists(texts, min_size=1, max_size=20))
    card = dataclasses.replace(
        labelled(card, displays), gates=tuple(draw(st.lists(texts, max_size=14)))
    )
    names = card.label_names
    status = draw(st.sampled_from(["genre", "unsure", "no-music", "gap"]))
    moments = [0.0, *sorted(draw(st.lists(seconds, max_size=12, unique=True)))]
    kinds = [("genre", names[0]), ("genre", names[-1]), ("unsure", None), ("gap", None)]
    segments = [
        Segment(a, b, *draw(st.sampled_from(kinds)), draw(st.floats(0, 1)))
        for a, b in pairwise(moments)
    ]
    chances = {name: draw(st.floats(0, 1)) for name in draw(st.sets(st.sampled_from(names)))}
    values = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=14)
    view = view_of(
        card,
        status,
        draw(st.sampled_from(names)),
        moments[-1],
        draw(levels),
        draw(st.floats(0, 1)),
        activity=draw(st.sampled_from(["starting", "listening", "paused", "lost", "ended"])),
        note=draw(texts),
        probabilities=chances,
        segments=segments,
        gates=draw(st.lists(values, max_size=5)),
        level=Level(draw(levels), draw(levels), draw(st.booleans())),
        health=Health(
            draw(texts),
            draw(st.sampled_from([8_000.0, 44_100.0, 192_000.0])),
            draw(st.integers(1, 64)),
            *(draw(seconds) for _ in range(6)),
            *(draw(counts) for _ in range(3)),
        ),
        sinks=draw(st.lists(st.tuples(texts, texts), max_size=4)),
        choices=draw(st.lists(st.builds(Choice, counts, texts, st.booleans()), max_size=9)),
    )
    return view if draw(st.booleans()) else dataclasses.replace(view, update=None)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 250), st.integers(1, 70), st.booleans(), st.booleans())
def test_any_view_fits_any_size(model, data, width, height, gates, help_):
    view = data.draw(views(model.card))
    lines = lines_of(view, width, height, show_gates=gates, show_help=help_)
    assert all(line.isprintable() for line in lines)


class Paper(io.StringIO):
    """A file of a console that records writes."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def write(self, text):
        self.pieces.append(text)
        return len(text)


def screen_on(paper, width=80, height=24):
    environment = {"TERM": "xterm-256color"}
    return Screen(
        rich.console.Console(
            file=paper,
            force_terminal=True,
            color_system="truecolor",
            width=width,
            height=height,
            legacy_windows=False,
            _environ=environment,
        )
    )


def test_a_frame_is_one_write_of_the_changed_rows(model, monkeypatch):
    now, paper = [100.0], Paper()
    monkeypatch.setattr(screen_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    view = view_of(model.card)
    with screen_on(paper) as screen:
        assert screen.draw(view)
        assert not screen.draw(view_of(model.card, note="too early")), "66 ms have not passed"
        now[0] += SHORTEST + 0.001
        assert not screen.draw(view), "nothing has changed"
        assert screen.draw(view_of(model.card, note="saved"))
        assert len(paper.pieces) == 2
        assert "saved" in paper.pieces[1] and "level" not in paper.pieces[1]
        assert all(p.startswith("\x1b[?2026h") and p.endswith("\x1b[?2026l") for p in paper.pieces)
        assert not screen.key("q") and screen.key("f")
        now[0] += SHORTEST + 0.001
        assert screen.draw(view) and "block 4" in paper.pieces[2]
        assert screen.key("?") and not screen.key("q") and screen.key("?") and screen.key("escape")
        assert not screen.key("escape")
    assert paper.pieces[-1].endswith("\x1b[?25h\x1b[?1049l")


def test_nothing_is_written_without_a_terminal(model):
    paper = Paper()
    with Screen(rich.console.Console(file=paper)) as screen:
        assert not screen.draw(view_of(model.card))
    assert not paper.pieces


def test_keys_are_decoded():
    assert decode("a\x1b[A\x1bOB\x1b[1;5C\r é\x01", True) == (
        ["a", "up", "down", "right", "enter", " ", "é"],
        "",
    )
    assert decode("\x1b[15~\x1b[M7", True)[0] == ["7"], "unknown sequences are ignored"
    assert decode("\x1b\x1b[B", True)[0] == ["escape", "down"]
    assert decode("1\x1b[", False) == (["1"], "\x1b[")


@given(st.text(alphabet="\x1b[OABCD~1;qé\r", max_size=20), st.integers(0, 20))
def test_keys_may_arrive_in_pieces(text, cut):
    first, pending = decode(text[:cut], False)
    rest, _ = decode(pending + text[cut:], True)
    assert first + rest == decode(text, True)[0]


CHILD = textwrap.dedent(
    """
    import sys, time, pickle
    from pathlib import Path
    import rich.console
    from streamgenre.live.display.keys import Keys
    from streamgenre.live.display.screen import Screen

    view = pickle.load(open(sys.argv[1], "rb"))
    keys_read = []
    try:
        with Keys() as keys, Screen(rich.console.Console()) as screen:
            until = time.monotonic() + 200
            while time.monotonic() < until:
                screen.draw(view)
                for key in keys.read():
                    keys_read.append(key)
                    Path(sys.argv[1] + ".keys").write_text(repr(keys_read))
                    if key == "x":
                        raise RuntimeError("boom")
                time.sleep(0.01)
    finally:
        print("keys_read", keys_read, flush=True)
    """
)


class Terminal:
    """A child process with its own pseudo-terminal."""

    def __init__(self, tmp_path, view):
        import fcntl
        import pickle
        import pty
        import struct
        import termios

        path, self.keys = tmp_path / "view", tmp_path / "view.keys"
        path.write_bytes(pickle.dumps(view))
        self.ours, theirs = pty.openpty()
        self.resize = lambda width, height: fcntl.ioctl(
            self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0)
        )
        self.resize(80, 24)
        self.modes = lambda: termios.tcgetattr(theirs)
        self.before = self.modes()
        self.seen = ""
        # A new session with this terminal; the file stays open here, so that its modes are kept.
        take = f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{CHILD}"
        self.child = subprocess.Popen(
            [sys.executable, "-c", take, str(path)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**environment_of_a_terminal(), "TERM": "xterm-256color"},
            preexec_fn=default_signals,
        )

    def wait_for(self, text, seconds=60):
        import select

        until = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < until, f"{text!r} not in {self.seen[-600:]!r}"
            if select.select([self.ours], [], [], 0.1)[0]:
                self.seen += os.read(self.ours, 65536).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def wait_for_key(self, key):
        """Wait until the child has read a key, and keep its terminal from filling up."""
        import select

        def read():
            if select.select([self.ours], [], [], 0)[0]:
                self.seen += os.read(self.ours, 65536).decode(errors="replace")
            return self.keys.exists() and f"{key!r}]" in self.keys.read_text()

        wait_for(read)

    def send(self, keys):
        os.write(self.ours, keys)


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX")
def test_a_real_terminal_is_restored_after_an_error(model, tmp_path):
    import termios

    terminal = Terminal(tmp_path, view_of(model.card))
    terminal.wait_for("\x1b[?1049h")
    terminal.wait_for("\x1b[?2026l")
    assert not terminal.modes()[3] & (termios.ECHO | termios.ICANON)
    terminal.resize(50, 20)
    terminal.wait_for("\x1b[2J")
    terminal.send(b"q \x1b[A\x1b[99~7")
    terminal.wait_for_key("7")
    terminal.send(b"\x1b")
    terminal.wait_for_key("escape")
    terminal.send(b"x")
    terminal.wait_for("\x1b[?25h\x1b[?1049l")
    terminal.wait_for("keys_read ['q', ' ', 'up', '7', 'escape', 'x']")
    terminal.wait_for("RuntimeError: boom")
    terminal.child.wait(600)
    assert terminal.modes() == terminal.before


@pytest.mark.skipif(os.name == "nt", reason="no SIGTSTP there")
def test_an_interrupt_restores_the_terminal(model, tmp_path):
    terminal = Terminal(tmp_path, view_of(model.card))
    terminal.wait_for("\x1b[?2026l")
    terminal.send(b"\x03")
    terminal.wait_for("\x1b[?1049l")
    terminal.wait_for("KeyboardInterrupt")
    terminal.child.wait(600)
    assert terminal.modes() == terminal.before


@pytest.mark.skipif(os.name == "nt", reason="no SIGTSTP there")
def test_the_terminal_is_restored_while_stopped(model, tmp_path):
    terminal = Terminal(tmp_path, view_of(model.card))
    terminal.wait_for("\x1b[?2026l")
    os.kill(terminal.child.pid, signal.SIGTSTP)
    terminal.wait_for("\x1b[?1049l")
    time.sleep(0.1)
    # The kernel does not stop an orphan (its parent is in another session), so it continues.
    terminal.wait_for("\x1b[?1049h")
    terminal.wait_for("\x1b[?2026l")
    terminal.send(b"x")
    terminal.wait_for("keys_read ['x']")
    terminal.child.wait(600)
    assert terminal.modes() == terminal.before
