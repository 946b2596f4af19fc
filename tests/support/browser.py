"""A real browser: Chromium, driven by playwright, and what tests measure in its pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import unquote

import pytest

PATIENCE = 60_000  # ms
_BROWSERS = "chromium", "chromium-browser", "google-chrome"
_FLAGS = [
    "--no-sandbox",  # as root in a container there is none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


def starters() -> Iterator[Callable[..., AbstractContextManager[Any]]]:
    """Yield what starts Chromium with more flags; skips where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of pip")
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        pytest.skip("needs Chromium: apt install chromium")
    with api.sync_playwright() as driver:

        @contextmanager
        def start(*flags: str) -> Iterator[Any]:
            running = driver.chromium.launch(executable_path=path, args=[*_FLAGS, *flags])
            yield running
            running.close()

        yield start


@contextmanager
def opened(browser, page_file, requests=(), complains=False, **options):
    """A page that may request only itself and `requests`, and must not write to the console."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    asked, said = set(), []
    context.on("request", lambda request: asked.add(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(page_file.as_uri())
    try:
        yield page
    finally:
        context.close()
    expected = {page_file.as_uri(), *(path.as_uri() for path in requests)}
    found = {url for url in asked if not url.startswith("blob:")}
    assert set(map(unquote, found)) == set(map(unquote, expected))  # escapes may differ
    assert bool(said) == complains, said


CONTRAST = """() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[0-9.]+/g).map((part) => part / 255).map(
      (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    const colour = node ? getComputedStyle(node).backgroundColor : "";
    return node && colour === "rgba(0, 0, 0, 0)" ? behind(node.parentElement) : colour;
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const text = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!text || !node.checkVisibility() || node.matches("[aria-disabled=true]")) continue;
    const pair = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), node.textContent.slice(0, 30)]);
  }
  return found;
}"""
"""[contrast, text] of each element of a page with text of its own, as WCAG defines contrast."""
