"""What the HTML pages have in common: one head, one palette, and a policy without other sources."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

import streamgenre
from streamgenre.pages import escaped, page, script_data

PACKAGE = Path(streamgenre.__file__).parent
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("page.html"))
EVIL = "</title><b>\n$style &"


def filled(folder, media=""):
    names = re.findall(r"\$(\w+)", (folder / "page.html").read_text("utf-8"))
    parts = {name: f"[{name}]" for name in names if name != "title"}
    return page(folder, EVIL, media, **parts)


def policy_of(text):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


def test_all_pages_are_found():
    assert len(FOLDERS) >= 3


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_policy_allows_only_the_script_of_the_page(folder):
    text = filled(folder)
    policy = policy_of(text)
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    assert len(scripts) == (folder / "page.js").exists()
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert policy["script-src"] == f"'sha256-{digest}'"
    assert ("script-src" in policy) == bool(scripts)
    assert "media-src" not in policy
    assert policy_of(filled(folder, "'self' file:"))["media-src"] == "'self' file:"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_title_is_escaped_and_not_expanded(folder):
    text = filled(folder)
    assert text.count("<title>") == text.count("</title>") == 1
    assert f"<title>{escaped(EVIL)}</title>" in text and "$style &amp;" in text


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_page_does_not_repeat_the_palette(folder):
    shared = re.findall(r"(--\w+): #", (PACKAGE / "pages.html").read_text("utf-8"))
    own = (folder / "page.css").read_text("utf-8")
    assert shared
    assert not [name for name in shared if name != "--mark" and f"{name}: #" in own]


def test_script_data_cannot_end_its_element_and_is_json():
    value = {"a": "</script><!-- \u2028", "b": [1.5, None]}
    assert "<" not in script_data(value) and json.loads(script_data(value)) == value
    with pytest.raises(ValueError, match="JSON"):
        script_data(float("nan"))
