"""MkDocs hook: shows the Markdown files of the root as pages, and links to other files.

Links in the documentation are those that work in the repository: `../MODEL_CARD.md` from `docs/`,
`docs/evaluation.md` from the root. This hook translates them for the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = ("MODEL_CARD.md", "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root to those of `docs/`."""
    for name in ROOT_PAGES:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Rewrite links that leave `docs/`: to a page, to the repository, or to plain text."""
    folder = ROOT if page.file.src_uri in ROOT_PAGES else ROOT / "docs"

    def link(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        path = (folder / target).resolve()
        if not path.exists():  # left as it is: the strict build reports it
            return match[0]
        if path.parent == ROOT / "docs" or path.name in ROOT_PAGES:
            return f"[{text}]({path.name}{anchor})"
        if not config.repo_url:
            return f"`{path.relative_to(ROOT).as_posix()}`"
        return f"[{text}]({config.repo_url}/blob/main/{path.relative_to(ROOT).as_posix()}{anchor})"

    return LINK.sub(link, markdown)
