"""The plan of the house: imports point down or sideways, late ones too; there is no circle, and no crowded folder."""

from __future__ import annotations

import ast
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

import pytest

import sciml
from tests.cases import ROOT

# An import points to the same floor or a lower one.
FLOORS = {"kernels": 1, "sciml": 2, "pdes": 3, "solvers": 4}
# They import nothing of sciml, so every floor may use them.
BELOW = {"sciml.checkout", "sciml.lazy"}
# They lend names of every floor.
FACADES = {"sciml/__init__.py", "sciml/__main__.py"}

# What the parts of solvers/ may import of solvers/ besides themselves. A part is a file or a folder; those that the table
# leaves out (solving, fine-tuning, families, solutions, the command line) stand on top and may use everything.
TEXTS = {
    "sciml.solvers.files.limits",
    "sciml.solvers.files.printable",
}  # what a text may hold, wherever it is kept
RESULTS = {"answer", "adapted", "report"}
WINGS = {
    "evaluation": set(),
    "comparison": set(),
    "found": set(),
    "report": {"found"},
    # it linearises the system that was trained, and tells errors as estimates do
    "posterior": {"estimate", "found", "report", "terms", "training"},
    "terms": set(),
    "estimate": {"terms"},  # it asks the residuals of the same terms as training
    "answer": {"comparison", "report", "evaluation", "estimate", "found", "posterior"},
    "adapted": {"answer", "report"},
    "superposition": {"answer", "terms"},  # whether a sum of solutions is one is asked of the equation
    "grids": set(),
    "training": {"comparison", "report", "estimate", "files", "grids", "terms"},  # files: checkpoints
    "windows": {"training", "estimate", "report", "files"},  # files: checkpoints
    "sharing": {"training", "terms", "report"},
    "tangent": {"training", "plots"},
    "bases": {"training", "solution", "terms"},
    "laws": {"solve", "solution"},
    "files": RESULTS,
    "quantities": {"answer"},
    "exports": {"answer", "evaluation", "files", "quantities"},
    "plots": RESULTS | {"comparison", "quantities"},
}

# Where a function may import a module of sciml when it is called, and the start-up time this saves.
LATE = {
    "kernels/cpu/compiled.py": "Numba and LLVM compile on first use",
    "kernels/cpu/elementwise.py": "Numba and LLVM compile on first use",
    "kernels/cpu/machine.py": "Numba and LLVM compile on first use",
    "kernels/cuda/machine.py": "the text of Triton's kernels is written on first use",
    "sciml/nn/kan.py": "Matplotlib and SymPy are imported by the method that needs them",
    "solvers/verbs.py": "Matplotlib is imported with the first picture",
    "solvers/tangent/kernel.py": "Matplotlib is imported with the first picture",
    "solvers/plots/html.py": "Matplotlib's panels are imported with the first picture",
    "solvers/cli/__init__.py": "--help answers at once",
    "solvers/cli/arguments.py": "--help answers at once",
}

MOST_FILES = 16  # besides __init__.py
CATALOGUES = {"pdes"}  # one file an equation

FILES = sorted(str(f.relative_to(ROOT)) for folder in FLOORS for f in (ROOT / folder).rglob("*.py"))
LENT = {package.__name__: package._HOMES for package in (sciml, sciml.kernels, sciml.pdes)}


class Import(NamedTuple):
    """What one statement takes from sciml: the module, the name in it (or None), and when."""

    module: str
    name: str | None
    late: bool
    typing: bool


def module_name(file: str) -> str:
    name = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    return name if name.split(".")[0] == "sciml" else f"sciml.{name}"


MODULES = {module_name(f): f for f in FILES}


def floor(module: str) -> int:
    second = module.split(".")[1:2]
    return 0 if module in BELOW else FLOORS[second[0] if second and second[0] in FLOORS else "sciml"]


def wing(module: str) -> str:
    """``sciml.solvers.files.seal`` -> ``files``."""
    return module.split(".")[2]


