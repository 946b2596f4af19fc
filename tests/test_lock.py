"""requirements.lock agrees with constraints.txt, the one place for versions."""

from __future__ import annotations

import re
import sys
import tomllib

import pytest
from support.paths import ROOT

sys.path.insert(0, str(ROOT))
import dev

if not (ROOT / "requirements.lock").is_file():
    pytest.skip("needs a checkout", allow_module_level=True)


def name(requirement: str) -> str:
    """The normalised name of a requirement."""
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def pins(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if match := re.match(r"([\w.-]+)==([\w.+]+)", line):
            found.setdefault(name(match[1]), set()).add(match[2])
    return found


CONSTRAINTS = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
TEXT = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LOCKED = pins(TEXT)


def test_the_versions_are_those_of_the_constraints():
    both = CONSTRAINTS.keys() & LOCKED.keys()
    assert len(both) > 30
    wrong = {each: LOCKED[each] for each in both if LOCKED[each] != CONSTRAINTS[each]}
    assert not wrong, "run python3 dev.py lock"


def test_all_that_the_tests_need_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *dev.TEST_TOOLS, *dev.TORCH_NEEDS]
    extras = dev.TEST_EXTRAS.strip("[]").split(",")
    while extras:
        for requirement in project["optional-dependencies"][extras.pop()]:
            if inner := re.match(r"streamgenre\[(\w+)\]", requirement):
                extras.append(inner[1])
            else:
                needed.append(requirement)
    assert {*map(name, needed)} - LOCKED.keys() == {"torch"}, "run python3 dev.py lock"


def test_every_entry_has_hashes_and_none_is_of_cuda():
    entries = re.split(r"\n(?=\S)", TEXT.split("\n\n")[-1].strip())
    entries = [entry for entry in entries if not entry.startswith("#")]
    assert len(entries) >= len(LOCKED) > 50
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert not [each for each in LOCKED if each.startswith(("nvidia", "cuda", "triton", "torch"))]


def test_the_version_of_torch_is_read_from_the_constraints():
    assert dev.torch() == f"torch=={next(iter(CONSTRAINTS['torch']))}"
    assert "torch==" not in (ROOT / "dev.py").read_text(encoding="utf-8").replace('("torch==")', "")
