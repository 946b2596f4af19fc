"""The README and the documentation match the behaviour."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / name for name in ("README.md", "MODEL_CARD.md", "CONTRIBUTING.md", "CHANGELOG.md")
] + sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("README.md")])
LINK = re.compile(r"\]\((?!https?:)([^)\s]*)\)")
CODE = re.compile(r"```.*?```", re.S)
COMMAND = re.compile(r"(?:^|(?<!-t)[\s'(`|])(streamgenre|python -m training)((?: [^\n`|>#)]*)?)")


def text_of(page):
    return page.read_text(encoding="utf-8")


def anchors(page):
    """The ids that GitHub and MkDocs give to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", text_of(page)), re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", ["README.md", "MODEL_CARD.md", "docs/python.md"])
def test_python_blocks_run_as_written(page, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", text_of(ROOT / page), re.S)
    assert blocks
    code = tmp_path / "page.py"
    code.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(code)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "160.0" in done.stdout  # the end of examples/mix.ogg


def test_the_readme_is_short():
    assert (ROOT / "README.md").stat().st_size <= 5_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(CODE.sub("", text_of(page))):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def commands(text):
    """(program, arguments) of each command line that a page shows."""
    joined = re.sub(r"\\\n\s*", "", text)
    for program, arguments in COMMAND.findall(joined):
        try:
            yield program, shlex.split(arguments)
        except ValueError:  # a quotation mark that opens in the text around it
            continue


@cache
def options_of(program, name):
    """The options that a command's help lists."""
    module = ["-m", "streamgenre"] if program == "streamgenre" else ["-m", "training"]
    call = [sys.executable, *module, *([name] if name else []), "--help"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    if "pip install" in done.stderr or "ModuleNotFoundError" in done.stderr:
        pytest.skip(f"{program} {name} needs an extra")
    assert done.returncode == 0, done.stderr
    return {*re.findall(r"(?<![\w-])--?[a-z][\w-]*", done.stdout)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_exist(page):
    from streamgenre.cli.options import COMMANDS

    if page.parent.name == "cpp":
        pytest.skip("another program of that name")
    for program, arguments in commands(text_of(page)):
        first = arguments[0] if arguments and arguments[0].isalpha() else ""
        name = first if program != "streamgenre" or first in COMMANDS else ""
        used = {part.partition("=")[0] for part in arguments if re.match(r"--?[a-z]", part)}
        if used or program != "streamgenre":
            options = options_of(program, name)
            assert used <= options, (program, name, used - options)


def test_the_readme_shows_existing_commands():
    from streamgenre.cli.options import COMMANDS

    named = re.findall(r"^    streamgenre ([a-z]+)\b(?!\.)", text_of(ROOT / "README.md"), re.M)
    assert named and {*named} <= {*COMMANDS}


def test_every_command_is_documented():
    from streamgenre.cli.options import COMMANDS

    page = text_of(ROOT / "docs/cli.md")
    assert not [name for name in COMMANDS if f"`streamgenre {name}`" not in page]


def test_the_accuracy_stated_is_the_one_on_the_card(model):
    card = text_of(ROOT / "MODEL_CARD.md")
    for hop in model.card.hops:
        assert hop.accuracy
        for name in ("accuracy", "accuracy_low", "accuracy_high", "macro_recall", "top2"):
            assert f"{hop.accuracy[name]:.3f}" in card
    files = model.card.hop(model.card.file_hop).accuracy
    sentence = " ".join(text_of(ROOT / "README.md").split())
    assert f"the genre of {100 * files['accuracy']:.1f} %" in sentence
    interval = f"{100 * files['accuracy_low']:.1f} to {100 * files['accuracy_high']:.1f} %"
    assert interval in sentence


def test_the_live_page_names_existing_options(tmp_path, monkeypatch):
    from streamgenre.cli.config import defaults
    from streamgenre.cli.live import command

    page = text_of(ROOT / "docs/live.md")
    options = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"`(--[a-z-]+)", page)) <= options
    shared = {"--hop", "--model", "--compute"}  # docs/cli.md has these
    assert not {o for o in options - shared if o.startswith("--") and o not in page}
    (tmp_path / "config.toml").write_text(re.search(r"```toml\n(.*?)```", page, re.S)[1])
    monkeypatch.setenv("STREAMGENRE_CONFIG", str(tmp_path / "config.toml"))
    assert defaults("live", command)["wanted"] == "monitor"


def test_the_api_page_lists_the_public_names():
    import streamgenre

    listed = re.findall(r"^::: streamgenre\.(\w+)$", text_of(ROOT / "docs/api.md"), re.M)
    assert sorted(listed) == sorted(streamgenre.__all__)


def test_every_page_is_in_the_navigation():
    navigation = text_of(ROOT / "mkdocs.yml")
    assert not [page.name for page in (ROOT / "docs").glob("*.md") if page.name not in navigation]


def test_the_site_builds(tmp_path):
    for package in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(package, reason="building the site needs the docs extra")
    build = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-q",
        "-d",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    api = text_of(tmp_path / "site/api/index.html")
    import streamgenre

    for name in streamgenre.__all__:
        assert f'id="streamgenre.{name}"' in api, name
    assert "Model card" in text_of(tmp_path / "site/MODEL_CARD/index.html")
