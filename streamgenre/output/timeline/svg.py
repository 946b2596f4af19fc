"""SVG: the picture of a timeline as a vector graphic. Text is rendered in the viewer's font."""

from __future__ import annotations

from html import escape
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from ...audio.address import Recording
from ...model.timeline import Timeline
from .picture import Area, Box, Shape, picture

_FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif"


def write(file: TextIO, recording: Recording, timeline: Timeline) -> None:
    """Write the picture as one SVG document."""
    drawn = picture(recording, timeline)
    file.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawn.width} {drawn.height}" '
        f'width="{drawn.width}" height="{drawn.height}" role="img" font-family="{_FONT}">\n'
        f"<title>{escape(drawn.title)}</title>\n"
        f'<rect width="100%" height="100%" fill="{drawn.background}"/>\n'
    )
    for shape in drawn.shapes:
        file.write(_element(shape) + "\n")
    file.write("</svg>\n")


def _element(shape: Shape) -> str:
    if isinstance(shape, Area):
        # A thin outline hides seams between neighbours.
        return (
            f'<path fill="{shape.fill}" stroke="{shape.fill}" stroke-width="0.5" '
            f'd="{path(shape.points)}"><title>{escape(shape.name)}</title></path>'
        )
    if isinstance(shape, Box):
        return (
            f'<rect x="{shape.x:.2f}" y="{shape.y:g}" width="{shape.width:.2f}" '
            f'height="{shape.height:g}" fill="{shape.fill}"><title>{escape(shape.name)}</title>'
            "</rect>"
        )
    weight = ' font-weight="600"' if shape.bold else ""
    anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
    return (
        f'<text x="{shape.x:.2f}" y="{shape.y:g}" font-size="{shape.size:g}" fill="{shape.fill}"'
        f"{weight}{anchor}>{escape(shape.text)}</text>"
    )


def path(points: NDArray[np.float64]) -> str:
    """The closed outline through the points (n, 2), as the `d` of a path.

    >>> path(np.array([[0, 0], [2.25, 0], [2.25, 1]]))
    'M0 0L2.2 0L2.2 1Z'
    """
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points) + "Z"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
