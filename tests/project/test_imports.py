"""The plan of the house: an import points to the same floor or a lower one, and there is no circle."""

from __future__ import annotations

import ast
from importlib.util import resolve_name
from pathlib import Path

import pytest

import sciml
from tests.cases import ROOT

FLOOR = {"kernels": 1, "sciml": 2, "pdes": 3, "solvers": 3}
FRONT_DOOR = {"sciml/__init__.py", "sciml/__main__.py"}
FILES = sorted(str(f.relative_to(ROOT)) for folder in FLOOR for f in (ROOT / folder).rglob("*.py"))


def module_name(file: str) -> str:
    name = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    return name if name.split(".")[0] == "sciml" else f"sciml.{name}"


MODULES = {module_name(f): f for f in FILES}


def folder_of(module: str) -> str:
    second = module.split(".")[1:2]
    return second[0] if second and second[0] in FLOOR else "sciml"


def imports(file: str, *, top_level: bool) -> set[str]:
    """The modules of sciml a file imports; ``top_level`` leaves out what functions import when called."""
    found = set()

    def visit(node: ast.AST) -> None:
        if top_level and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return
        if top_level and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = (
                module_name(file) if file.endswith("__init__.py") else module_name(file).rpartition(".")[0]
            )
            source = resolve_name("." * node.level + (node.module or ""), package)
            for name in (a.name for a in node.names):
                if f"{source}.{name}" in MODULES:  # `from package import module`
                    found.add(f"{source}.{name}")
                elif source == "sciml":  # through the front door
                    found.add(sciml._MODULE_OF.get(name, source))
                else:
                    found.add(source)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    return {m for m in found if m.split(".")[0] == "sciml"}


@pytest.mark.parametrize("file", [f for f in FILES if f not in FRONT_DOOR])
def test_imports_point_down(file):
    folder = file.split("/")[0]
    for module in imports(file, top_level=False):
        target = folder_of(module)
        assert target == folder or FLOOR[target] < FLOOR[folder], f"{file} imports {module}"


def test_no_circle():
    graph = {m: imports(f, top_level=True) & MODULES.keys() - {m} for m, f in MODULES.items()}
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for target in sorted(graph[module]):
                walk(target, (*path, module))
            done.add(module)

    for module in graph:
        walk(module, ())


def test_every_folder_is_a_package():
    folders = {str(Path(f).parent) for f in FILES}
    assert [f for f in sorted(folders) if f"{f}/__init__.py" not in FILES] == []
