"""Solve partial differential equations with networks, and re-use a solved one for the next right-hand side.

>>> import sciml
>>> from sciml import pdes
>>> solution = sciml.solve(pdes.Poisson(dim=2))  # doctest: +SKIP

Every name is imported on first use, so ``import sciml`` itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sciml import adapters, domains, jets, kernels, nn, optim, pdes, rank, solvers
    from sciml.checks.report import check
    from sciml.conditions import Data, Dirichlet, Initial, Neumann, Periodic, Robin
    from sciml.domains import Ball, Box, Disk, Interval, PointCloud, Polygon, TimeInterval
    from sciml.errors import ArgumentError, ArgumentTypeError, FileFormatError, SciMLError
    from sciml.problem import PDE
    from sciml.solvers.files.solution_file import load
    from sciml.solvers.solution import Solution
    from sciml.solvers.solve import solve

__version__ = "0.1.0"

# In a checkout solvers/, pdes/ and kernels/ lie beside this folder; installed, they lie inside it.
_here = Path(__file__).resolve().parent
if not (_here / "solvers").is_dir() and all(
    (_here.parent / name).exists() for name in ("solvers", "pyproject.toml")
):
    __path__.append(str(_here.parent))

_HOME = {  # module -> the names it lends to the front door
    "sciml.solvers.solve": ("solve",),
    "sciml.solvers.solution": ("Solution",),
    "sciml.solvers.files.solution_file": ("load",),
    "sciml.checks.report": ("check",),
    "sciml.problem": ("PDE",),
    "sciml.domains": ("Ball", "Box", "Disk", "Interval", "PointCloud", "Polygon", "TimeInterval"),
    "sciml.conditions": ("Data", "Dirichlet", "Initial", "Neumann", "Periodic", "Robin"),
    "sciml.errors": ("ArgumentError", "ArgumentTypeError", "FileFormatError", "SciMLError"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
_SUBPACKAGES = ("adapters", "domains", "jets", "kernels", "nn", "optim", "pdes", "rank", "solvers")

__all__ = [  # noqa: RUF022 - in the order a user meets them
    # solve, look, load
    "solve",
    "Solution",
    "load",
    # state a problem
    "check",
    "PDE",
    "Ball",
    "Box",
    "Disk",
    "Interval",
    "PointCloud",
    "Polygon",
    "TimeInterval",
    "Data",
    "Dirichlet",
    "Initial",
    "Neumann",
    "Periodic",
    "Robin",
    # what can go wrong
    "ArgumentError",
    "ArgumentTypeError",
    "FileFormatError",
    "SciMLError",
    # subpackages
    "adapters",
    "domains",
    "jets",
    "kernels",
    "nn",
    "optim",
    "pdes",
    "rank",
    "solvers",
]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"sciml.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'sciml' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
