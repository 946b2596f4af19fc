"""Draw `timeline.svg`, the picture in the README: the timeline of mix.ogg in a terminal."""

from __future__ import annotations

import io
import time
from pathlib import Path

from rich.console import Console

import streamgenre
from streamgenre.output.timeline.text import print_timeline


def main() -> None:
    """Write timeline.svg beside this file."""
    here = Path(__file__).parent
    model = streamgenre.load()
    mix = here / "mix.ogg"
    model.classify(mix)  # warm-up
    began = time.perf_counter()
    timeline = model.classify(mix)
    speed = timeline.duration / (time.perf_counter() - began)
    console = Console(
        file=io.StringIO(), record=True, width=96, highlight=False, force_terminal=True
    )
    print_timeline(console, "examples/mix.ogg", timeline, speed)
    svg = console.export_svg(title="streamgenre examples/mix.ogg")
    (here / "timeline.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
