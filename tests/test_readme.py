"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_blocks_run_as_written(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) >= 2
    code = tmp_path / "readme.py"
    code.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(code)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.match(r"160 (genre|unsure)\n", done.stdout)


def test_commands_named_exist():
    from streamgenre.cli.options import COMMANDS

    named = set(re.findall(r"^    streamgenre ([a-z]+)\b(?!\.)", README, re.M)) - {"song"}
    assert named and named <= set(COMMANDS)


@pytest.mark.parametrize(
    "name", re.findall(r"\]\(([^)#]+)\)|`((?:examples|training)/[^`]+)`", README)
)
def test_files_named_exist(name):
    path = next(part for part in name if part)
    assert path.startswith("http") or (ROOT / path).exists()


def test_the_accuracy_stated_is_the_one_on_the_card(model):
    for hop in model.card.hops:
        assert hop.accuracy
        for name in ("accuracy", "accuracy_low", "accuracy_high", "macro_recall", "top2"):
            assert f"{hop.accuracy[name]:.3f}" in README


LIVE = (ROOT / "streamgenre/live/README.md").read_text(encoding="utf-8")


def test_the_live_readme_names_what_there_is(tmp_path, monkeypatch):
    from streamgenre.cli.config import defaults
    from streamgenre.cli.live import command

    options = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"`(--[a-z-]+)", LIVE)) <= options
    for name in re.findall(r"\]\(([^)#]+)\)", LIVE):
        assert (ROOT / "streamgenre/live" / name).exists(), name
    (tmp_path / "config.toml").write_text(re.search(r"```toml\n(.*?)```", LIVE, re.S)[1])
    monkeypatch.setenv("STREAMGENRE_CONFIG", str(tmp_path / "config.toml"))
    assert defaults("live", command)["wanted"] == "monitor"
