"""What plays now: in large letters, and said in words below them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style

from ...output.ribbon import clock, shown, style
from .line import BAD, BOLD, DIM, WARN, Line, Piece, cut, fitted, longest
from .view import View

_KINDS = ("music", "speech or noise", "silence")  # of a model that does not tell speech from noise
_SPEECH = 0.5


@dataclass(frozen=True, slots=True)
class Headline:
    """A decision as people read it."""

    word: str
    """For the large letters."""
    style: Style
    confidence: str
    """In percent, where there is a genre; otherwise empty."""
    said: list[Line]
    """The same in words, the longest way first; the last fits almost anywhere."""


def kind(view: View) -> str:
    """What is heard: one of `kinds`, "gap", or nothing yet."""
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
    """What can be heard: speech and noise are two kinds where the model tells them apart."""
    update, network = view.update, view.card.network
    if update is None or update.status == "gap":
        # Nothing is said of a gap; what the network is does not change with it.
        tells = bool(network.get("base", network).get("speech"))
    else:
        tells = update.speech is not None
    return ("music", "speech", "noise", "silence") if tells else _KINDS


def headline(view: View, width: int) -> Headline:
    """What the view has to say first, its names cut to what `width` leaves them."""
    update, activity = view.update, view.activity
    if activity == "lost":
        return _plain("no input", BAD, "no input", "the device is gone; looking for it")
    if update is None:
        rest = {
            "starting": "loading the model, opening the input",
            "listening": "no judgement yet",
            "ended": "nothing was heard",
        }
        return _plain(activity, BOLD, activity, rest.get(activity, ""))
    if (heard := kind(view)) == "gap":
        return _plain("gap", WARN, "gap", "sound is missing here")
    if heard == "silence":
        return _plain("too quiet", DIM, "too quiet to judge", "")
    if heard != "music":
        return _plain("no music", DIM, f"no music: {heard}", f"music {update.music:.0%}")
    if update.genre is None:
        return _unsure(view, f"{update.confidence:.0%}", width)
    return _genre(view, width)


def headline_lines(view: View, width: int, rows: int) -> list[Line]:
    """`rows` lines: the words alone, or large letters above them."""
    indent = [Piece("  ")] if width >= 34 else []
    now = headline(view, width - 2 * len(indent))
    said = fitted([*indent, *longest(now.said, width - 2 * len(indent))], width)
    if rows < 4:
        return [said, *_blank(rows - 1)][:rows]
    space = rows - 1
    letters = large(now.word, width - 3, space) or (now.word,)
    side = large(now.confidence, width - 6 - len(letters[0]), 3) if len(letters) > 1 else ()
    colour = now.style + BOLD if view.activity in ("listening", "starting") else DIM
    lines: list[Line] = []
    above = (space - len(letters)) // 2
    for row in range(space):
        line: Line = []
        if above <= row < above + len(letters):
            line = [*indent, Piece(letters[row - above], colour)]
            # The figures stand on the line that the letters stand on.
            if side and row >= above + len(letters) - 3:
                line += [Piece("   "), Piece(side[row - above - len(letters) + 3], DIM)]
        lines.append(fitted(line, width))
    return [*lines, said]


def _blank(rows: int) -> list[Line]:
    return [[] for _ in range(rows)]


def _plain(word: str, look: Style, said: str, more: str) -> Headline:
    short: Line = [Piece(said, look + BOLD)]
    return Headline(word, look, "", [[*short, Piece(f"  {more}", DIM)], short] if more else [short])


def _unsure(view: View, percent: str, width: int) -> Headline:
    assert view.update is not None
    top = view.update.top
    name = shown(view.card, "", top)
    guess = Piece(cut(name, width - 21), style(view.card, top))
    long = [Piece("unsure", BOLD), Piece(", perhaps "), guess, Piece(f" {percent}")]
    return Headline(
        "unsure",
        DIM,
        "",
        [long, [Piece(f"{cut(name, max(5, width - 6))}? {percent}")], [Piece("unsure", BOLD)]],
    )


def _genre(view: View, width: int) -> Headline:
    update = view.update
    assert update is not None and update.genre is not None
    name = shown(view.card, "", update.genre)
    colour = style(view.card, update.genre)
    # A genre holds on while another label leads already: the update's confidence is of that one.
    percent = f"{view.probabilities.get(update.genre, update.confidence):.0%}"
    short = [Piece(cut(name, max(5, width - 5)), colour + BOLD), Piece(f" {percent}", BOLD)]
    since: Line = []
    if view.segments and view.segments[-1].genre == update.genre:
        time = clock(max(0.0, update.time - view.segments[-1].start))
        since = [Piece("  for ", DIM), Piece(time)]
    other: Line = []
    if update.top != update.genre:
        rival = Piece(shown(view.card, "", update.top), style(view.card, update.top))
        other = [Piece("  or ", DIM), rival, Piece(f" {update.confidence:.0%}")]
    music = [Piece("  music ", DIM), Piece(f"{update.music:.0%}")]
    said = [
        [*short, *since, *other, *music],
        [*short, *since, *other],
        [*short, *other],
        short,
        [Piece(cut(name, width), colour + BOLD)],
    ]
    return Headline(name, colour, percent, said)


_FONTS = {5: "ansi_regular", 3: "future"}
_WIDEST = 1000  # never breaks a name into two lines


def large(text: str, width: int, height: int) -> tuple[str, ...]:
    """The rows of the largest form that fits; empty where none does."""
    for rows in _FONTS:
        if rows <= height:
            drawn = _drawn(text, rows)
            if drawn and len(drawn[0]) <= width:
                return drawn
    return ()


@lru_cache(maxsize=256)
def _drawn(text: str, rows: int) -> tuple[str, ...]:
    """Rows of equal length; empty where the font lacks a letter."""
    # Both fonts have all of ASCII; beyond it they spell, leave out, or put something else.
    if not text.strip() or not text.isascii() or not text.isprintable():
        return ()
    from pyfiglet import Figlet, FontNotFound

    try:
        drawn = Figlet(_FONTS[rows], width=_WIDEST).renderText(text).splitlines()
    except FontNotFound:  # some systems package pyfiglet without the contributed fonts
        return ()
    lines = [line.rstrip() for line in drawn[:rows]]
    if len(lines) < rows or any(line.strip() for line in drawn[rows:]):
        return ()
    longest = max(map(len, lines))
    return tuple(line.ljust(longest) for line in lines)
