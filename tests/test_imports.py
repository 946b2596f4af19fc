"""The packages import each other in the allowed directions only, and without cycles."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
TRAINER_FINDER = "streamgenre.cli.trainer"
"""The only module of streamgenre that names the trainer, as a string."""

KNOWN_CYCLES: set[frozenset[str]] = set()


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files_of(package):
    return {name_of(path): path for path in sorted((ROOT / package).rglob("*.py"))}


FILES = files_of("streamgenre") | files_of("training")


@cache
def tree_of(module):
    return ast.parse(FILES[module].read_text("utf-8"))


def absolute(module, node):
    """The module that a `from ... import` names, its dots resolved."""
    if not node.level:
        return node.module
    package = module.split(".")
    is_package = FILES[module].name == "__init__.py"
    package = package[: len(package) - node.level + is_package]
    return ".".join([*package, *([node.module] if node.module else [])])


@cache
def imports_of(module):
    """Modules that a module imports anywhere: in functions and for type checkers, too."""
    found = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in FILES else base)
    return found


def modules(package):
    return [name for name in FILES if name == package or name.startswith(f"{package}.")]


def within(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def cycles(graph):
    """Strongly connected components of more than one node, and nodes that lead to themselves."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1 or node in graph[node]:
                found.append(frozenset(component))

    for node in graph:
        if node not in index:
            visit(node)
    return set(found)


def test_streamgenre_does_not_import_the_trainer():
    wrong = {
        (module, name)
        for module in modules("streamgenre")
        for name in imports_of(module)
        if within(name, "training", "streamgenre.training")
    }
    assert not wrong


def test_one_module_of_streamgenre_names_the_trainer():
    trainer = re.compile(r"\.*(streamgenre\.)?training(\.\w+)*")
    naming = {
        module
        for module in modules("streamgenre")
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and trainer.fullmatch(node.value)
    }
    assert naming == {TRAINER_FINDER}


def test_networks_import_only_audio_and_errors():
    wrong = {
        (module, name)
        for module in modules("streamgenre.networks")
        for name in imports_of(module)
        if within(name, "streamgenre", "training")
        and not within(name, "streamgenre.networks", "streamgenre.audio", "streamgenre.errors")
    }
    assert not wrong


def test_only_the_command_and_the_package_import_the_library():
    wrong = {
        (module, name)
        for module in modules("streamgenre")
        for name in imports_of(module)
        if within(name, "streamgenre.library")
        and not within(module, "streamgenre.library", "streamgenre.cli")
        and module != "streamgenre"
    }
    assert not wrong


def test_the_library_imports_only_model_audio_and_what_they_import():
    allowed = (
        "library", "model", "audio", "errors", "extras", "files", "forks", "pages", "parse",
        "update", "wording",
    )  # fmt: skip
    wrong = {
        (module, name)
        for module in modules("streamgenre.library")
        for name in imports_of(module)
        if within(name, "streamgenre")
        and name != "streamgenre"
        and not within(name, *(f"streamgenre.{part}" for part in allowed))
    }
    assert not wrong


def test_no_cycle_inside_streamgenre():
    names = modules("streamgenre")
    assert cycles({name: imports_of(name) & set(names) for name in names}) == KNOWN_CYCLES


def test_no_cycle_inside_the_trainer():
    names = modules("training")
    assert not cycles({name: imports_of(name) & set(names) for name in names})


def test_no_cycle_between_the_packages_of_the_trainer():
    def room(name):
        return ".".join(name.split(".")[:2])

    graph = {}
    for name in modules("training"):
        inner = {room(other) for other in imports_of(name) if within(other, "training")}
        graph.setdefault(room(name), set()).update(inner - {room(name)})
    assert not cycles(graph)


def test_config_does_not_import_the_literature():
    reached, waiting = set(), ["training.config"]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += imports_of(module) & set(modules("training"))
    assert not {name for name in reached if within(name, "training.literature")}


def test_inference_does_not_import_the_evaluation():
    wrong = {
        (module, name)
        for module in modules("training.inference")
        for name in imports_of(module)
        if within(name, "training")
        and not within(name, "training.inference", "training.data", "training.inference.decisions")
    }
    assert not wrong


def test_the_graph_has_function_level_and_type_checking_imports():
    assert "streamgenre.networks.calibrated" in imports_of("streamgenre.model.torch")
    assert "streamgenre.model.stream" in imports_of("streamgenre")
    assert "training.export.onnx" in imports_of("training.model")
    assert "training.inference" in imports_of("training.cli.progress")
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}, "e": set()}
    assert cycles(graph) == {frozenset("bc"), frozenset("d")}


def test_the_trainer_has_few_modules_at_its_top():
    entries = [
        path
        for path in (ROOT / "training").iterdir()
        if (path / "__init__.py").is_file()
        or (path.suffix == ".py" and not path.name.startswith("__"))
    ]
    assert len(entries) <= 22, sorted(path.name for path in entries)
