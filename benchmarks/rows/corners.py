"""Corners: re-entrant ones, changes of condition, values and sources that do not fit."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

import sciml
from benchmarks.rows.case import Case, closed_form
from sciml.ansatz import Trial
from sciml.conditions import Dirichlet, Neumann
from sciml.domains import Box, Polygon

PI = math.pi
OFF = {"corners": False}
INTEGRAL = 0.214075802687  # of the solution on the L-shape
GAP = 1e-9  # half the width of the slit at its mouth
SLIT = Polygon([(-1, -1), (1, -1), (1, -GAP), (0, 0), (1, GAP), (1, 1), (-1, 1)])


class Slit(sciml.PDE):
    """Laplace's equation around the end of a slit, ``u = r^(1/2) sin(θ/2)``."""

    domain = SLIT

    @property
    def conditions(self):
        """Zero on the slit, the closed form on each side as a function of the other coordinate alone."""
        return (
            Dirichlet(0.0, on=["edge2", "edge3"]),
            Dirichlet(_on_line(_tip, 1, -1.0), on="edge0"),
            Dirichlet(_on_line(_tip, 0, 1.0), on=["edge1", "edge4"]),
            Dirichlet(_on_line(_tip, 1, 1.0), on="edge5"),
            Dirichlet(_on_line(_tip, 0, -1.0), on="edge6"),
        )

    def residual(self, u, x):
        """``Δu``."""
        return u.laplacian()


def _tip(x: Tensor) -> Tensor:
    theta = torch.atan2(x[:, 1:], x[:, :1]) % (2 * PI)
    return x.norm(dim=1, keepdim=True).sqrt() * torch.sin(theta / 2)


class Mixed(sciml.PDE):
    """Laplace's equation where a held side goes on as an insulated one, ``u = r^(1/2) cos(θ/2)``."""

    domain = Box([-1, 0], [1, 1])

    @property
    def conditions(self):
        """Zero on the left half of the lower side, no flux through the right half."""
        return (
            Dirichlet(0.0, on=lambda x: (x[:, 1] == 0) & (x[:, 0] <= 0)),
            Neumann(0.0, on=lambda x: (x[:, 1] == 0) & (x[:, 0] > 0)),
            Dirichlet(_on_line(_change, 0, -1.0), on="x=-1"),
            Dirichlet(_on_line(_change, 0, 1.0), on="x=1"),
            Dirichlet(_on_line(_change, 1, 1.0), on="y=1"),
        )

    def residual(self, u, x):
        """``Δu``."""
        return u.laplacian()


def _change(x: Tensor) -> Tensor:
    theta = torch.atan2(x[:, 1:], x[:, :1])
    return x.norm(dim=1, keepdim=True).sqrt() * torch.cos(theta / 2)


class Torsion(sciml.PDE):
    """``-Δu = 1`` on the unit square, zero on its sides: logarithms at the corners."""

    domain = Box([0, 0], [1, 1])
    conditions = (Dirichlet(0.0),)

    def residual(self, u, x):
        """``-Δu - 1``."""
        return -u.laplacian() - 1.0


def _torsion(x: Tensor) -> Tensor:
    total = x[:, :1] * (1 - x[:, :1]) / 2
    for k in range(1, 400, 2):
        a = k * PI
        swing = (torch.exp(a * (x[:, 1:] - 1)) + torch.exp(-a * x[:, 1:])) / (1 + math.exp(-a))
        total = total - 4 / a**3 * torch.sin(a * x[:, :1]) * swing
    return total


class LShape(sciml.PDE):
    """``-Δu = 1`` on the square [-1, 1]² without its upper right quarter."""

    domain = Polygon([(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)])
    conditions = (Dirichlet(0.0),)

    def residual(self, u, x):
        """``-Δu - 1``."""
        return -u.laplacian() - 1.0


def _on_line(exact: Callable[[Tensor], Tensor], axis: int, at: float) -> Callable[[Tensor], Tensor]:
    """A closed form on a line: a function of the other coordinate, which knows nothing of the inside."""

    def values(x: Tensor) -> Tensor:
        held = torch.full_like(x[:, :1], at)
        return exact(torch.cat([held, x[:, 1:]] if axis == 0 else [x[:, :1], held], 1))

    return values


def _l_shape() -> Callable[[Trial], float]:
    """Relative error of the integral, by Gauss-Legendre rules on three squares that are graded towards the corner."""
    nodes, weights = np.polynomial.legendre.leggauss(48)
    t = torch.from_numpy((nodes + 1) / 2)
    along, weight = t**3, torch.from_numpy(weights / 2) * 3 * t**2
    x = torch.cartesian_prod(along, along)
    signs = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    points = (signs[:, None] * x).reshape(-1, 2)
    rule = torch.outer(weight, weight).reshape(-1).repeat(3)

    def error(trial: Trial) -> float:
        with torch.no_grad():
            values = trial(points.to(next(trial.network.parameters())))[:, 0]
        return abs(float(rule @ values.to(rule)) / INTEGRAL - 1)

    return error


CASES = (
    Case(
        "L-shape",
        LShape,
        _l_shape,
        ((1e-4, 20.0), (1e-5, 120.0)),
        today=".091",
        without=OFF,
        reference="integral, by 60 corner functions fitted to the boundary",
        floor=1e-11,
    ),
    Case("slit", Slit, lambda: closed_form(SLIT, _tip), ((1e-5, 60.0),), without=OFF),
    Case(
        "Dirichlet meets Neumann",
        Mixed,
        lambda: closed_form(Mixed.domain, _change),
        ((1e-4, 60.0),),
        without=OFF,
    ),
    Case(
        "square, f = 1",
        Torsion,
        lambda: closed_form(Torsion.domain, _torsion),
        ((1e-7, 60.0),),
        today="1.8e-5",
        without=OFF,
        reference="Fourier series",
        floor=1e-12,
    ),
)
