"""Solve partial differential equations with networks, and re-use a solved one for the next right-hand side.

>>> import sciml
>>> from sciml import pdes
>>> solution = sciml.solve(pdes.Poisson(dim=2))  # doctest: +SKIP

Every name is imported on first use, so ``import sciml`` itself costs next to nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sciml import checkout, lazy

if TYPE_CHECKING:
    from sciml import adapters, callbacks, domains, jets, kernels, nn, optim, pdes, rank, solvers, stats
    from sciml.checks.report import check
    from sciml.conditions import Condition, Data, Dirichlet, Initial, Interface, Neumann, Periodic, Robin
    from sciml.domains import Ball, Box, Disk, Interval, Mesh, PointCloud, Polygon, TimeInterval
    from sciml.errors import ArgumentError, ArgumentTypeError, FileFormatError, SciMLError
    from sciml.expressions.operators import curl, div, grad, laplacian
    from sciml.expressions.spline import Spline
    from sciml.problem import PDE
    from sciml.solvers.bases.spectrum import match_spectrum
    from sciml.solvers.laws.solve_law import solve_law
    from sciml.solvers.solution import Solution, load
    from sciml.solvers.solve import solve
    from sciml.solvers.tangent.kernel import tangent_kernel
    from sciml.symbolic.problem import from_sympy
    from sciml.unknown import Unknown

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 - in the order a user meets them
    # solve, look, load
    "solve",
    "Solution",
    "load",
    "solve_law",
    # state a problem
    "check",
    "PDE",
    "Unknown",
    "from_sympy",
    "Ball",
    "Box",
    "Disk",
    "Interval",
    "Mesh",
    "PointCloud",
    "Polygon",
    "TimeInterval",
    "Condition",
    "Data",
    "Dirichlet",
    "Initial",
    "Interface",
    "Neumann",
    "Periodic",
    "Robin",
    # derivatives of expressions
    "curl",
    "div",
    "grad",
    "laplacian",
    "Spline",
    # diagnose
    "tangent_kernel",
    "match_spectrum",
    # what can go wrong
    "ArgumentError",
    "ArgumentTypeError",
    "FileFormatError",
    "SciMLError",
    # subpackages
    "adapters",
    "callbacks",
    "domains",
    "jets",
    "kernels",
    "nn",
    "optim",
    "pdes",
    "rank",
    "solvers",
    "stats",
]

checkout.find_beside(Path(__file__).parent)
_HOMES = lazy.homes(__file__, __all__)
__getattr__, __dir__ = lazy.attach(__name__, _HOMES)
