"""HTML pages: the head, palette and base style sheet that all pages have in common, and escaping.

A page is one file without external resources. Its package has the files page.html, the content of
the body, page.css, and optionally page.js. The content security policy allows this script by its
hash, and no other.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from pathlib import Path
from string import Template

from .errors import one_line


def page(folder: Path, title: str, media: str = "", **parts: str) -> str:
    """Return the page whose files are in a folder.

    Args:
        folder: contains page.html, page.css, and page.js if the page has a script.
        title: the title, as plain text. It also replaces `$title` in page.html.
        media: allowed sources of audio, for the content security policy; empty for none.
        parts: replacements of placeholders in page.html, as HTML.
    """
    body = Template((folder / "page.html").read_text("utf-8"))
    script = folder / "page.js"
    policy = ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]
    element = ""
    if script.exists():
        source = script.read_text("utf-8")
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        policy.append(f"script-src 'sha256-{digest}'")
        element = f"<script>{source}</script>\n"
    if media:
        policy.append(f"media-src {media}")
    policy += ["base-uri 'none'", "form-action 'none'"]
    return Template(Path(__file__).with_name("pages.html").read_text("utf-8")).substitute(
        policy="; ".join(policy),
        title=escaped(title),
        style=(folder / "page.css").read_text("utf-8"),
        body=body.substitute(parts, title=escaped(title)),
        script=element,
    )


def escaped(text: object) -> str:
    """Escape a text for HTML and attributes, on one line.

    >>> escaped('a "b" & <c>')
    'a &quot;b&quot; &amp; &lt;c&gt;'
    """
    return escape(one_line(text))


def script_data(value: object) -> str:
    r"""JSON for a script element. It cannot contain an end tag or a comment.

    >>> script_data({"a": "</script>"})
    '{"a":"\\u003c/script>"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
