"""Defaults of `streamgenre live` from a file and from the environment."""

from __future__ import annotations

import click
import pytest

from streamgenre.cli.config import defaults
from streamgenre.cli.live import command


@pytest.fixture
def config(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    monkeypatch.setenv("STREAMGENRE_CONFIG", str(path))

    def write(text: str) -> dict:
        path.write_text(text)
        return defaults("live", command)

    return write


def test_a_file_sets_options_and_the_environment_overrides_it(config, monkeypatch):
    text = '[live]\ninput = "monitor"\nnow-playing = "now.txt"\nhop = 0.5\n[other]\nx = 1\n'
    assert config(text) == {"wanted": "monitor", "now_playing": "now.txt", "hop": "0.5"}
    monkeypatch.setenv("STREAMGENRE_INPUT", "3")
    monkeypatch.setenv("STREAMGENRE_ON_CHANGE", "")
    assert config(text)["wanted"] == "3"
    assert "on_change" not in config(text)
    with command.make_context("live", [], default_map=config(text)) as context:
        assert context.params["wanted"] == "3" and context.params["hop"] == 0.5
    with command.make_context("live", ["-i", "mic"], default_map=config(text)) as context:
        assert context.params["wanted"] == "mic"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[live]\ninptu = "x"', "has no entry 'inptu'; did you mean 'input'?"),
        ("[live]\nzzz = 1", "has no entry 'zzz'; known: channels"),
        ("[live]\nhop = [1]", "hop: must be a string or a number"),
        ("live = 1", r"live must be a table: \[live\]"),
        ("[live", "cannot be read"),
    ],
)
def test_an_error_in_a_file_is_named(config, text, message):
    with pytest.raises(click.UsageError, match=message):
        config(text)


def test_a_given_file_must_exist(monkeypatch, tmp_path):
    monkeypatch.setenv("STREAMGENRE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(click.UsageError, match="no such file"):
        defaults("live", command)
    monkeypatch.delenv("STREAMGENRE_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert defaults("live", command) == {}