def origin(source: str, name: str) -> tuple[str, str | None]:
    """The module that ``from source import name`` reaches, and the name it takes there."""
    if f"{source}.{name}" in MODULES:
        return f"{source}.{name}", None
    return LENT.get(source, {}).get(name, source), name


def imports(file: str) -> list[Import]:
    """Every import of a module of sciml, wherever in the file it stands."""
    package = module_name(file) if file.endswith("__init__.py") else module_name(file).rpartition(".")[0]
    found: list[Import] = []

    def visit(node: ast.AST, late: bool, typing: bool) -> None:
        late = late or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        typing = typing or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, None, late, typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            found.extend(Import(*origin(source, alias.name), late, typing) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child, late, typing)

    visit(ast.parse((ROOT / file).read_text(encoding="utf-8")), late=False, typing=False)
    return [i for i in found if i.module.split(".")[0] == "sciml"]


IMPORTS = {module: imports(file) for module, file in MODULES.items()}


@pytest.mark.parametrize("module", [m for m, f in MODULES.items() if f not in FACADES])
def test_imports_point_down(module):
    for i in IMPORTS[module]:
        assert floor(i.module) <= floor(module), f"{MODULES[module]} imports {i.module}"


@pytest.mark.parametrize("module", sorted(BELOW))
def test_what_every_floor_may_use_imports_nothing(module):
    assert IMPORTS[module] == []


@pytest.mark.parametrize("module", MODULES)
def test_functions_import_only_where_it_saves_time(module):
    late = [i.module for i in IMPORTS[module] if i.late]
    assert late == [] or MODULES[module] in LATE, f"{MODULES[module]} imports {late} within functions"


def test_every_file_that_may_import_late_does():
    assert [f for f in LATE if not any(i.late for i in IMPORTS.get(module_name(f), ()))] == []


def test_no_circle():
    """Late imports count; those under ``TYPE_CHECKING`` are never run."""
    graph = {
        m: {i.module for i in IMPORTS[m] if not i.typing} & MODULES.keys() - {m}
        for m in MODULES
        if MODULES[m] not in FACADES
    }
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for target in sorted(graph.get(module, ())):
                walk(target, (*path, module))
            done.add(module)

    for module in graph:
        walk(module, ())


@pytest.mark.parametrize("module", MODULES)
def test_private_names_stay_in_their_folder(module):
    own = Path(MODULES[module]).parent
    for i in IMPORTS[module]:
        private = i.name is not None and i.name.startswith("_") and not i.name.startswith("__")
        home = Path(MODULES.get(i.module, "")).parent
        assert not private or home == own, f"{MODULES[module]} imports {i.name} of {i.module}"


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.startswith("sciml.solvers.") and wing(m) in WINGS]
)
def test_parts_of_solvers_import_what_they_may(module):
    allowed = {wing(module), *WINGS[wing(module)]}
    for i in IMPORTS[module]:
        if i.module.startswith("sciml.solvers.") and i.module not in TEXTS and not i.typing:
            names = {wing(i.module), i.module.removeprefix("sciml.solvers.")}
            assert names & allowed, f"{MODULES[module]} imports {i.module}"


@pytest.mark.parametrize("module", sorted(TEXTS))
def test_what_a_wing_lends_downwards_imports_nothing_of_solvers(module):
    used = {i.module for i in IMPORTS[module] if i.module.startswith("sciml.solvers.")}
    assert used <= TEXTS


def test_every_folder_is_a_package():
    folders = {str(Path(f).parent) for f in FILES}
    assert [f for f in sorted(folders) if f"{f}/__init__.py" not in FILES] == []


def test_no_folder_is_crowded():
    folders = [str(Path(f).parent) for f in FILES if not f.endswith("__init__.py")]
    crowded = {f: folders.count(f) for f in set(folders) - CATALOGUES if folders.count(f) > MOST_FILES}
    assert crowded == {}
