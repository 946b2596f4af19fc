"""The current genre in large letters, with a line of text below."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style

from ...durations import clock
from ...output.ribbon import label_text, style
from .line import BAD, BOLD, DIM, WARN, Line, Span, cut, fitted, longest
from .view import View

_KINDS = ("music", "speech or noise", "silence")  # of a model without a speech output
_SPEECH = 0.5


@dataclass(frozen=True, slots=True)
class Headline:
    """A decision in words."""

    word: str
    """In large letters."""
    style: Style
    confidence: str
    """In percent; empty if there is no genre."""
    texts: list[Line]
    """The line of text in several versions, the longest first; the last fits almost anywhere."""


def kind(view: View) -> str:
    """The kind of sound: one of `kinds`, "gap", or empty before the first update."""
    update = view.update
    if update is None or view.activity == "lost":
        return ""
    if update.status == "gap":
        return "gap"
    if update.level < view.card.thresholds.silence:
        return "silence"
    if update.status != "no-music":
        return "music"
    if update.speech is None:
        return "speech or noise"
    return "speech" if update.speech >= _SPEECH else "noise"


def kinds(view: View) -> tuple[str, ...]:
    """The kinds of sound; speech and noise are separate if the model has a speech output."""
    update, network = view.update, view.card.network
    if update is None or update.status == "gap":
        # A gap has no speech value; the card states whether the network has the output.
        has_speech = bool(network.get("base", network).get("speech"))
    else:
        has_speech = update.speech is not None
    return ("music", "speech", "noise", "silence") if has_speech else _KINDS


def headline(view: View, width: int) -> Headline:
    """The headline of the view, with names truncated to fit `width`."""
    update, activity = view.update, view.activity
    if activity == "lost":
        return _plain("no input", BAD, "no input", "the device is gone; waiting for it")
    if update is None:
        rest = {
            "starting": "loading the model, opening the input",
            "listening": "no result yet",
            "ended": "no audio received",
        }
        return _plain(activity, BOLD, activity, rest.get(activity, ""))
    if (current := kind(view)) == "gap":
        return _plain("gap", WARN, "gap", "audio is missing here")
    if current == "silence":
        return _plain("too quiet", DIM, "too quiet to classify", "")
    if current != "music":
        return _plain("no music", DIM, f"no music: {current}", f"music {update.music:.0%}")
    if update.genre is None:
        return _unsure(view, f"{update.confidence:.0%}", width)
    return _genre(view, width)


def headline_lines(view: View, width: int, rows: int) -> list[Line]:
    """`rows` lines: the text alone, or large letters above it."""
    indent = [Span("  ")] if width >= 34 else []
    now = headline(view, width - 2 * len(indent))
    text = fitted([*indent, *longest(now.texts, width - 2 * len(indent))], width)
    if rows < 4:
        return [text, *_blank(rows - 1)][:rows]
    space = rows - 1
    letters = large(now.word, width - 3, space) or (now.word,)
    side = large(now.confidence, width - 6 - len(letters[0]), 3) if len(letters) > 1 else ()
    colour = now.style + BOLD if view.activity in ("listening", "starting") else DIM
    lines: list[Line] = []
    above = (space - len(letters)) // 2
    for row in range(space):
        line: Line = []
        if above <= row < above + len(letters):
            line = [*indent, Span(letters[row - above], colour)]
            # The percentage stands on the same base line as the letters.
            if side and row >= above + len(letters) - 3:
                line += [Span("   "), Span(side[row - above - len(letters) + 3], DIM)]
        lines.append(fitted(line, width))
    return [*lines, text]


def _blank(rows: int) -> list[Line]:
    return [[] for _ in range(rows)]


def _plain(word: str, look: Style, text: str, more: str) -> Headline:
    short: Line = [Span(text, look + BOLD)]
    return Headline(word, look, "", [[*short, Span(f"  {more}", DIM)], short] if more else [short])


def _unsure(view: View, percent: str, width: int) -> Headline:
    assert view.update is not None
    top = view.update.top
    name = label_text(view.card, "", top)
    guess = Span(cut(name, width - 21), style(view.card, top))
    long = [Span("unsure", BOLD), Span(", perhaps "), guess, Span(f" {percent}")]
    return Headline(
        "unsure",
        DIM,
        "",
        [long, [Span(f"{cut(name, max(5, width - 6))}? {percent}")], [Span("unsure", BOLD)]],
    )


def _genre(view: View, width: int) -> Headline:
    update = view.update
    assert update is not None and update.genre is not None
    name = label_text(view.card, "", update.genre)
    colour = style(view.card, update.genre)
    # While a genre is kept, another label may lead, and `confidence` is that of the leader.
    percent = f"{view.probabilities.get(update.genre, update.confidence):.0%}"
    short = [Span(cut(name, max(5, width - 5)), colour + BOLD), Span(f" {percent}", BOLD)]
    since: Line = []
    if view.segments and view.segments[-1].genre == update.genre:
        time = clock(max(0.0, update.time - view.segments[-1].start))
        since = [Span("  for ", DIM), Span(time)]
    other: Line = []
    if update.top != update.genre:
        rival = Span(label_text(view.card, "", update.top), style(view.card, update.top))
        other = [Span("  or ", DIM), rival, Span(f" {update.confidence:.0%}")]
    music = [Span("  music ", DIM), Span(f"{update.music:.0%}")]
    texts = [
        [*short, *since, *other, *music],
        [*short, *since, *other],
        [*short, *other],
        short,
        [Span(cut(name, width), colour + BOLD)],
    ]
    return Headline(name, colour, percent, texts)


_FONTS = {5: "ansi_regular", 3: "future"}  # FIGlet fonts by height in rows
_WIDEST = 1000  # cells, so that names are not wrapped


def large(text: str, width: int, height: int) -> tuple[str, ...]:
    """The rows of the text in the largest font that fits; empty if none does."""
    for rows in _FONTS:
        if rows <= height:
            drawn = _drawn(text, rows)
            if drawn and len(drawn[0]) <= width:
                return drawn
    return ()


@lru_cache(maxsize=256)
def _drawn(text: str, rows: int) -> tuple[str, ...]:
    """Rows of equal length; empty if the font lacks a letter."""
    # Both fonts have all of ASCII; other characters are replaced or omitted.
    if not text.strip() or not text.isascii() or not text.isprintable():
        return ()
    from pyfiglet import Figlet, FontNotFound

    try:
        drawn = Figlet(_FONTS[rows], width=_WIDEST).renderText(text).splitlines()
    except FontNotFound:  # some distributions ship pyfiglet without the contributed fonts
        return ()
    lines = [line.rstrip() for line in drawn[:rows]]
    if len(lines) < rows or any(line.strip() for line in drawn[rows:]):
        return ()
    longest = max(map(len, lines))
    return tuple(line.ljust(longest) for line in lines)
