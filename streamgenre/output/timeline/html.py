"""HTML: a page with a player, a synchronised stream graph, and a table of the segments.

The page requests only the recording, which is linked by a relative path or embedded. The player,
the graph and the table also work without JavaScript.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote, urlsplit

from ...audio.address import Recording, resolved
from ...durations import clock
from ...errors import OutputError, reason
from ...files import relative_url
from ...model.timeline import Timeline
from ...pages import escaped, page
from ...update import Segment
from ...wording import capitalised
from ..ribbon import label_text, segment_text, tick_step
from .graph import Frame, ink_on, layers
from .picture import title_of
from .svg import path
from .text import mix, percentage, result

LARGEST_EMBEDDED = 300_000_000
"""Maximum size of an embedded recording. Browsers limit the text of a page to 512 MB."""

_BARS = 5
_TICKS = {"wide": 12, "narrow": 5}  # maximum number of labels of the time axis
_LEAST_IN_LEGEND = 0.05  # largest probability over time
_CHUNK = 3 << 20  # bytes, a multiple of three


class HtmlPage:
    """Writes the page of a recording.

    `folder`: the folder of the page, for the link to the recording. `embed`: embed the recording in
    the page.
    """

    def __init__(self, folder: Path, embed: bool) -> None:
        self._folder, self._embed = folder, embed

    def __call__(self, file: TextIO, recording: Recording, timeline: Timeline) -> None:
        """Write the page. Raises OutputError if the recording cannot be embedded."""
        source = _embeddable(recording) if self._embed else None
        link = None if self._embed else _link(recording, self._folder)
        before, after = _page(recording, timeline, link, source).split(_AUDIO)
        file.write(before)
        if source is not None:
            _write_base64(file, source)
        file.write(after)


_AUDIO = "(the recording)"  # its place in a page; `_text` removes it from other parts


def _page(recording: Recording, timeline: Timeline, link: str | None, source: Path | None) -> str:
    card, verdict, segments = timeline.card, timeline.verdict(), timeline.segments
    word, detail = _verdict(timeline)
    trouble = "This browser cannot play the recording. The graph and the table need no player."
    if link and not recording.is_url:
        trouble = (
            f"{unquote(link)} cannot be played. Put the recording there, or create the page with "
            "--embed. If the file exists, this browser does not support its format."
        )
    player = audio = ""
    if link or source:
        origin = f' src="{_text(link)}"' if link else ""
        preload = "none" if recording.is_url else "metadata"
        player = (
            f'<audio controls preload="{preload}"{origin} aria-label="Player" '
            f'data-trouble="{_text(trouble)}"></audio>'
        )
    if source:
        kind = mimetypes.guess_type(source.name)[0] or ""
        audio = f'<script type="text/plain" id="audio" data-type="{_text(kind)}">{_AUDIO}</script>'
    else:
        audio = _AUDIO
    return page(
        Path(__file__).parent,
        title_of(recording).replace(_AUDIO, ""),
        _media(link),
        length=clock(timeline.duration),
        word=_text(capitalised(word)),
        word_class="" if verdict.genre or word == "A mix" else ' class="plain"',
        detail=_text(detail),
        player=player,
        start=f"{timeline.start:g}",
        end=f"{timeline.duration:.3f}",
        layers="\n".join(_paths(timeline)),
        strip="\n".join(_band(timeline, segment) for segment in segments),
        ticks="".join(_tick_labels(timeline)),
        bars="\n".join(_bars(timeline)),
        legend="".join(_legend(timeline)),
        styles=_styles(timeline),
        rows="\n".join(_row(timeline, segment) for segment in segments),
        model=_text(f"streamgenre, model {card.name} {card.version}"),
        audio=audio,
    )


def _verdict(timeline: Timeline) -> tuple[str, str]:
    """The result for the whole recording in large letters, and details below."""
    verdict = timeline.verdict()
    words = result(timeline).plain
    if parts := mix(timeline):
        return "A mix", parts.plain
    if verdict.genre is not None:
        return label_text(timeline.card, "", verdict.genre), f"confidence {verdict.confidence:.0%}"
    return (
        (words, "") if verdict.status == "no-music" else ("Unsure", words.removeprefix("unsure, "))
    )


def _text(text: str | None) -> str:
    """Text escaped for HTML, on one line."""
    return escaped((text or "").replace(_AUDIO, ""))


def _link(recording: Recording, folder: Path) -> str | None:
    """The link to a recording for a page in `folder`, or None if there is none.

    There is no link for standard input and for URLs with a password.
    """
    if recording.is_url:
        return resolved(recording.where) if recording.name == recording.where else None
    if recording.where in ("-", ""):
        return None
    return relative_url(resolved(recording.where), folder)


def _embeddable(recording: Recording) -> Path:
    if recording.is_stream:
        raise OutputError(f"{recording.name}: --embed needs a file; leave the option out")
    source = Path(resolved(recording.where))
    try:
        size = source.stat().st_size
    except OSError as error:
        raise OutputError(f"{source}: cannot be embedded: {reason(error)}") from None
    if size > LARGEST_EMBEDDED:
        raise OutputError(
            f"{source}: is too large for --embed ({size / 1e6:.0f} MB, at most "
            f"{LARGEST_EMBEDDED / 1e6:.0f}); leave the option out"
        )
    return source


def _write_base64(file: TextIO, source: Path) -> None:
    for data in _chunks(source):
        file.write(base64.b64encode(data).decode())


def _chunks(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as audio:
            left = LARGEST_EMBEDDED
            while left > 0 and (data := audio.read(_CHUNK)):
                yield data
                left -= len(data)
    except OSError as error:
        raise OutputError(f"{source}: cannot be embedded: {reason(error)}") from None


def _media(link: str | None) -> str:
    """The allowed media sources of the page, for its content security policy."""
    if link and link.startswith("http"):
        parts = urlsplit(link)
        host = re.sub(r"[^\w.:\[\]-]", "", parts.netloc)
        return f"{parts.scheme}://{host}"
    return "'self' file: blob:"


def _paths(timeline: Timeline) -> Iterator[str]:
    """The areas of the graph, 1000 units wide and 100 high."""
    frame = Frame(0, 0, 1000, 100, timeline.start, timeline.duration)
    for layer in layers(timeline):
        colour, name = layer.label.colour, _text(layer.label.display)
        outline = path(layer.outline(frame))
        yield f'<path fill="{colour}" stroke="{colour}" d="{outline}"><title>{name}</title></path>'


def _band(timeline: Timeline, segment: Segment) -> str:
    """A segment below the graph, with its name if that fits."""
    name = _text(segment_text(timeline.card, segment))
    share = (segment.end - segment.start) / (timeline.duration - timeline.start)
    if segment.genre is None:
        return f'<div class="plain" style="width:{share:.4%}"><span>{name}</span></div>'
    colour = _colours(timeline)[segment.genre]
    style = f"width:{share:.4%};background:{colour};color:{ink_on(colour)}"
    return f'<div style="{style}"><span>{name}</span></div>'


def _tick_labels(timeline: Timeline) -> Iterator[str]:
    span = timeline.duration - timeline.start
    for kind, most in _TICKS.items():
        step = tick_step(span, most)
        for i in range(int(span / step) + 1):
            share = i * step / span
            edge = " first" if share < 0.03 else " last" if share > 0.97 else ""
            label = clock(timeline.start + i * step)
            yield f'<span class="{kind}{edge}" style="--at:{share:.4f}">{label}</span>'


def _bars(timeline: Timeline) -> Iterator[str]:
    best = sorted(timeline.probabilities.items(), key=lambda item: -item[1])[:_BARS]
    for name, probability in best:
        yield (
            f"<li><span>{_text(label_text(timeline.card, '', name))}</span>"
            f'<div><i style="--share:{probability:.4f};--colour:{_colours(timeline)[name]}"></i>'
            f'</div><span class="share">{probability:.0%}</span></li>'
        )


def _legend(timeline: Timeline) -> Iterator[str]:
    """The genres with a visible area in the graph, the most probable ones first."""
    visible = {layer.label.name for layer in layers(timeline) if layer.height >= _LEAST_IN_LEGEND}
    for name, _ in sorted(timeline.probabilities.items(), key=lambda item: -item[1]):
        if name in visible:
            dot = f'<span class="dot" style="--colour:{_colours(timeline)[name]}"></span>'
            yield f"<li>{dot}{_text(label_text(timeline.card, '', name))}</li>"


def _styles(timeline: Timeline) -> str:
    displays = {style.name: style.display for style in timeline.card.styles}
    names = ", ".join(displays[name] for name in timeline.styles)
    return (
        f'<p class="styles quiet">Possible styles (not calibrated): {_text(names)}</p>'
        if names
        else ""
    )


def _row(timeline: Timeline, segment: Segment) -> str:
    start, end = (clock(seconds, tenths=True) for seconds in (segment.start, segment.end))
    plain, dot = ' class="plain"', '<span class="dot"></span>'
    words, detail, perhaps = segment_text(timeline.card, segment), "", ""
    if segment.genre is not None:
        colour = _colours(timeline)[segment.genre]
        plain, dot = "", f'<span class="dot" style="--colour:{colour}"></span>'
        detail = f"confidence {percentage(segment)}"
    elif segment.status == "unsure":
        perhaps = f"perhaps {label_text(timeline.card, '', timeline.most_probable(segment))}"
        detail = f"{perhaps} {percentage(segment)}"
    name = f"{words}, {perhaps}" if perhaps else words
    return (
        f'<tr data-start="{segment.start:.3f}" data-word="{_text(words)}" '
        f'data-detail="{_text(detail)}"><td>{start}</td><td>{end}</td>'
        f"<td{plain}>{dot}{_text(name)}</td><td>{percentage(segment)}</td></tr>"
    )


def _colours(timeline: Timeline) -> dict[str, str]:
    return {label.name: label.colour for label in timeline.card.labels}
