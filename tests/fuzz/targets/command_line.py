"""Command lines: parsing of every command, and runs of those that finish by themselves."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import soundfile

from fuzz.target import Target
from fuzz.targets.lists import tables
from streamgenre.cli.main import run
from streamgenre.cli.options import COMMANDS

_RUN = ("report", "correct", "tags", "info")
_PARSED = ("scan", "live", "radio", "devices", "export", "doctor", "bench")
_VALUES = ("a.wav", "r.csv", "r.jsonl", "list.m3u", "d", "missing", "-", "", "0", "-1", "1e400",
           "nan", "0.5", "2.5", "csv", "json", "html", "album:Album", "artist:Band", "jazz", "%",
           "\udcff", "é", "\n", "x" * 300, "http://127.0.0.1:9/x")  # fmt: skip


@cache
def _options() -> tuple[str, ...]:
    modules = [*(name for name in COMMANDS if name in _RUN + _PARSED), "timeline"]
    commands = [import_module(f"streamgenre.cli.{name}").command for name in modules]
    names = {option for command in commands for one in command.params for option in one.opts}
    return tuple(sorted(name for name in names if name.startswith("-")))


def _seeds() -> Mapping[str, bytes]:
    lines = [
        ["a.wav"], ["a.wav", "--format", "json"], ["a.wav", "a.wav", "--format", "csv", "-o", "d"],
        ["list.m3u", "-o", "x.jsonl"], ["report", "r.csv", "-o", "r.html"],
        ["report", "r.jsonl", "--format", "csv", "-o", "d"],
        ["correct", "r.csv", "album:Album", "jazz"], ["correct", "r.jsonl", "--list"],
        ["tags", "r.csv", "--min-confidence", "0.5"], ["tags", "r.jsonl", "--undo"],
        ["info", "--format", "json"], ["scan", "d", "-o", "x.csv"], ["live", "--hop", "0.5"],
        ["radio", "list.m3u", "-o", "radio.jsonl"], ["export", "d"], ["bench"], ["devices"],
        ["--hop", "2.5", "-"], ["a.wav", "--raw", "s16le", "--rate", "8000"],
    ]  # fmt: skip
    seeds = {f"line-{n}": "\0".join(line).encode() for n, line in enumerate(lines)}
    for number, option in enumerate(_options()):
        for place, value in enumerate((_VALUES[number % len(_VALUES)], "a.wav")):
            seeds[f"option-{number}-{place}"] = b"\0".join(
                map(os.fsencode, ["a.wav" if place else "r.csv", option, value])
            )
    return seeds


def _safe(token: str) -> bool:
    """Whether a token names nothing outside of the folder."""
    if token == "http://127.0.0.1:9/x":
        return True
    return not any(mark in token for mark in ("/", "~", "..", ":\\"))


@cache
def _sound() -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 8_000)
    soundfile.write(buffer, noise, 16_000, format="WAV")
    return buffer.getvalue()


def _check(data: bytes, folder: Path) -> None:
    arguments = [os.fsdecode(token) for token in data.split(b"\0")][:12]
    if not all(map(_safe, arguments)):
        return
    (folder / "a.wav").write_bytes(_sound())
    (folder / "list.m3u").write_text("a.wav\nmissing.mp3\n")
    for kind in ("csv", "jsonl"):
        (folder / f"r.{kind}").write_bytes(tables()[kind])
    (folder / "d").mkdir()
    before, stdin = Path.cwd(), sys.stdin
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
    try:
        os.chdir(folder)
        sys.stdin = io.TextIOWrapper(io.BytesIO(b""))
        with redirect_stdout(out), redirect_stderr(err):
            code = _run(arguments)
    finally:
        os.chdir(before)
        sys.stdin = stdin
    err.flush()
    text = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert code in range(6), code
    assert "Traceback" not in text
    if code:
        assert text.strip(), "no message"


def _run(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    if first in _PARSED:
        command = import_module(f"streamgenre.cli.{first}").command
        try:
            with command.make_context(first, arguments[1:]):
                return 0
        except click.exceptions.Exit as done:
            return done.exit_code
        except click.ClickException as error:
            error.show()
            return error.exit_code
    if first in COMMANDS and first not in _RUN:
        return 0  # the trainer's
    return run(arguments)


TARGET = Target(
    "commands",
    "command lines: parsed for every command, run for timeline, report, correct, tags, info",
    _seeds,
    _check,
    largest=2_048,
)
