"""PNG: the picture of a timeline, drawn with Matplotlib.

Matplotlib includes a font, uses system fonts for other scripts, and needs no system library.
"""

from __future__ import annotations

import io
import logging
import warnings
from typing import TextIO

from ...audio.address import Recording
from ...errors import ConfigError
from ...extras import install_command
from ...model.timeline import Timeline
from .picture import Area, Box, picture

SCALE = 2
"""Pixels of the file per pixel of the picture."""

_FAMILIES = [
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Hiragino Sans",
    "Yu Gothic",
    "Noto Sans Arabic",
    "Arial Unicode MS",
]  # in this order, for characters that the first ones lack
_SHRINK = 0.92  # DejaVu Sans is wider than the fonts that browsers use


def require() -> None:
    """Raise ConfigError if Matplotlib is not installed."""
    log = logging.getLogger("matplotlib")
    if log.level == logging.NOTSET:
        log.setLevel(logging.ERROR)  # it would advise on its cache, which is not needed
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ConfigError(
            f"png needs Matplotlib (svg does not); run {install_command('plot')}"
        ) from None


def write(file: TextIO, recording: Recording, timeline: Timeline) -> None:
    """Write the picture as a PNG file, through the binary buffer of `file`."""
    require()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import get_font_names
    from matplotlib.patches import Polygon, Rectangle

    drawn = picture(recording, timeline)
    dpi = 72 * SCALE  # so that a point is a pixel of the picture
    figure = Figure(
        figsize=(drawn.width / 72, drawn.height / 72), dpi=dpi, facecolor=drawn.background
    )
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, drawn.width), ylim=(drawn.height, 0))
    axes.set_axis_off()
    known = get_font_names()
    families = [family for family in _FAMILIES if family in known]
    for shape in drawn.shapes:
        if isinstance(shape, Area):
            axes.add_patch(Polygon(shape.points, facecolor=shape.fill, edgecolor=shape.fill,
                                   linewidth=0.5))  # fmt: skip
        elif isinstance(shape, Box):
            axes.add_patch(Rectangle((shape.x, shape.y), shape.width, shape.height,
                                     facecolor=shape.fill, linewidth=0))  # fmt: skip
        else:
            axes.text(
                shape.x,
                shape.y,
                shape.text.replace("$", r"\$"),  # no formulas
                fontsize=shape.size * _SHRINK,
                color=shape.fill,
                family=families,
                fontweight="bold" if shape.bold else "normal",
                horizontalalignment=_ALIGNMENT[shape.anchor],
                verticalalignment="baseline",
            )
    image = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # characters that no font has
        figure.savefig(image, format="png", metadata={"Title": drawn.title})
    file.flush()
    file.buffer.write(image.getvalue())


_ALIGNMENT = {"start": "left", "middle": "center", "end": "right"}
