"""A package is data: its lists of files and its cards cannot lead out of its folder."""

from __future__ import annotations

import json
import os
import shutil

import pytest

onnx = pytest.importorskip("onnx", reason="needs the export extra")

from streamgenre.cli.main import run  # noqa: E402
from streamgenre.package.contents import CARD, SUMS, write_json, write_sums  # noqa: E402


def verified(folder, capfd) -> str:
    """The message with which the package is refused."""
    assert run(["export", "--verify", str(folder)]) == 5
    lines = capfd.readouterr().err.splitlines()
    (message,) = (line for line in lines if not line.endswith(" ..."))  # stages of the work
    return message


@pytest.fixture
def copy(package, tmp_path):
    return shutil.copytree(package, tmp_path / "package")


def listed(folder, name: str) -> None:
    with (folder / SUMS).open("a", encoding="utf-8") as sums:
        sums.write(f"{'0' * 64}  {name}\n")


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "test/../../secret", "C:\\secret", "..\\secret", "a\0b", ""],
)
def test_a_list_of_hashes_that_leads_out_is_refused(copy, capfd, name):
    (copy.parent / "secret").write_text("x")
    listed(copy, name)
    assert f"{SUMS} is damaged" in verified(copy, capfd)


@pytest.mark.parametrize("name", ["test/music.f32", "model.onnx", "README.md"])
def test_a_link_out_of_a_package_is_refused(copy, capfd, name):
    outside = copy.parent / "outside"
    shutil.move(copy / name, outside)
    try:
        (copy / name).symlink_to(outside)
    except OSError:
        pytest.skip("links need a privilege here")
    assert f"{name} is a link that leads out" in verified(copy, capfd)


def test_a_link_to_a_package_is_followed(copy, capfd, tmp_path):
    link = tmp_path / "link"
    try:
        link.symlink_to(copy, target_is_directory=True)
    except OSError:
        pytest.skip("links need a privilege here")
    (copy / "model.onnx").unlink()
    assert "model.onnx is missing" in verified(link, capfd)


@pytest.mark.parametrize("file", ["test/music.f32", "README.md", CARD, SUMS])
def test_a_huge_file_is_refused_without_being_read(copy, capfd, file):
    os.truncate(copy / file, 2**40) if hasattr(os, "truncate") else pytest.skip("no sparse files")
    assert f"{file} is too large" in verified(copy, capfd)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.update(batch=10**9),
        lambda card: card["test"].update(steps=10**12),
        lambda card: card["test"]["music"].update(file="../secret"),
        lambda card: card["variants"][0].update(file="../secret.onnx"),
        lambda card: card.update(state=True),
    ],
    ids=["batch", "steps", "test", "variant", "bool"],
)
def test_a_card_out_of_range_is_refused(copy, capfd, change):
    card = json.loads((copy / CARD).read_text())
    change(card)
    write_json(copy / CARD, card)
    write_sums(copy)
    assert f"{CARD} cannot be read" in verified(copy, capfd)


def test_deep_nesting_is_refused(copy, capfd):
    (copy / CARD).write_text("[" * 100_000)
    write_sums(copy)
    assert "nested more than" in verified(copy, capfd)


def test_a_model_in_another_format_than_its_name_is_refused(copy, capfd):
    """ONNX Runtime goes by the content: an ONNX file under this name would not be checked."""
    file = copy / "model.ort"
    if not file.exists():
        pytest.skip("this ONNX Runtime writes no model.ort")
    shutil.copyfile(copy / "model.onnx", file)
    card = json.loads((copy / CARD).read_text())
    (entry,) = (variant for variant in card["variants"] if variant["file"] == file.name)
    (reference,) = (variant for variant in card["variants"] if variant["file"] == "model.onnx")
    entry |= {key: reference[key] for key in ("bytes", "sha256")}
    write_json(copy / CARD, card)
    write_sums(copy)
    assert "model.ort has another format than its name" in verified(copy, capfd)
