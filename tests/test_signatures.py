"""Public signatures of the measuring modules have no untyped mappings."""

from __future__ import annotations

import ast

import pytest
from support.paths import ROOT

PACKAGES = (
    "training/evaluation", "training/literature", "training/adapt", "training/export", "bench",
)  # fmt: skip
UNTYPED = {f"{kind}[str, Any]" for kind in ("dict", "Mapping", "MutableMapping")}


def public_functions(tree):
    """Functions and methods without a leading underscore, not in functions or private classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node)


def untyped(annotation):
    """Parts of an annotation that are untyped mappings."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if annotation is None:
        return []
    parts = [node for node in ast.walk(annotation) if isinstance(node, ast.Subscript)]
    return [text for node in parts if (text := ast.unparse(node)) in UNTYPED]


def signatures(path):
    """Name of each public function with its annotations, and of each field of a public class."""
    tree = ast.parse(path.read_text("utf-8"))
    for function in public_functions(tree):
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        yield function.name, [*(a.annotation for a in every), function.returns]
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for field in (node for node in cls.body if isinstance(node, ast.AnnAssign)):
            yield f"{cls.name}.{ast.unparse(field.target)}", [field.annotation]
    for node in tree.body:  # an alias is no type of its own
        if isinstance(node, ast.Assign) and ast.unparse(node.value) in UNTYPED:
            yield ast.unparse(node.targets[0]), [node.value]


MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ALLOWED = {
    ("metrics.py", "to_json"),  # for json.dumps
    ("metrics.py", "fields"),  # for the constructor of another result
    ("rows.py", "Row.entries"),  # a row of any kind, as its TOML file has it
    ("rows.py", "completed"),
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_public_signature_has_an_untyped_mapping(path):
    found = {
        name
        for name, annotations in signatures(path)
        for annotation in annotations
        if untyped(annotation) and (path.name, name) not in ALLOWED
    }
    assert not found


def test_an_untyped_mapping_is_seen(tmp_path):
    (tmp_path / "m.py").write_text(
        "Found = dict[str, Any]\n"
        "def f(a: 'Sequence[dict[str, Any]] | None') -> Mapping[str, Any]: ...\n"
        "class C:\n    x: dict[str, Any]\n    def m(self) -> dict[str, int]: ...\n"
    )
    seen = {n: [t for a in s for t in untyped(a)] for n, s in signatures(tmp_path / "m.py")}
    assert seen == {
        "Found": ["dict[str, Any]"],
        "f": ["dict[str, Any]", "Mapping[str, Any]"],
        "C.x": ["dict[str, Any]"],
        "m": [],
    }


def test_the_evaluation_has_few_modules_at_its_top():
    top = [p for p in (ROOT / "training/evaluation").iterdir() if not p.name.startswith("__")]
    assert len(top) <= 8, sorted(path.name for path in top)
