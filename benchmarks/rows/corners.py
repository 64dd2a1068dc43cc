"""Corners: re-entrant ones, changes of condition, values and sources that do not fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

import sciml
from benchmarks.rows import l_shape
from benchmarks.rows.case import Case, closed_form
from sciml.ansatz import Trial
from sciml.conditions import Dirichlet, Initial, Neumann
from sciml.domains import Box, Disk, Interval, Polygon, TimeInterval

PI = math.pi
OFF = {"corners": False}
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
            Dirichlet(on_line(_tip, 1, -1.0), on="edge0"),
            Dirichlet(on_line(_tip, 0, 1.0), on=["edge1", "edge4"]),
            Dirichlet(on_line(_tip, 1, 1.0), on="edge5"),
            Dirichlet(on_line(_tip, 0, -1.0), on="edge6"),
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
            Dirichlet(on_line(_change, 0, -1.0), on="x=-1"),
            Dirichlet(on_line(_change, 0, 1.0), on="x=1"),
            Dirichlet(on_line(_change, 1, 1.0), on="y=1"),
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


class Skew(sciml.PDE):
    """``-Δu = 2xy`` on the unit square: the source is not zero at one corner."""

    domain = Box([0, 0], [1, 1])
    conditions = (Dirichlet(0.0),)

    def residual(self, u, x):
        """``-Δu - 2xy``."""
        return -u.laplacian() - 2 * x[:, :1] * x[:, 1:]


def _skew(x: Tensor) -> Tensor:
    total = torch.zeros_like(x[:, :1])
    for n in range(1, 4001):
        a = n * PI
        rise = (torch.exp(a * (x[:, :1] - 1)) - torch.exp(-a * (x[:, :1] + 1))) / (1 - math.exp(-2 * a))
        total = total - (-1) ** n * 4 / a**3 * (x[:, :1] - rise) * torch.sin(a * x[:, 1:])
    return total


class HotSide(sciml.PDE):
    """Laplace's equation, one side of the square at one, three at zero."""

    domain = Box([0, 0], [1, 1])
    conditions = (Dirichlet(1.0, on="y=1"), Dirichlet(0.0, on=["x=0", "x=1", "y=0"]))

    def residual(self, u, x):
        """``Δu``."""
        return u.laplacian()


def _hot_side(x: Tensor) -> Tensor:
    total = torch.zeros_like(x[:, :1])
    for n in range(1, 8001, 2):
        a = n * PI
        rise = (torch.exp(a * (x[:, 1:] - 1)) - torch.exp(-a * (x[:, 1:] + 1))) / (1 - math.exp(-2 * a))
        total = total + 4 / a * torch.sin(a * x[:, :1]) * rise
    return total


class HotArc(sciml.PDE):
    """Laplace's equation on half a disc, the arc at one, the diameter at zero."""

    domain = Disk((0, 0), 1.0) & Box([-1, 0], [1, 1])
    conditions = (Dirichlet(0.0, on="y=0"), Dirichlet(1.0, on="circle"))

    def residual(self, u, x):
        """``Δu``."""
        return u.laplacian()


def _hot_arc(x: Tensor) -> Tensor:
    return 2 / PI * torch.atan2(2 * x[:, 1:], 1 - (x**2).sum(1, keepdim=True))


class HeatedEnd(sciml.PDE):
    """Heat from rest, ``u(1) = 1`` from the first instant on."""

    domain = TimeInterval(0, 1) * Interval(0, 1)
    conditions = (Initial(0.0), Dirichlet(0.0, on="x=0"), Dirichlet(1.0, on="x=1"))

    def residual(self, u, x):
        """``u_t - u_xx``."""
        return u.d("t") - u.d("x", "x")


def _heated_end(x: Tensor) -> Tensor:
    root = 2 * x[:, :1].sqrt()
    images = [torch.erfc((k - x[:, 1:]) / root) - torch.erfc((k + x[:, 1:]) / root) for k in range(1, 16, 2)]
    return torch.stack(images).sum(0)


class HeatedSquare(sciml.PDE):
    """Heat from rest in a square, all sides at one from the first instant on."""

    domain = TimeInterval(0, 0.2) * Box([0, 0], [1, 1])
    conditions = (Initial(0.0), Dirichlet(1.0))

    def residual(self, u, x):
        """``u_t - Δu``."""
        return u.d("t") - u.laplacian()


def _heated_square(x: Tensor) -> Tensor:
    cold = torch.ones_like(x[:, :1])
    for i in (1, 2):
        rows = [
            4 / (n * PI) * torch.sin(n * PI * x[:, i : i + 1]) * torch.exp(-((n * PI) ** 2) * x[:, :1])
            for n in range(1, 800, 2)
        ]
        cold = cold * torch.stack(rows).sum(0)
    return 1 - cold


class Inflow(sciml.PDE):
    """``u_t + u_x = u_xx / 20`` from rest, ``u(0) = 1`` from the first instant on, nothing reaches the other end."""

    domain = TimeInterval(0, 0.5) * Interval(0, 3)
    conditions = (Initial(0.0), Dirichlet(1.0, on="x=0"), Dirichlet(0.0, on="x=3"))

    def residual(self, u, x):
        """``u_t + u_x - u_xx / 20``."""
        return u.d("t") + u.d("x") - u.d("x", "x") / 20


def _inflow(x: Tensor) -> Tensor:
    root = (0.2 * x[:, :1]).sqrt()
    one, two = (x[:, 1:] - x[:, :1]) / root, (x[:, 1:] + x[:, :1]) / root
    return 0.5 * (torch.erfc(one) + torch.exp(-(one**2)) * torch.special.erfcx(two))


class LShape(sciml.PDE):
    """``-Δu = 1`` on the square [-1, 1]² without its upper right quarter."""

    domain = Polygon([(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)])
    conditions = (Dirichlet(0.0),)

    def residual(self, u, x):
        """``-Δu - 1``."""
        return -u.laplacian() - 1.0


def on_line(exact: Callable[[Tensor], Tensor], axis: int, at: float) -> Callable[[Tensor], Tensor]:
    """A closed form on a line: a function of the other coordinate, which knows nothing of the inside."""

    def values(x: Tensor) -> Tensor:
        held = torch.full_like(x[:, :1], at)
        return exact(torch.cat([held, x[:, 1:]] if axis == 0 else [x[:, :1], held], 1))

    return values


def _l_shape() -> Callable[[Trial], float]:
    """Relative error of the integral, by Gauss-Legendre rules on three squares that are graded towards the corner."""
    expected = l_shape.integral()
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
        return abs(float(rule @ values.to(rule)) / expected - 1)

    return error


class Prism(sciml.PDE):
    """An L-shape times a height; the solution has ``r^(2/3)`` and ``x y`` at its re-entrant edge."""

    domain = Polygon([(-1, -1), (1, -1), (1, 1), (0, 1), (0, 0), (-1, 0)]) * Interval(0, 1, "z")
    conditions = (
        Dirichlet(0.0, on=[f"edge{k}" for k in range(6)]),
        Neumann(0.0, on=["z=0", "z=1"]),
    )

    def residual(self, u, x):
        """``Δu - f``."""
        (one, _), (bent, bent_two) = _at_edge(x)
        wave = torch.cos(PI * x[:, 2:])
        return u.laplacian() - bent * (2 + wave) - bent_two + PI**2 * wave * one


def _at_edge(x: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """``r^(2/3) sin(2/3 phi)`` and ``x y``, brought to zero on the outer sides; and their Laplacians in the plane."""
    a, b = x[:, :1], x[:, 1:2]
    phi = torch.atan2(b, a)
    phi = torch.where(phi > PI / 2 + 1e-12, phi - 2 * PI, phi) + PI
    r = (a**2 + b**2).sqrt()
    edge = r ** (2 / 3) * torch.sin(2 / 3 * phi)
    across, along = 2 / 3 * r ** (-1 / 3) * torch.sin(phi / 3), -2 / 3 * r ** (-1 / 3) * torch.cos(phi / 3)
    cut, cut_a, cut_b = (1 - a**2) * (1 - b**2), -2 * a * (1 - b**2), -2 * b * (1 - a**2)
    bend = -2 * (1 - b**2) - 2 * (1 - a**2)
    one = 2 * (across * cut_a + along * cut_b) + edge * bend
    return (edge * cut, a * b * cut), (one, 2 * (b * cut_a + a * cut_b) + a * b * bend)


def _prism(x: Tensor) -> Tensor:
    (one, two), _ = _at_edge(x)
    return one * (2 + torch.cos(PI * x[:, 2:])) + two


def _row(
    name: str,
    problem: Callable[[], sciml.PDE],
    exact: Callable[[Tensor], Tensor],
    bar: tuple[float, float],
    **words: Any,
) -> Case:
    return Case(name, problem, lambda: closed_form(problem().domain, exact), (bar,), without=OFF, **words)


CASES = (
    Case(
        "L-shape",
        LShape,
        _l_shape,
        ((1e-4, 20.0), (1e-5, 120.0)),
        today=".091",
        without=OFF,
        reference="integral by finite elements, extrapolated",
        floor=l_shape.FLOOR,
    ),
    _row("edge of a prism", Prism, _prism, (1e-6, 20.0)),
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
    _row(
        "source 2xy on the square",
        Skew,
        _skew,
        (1e-6, 20.0),
        reference="Fourier series",
        floor=1e-10,
        today="1e-4",
    ),
    _row("side of a square at one", HotSide, _hot_side, (1e-5, 30.0), reference="Fourier series", floor=5e-8),
    _row("arc of half a disc at one", HotArc, _hot_arc, (1e-5, 30.0)),
    _row("u(1) = 1 from rest", HeatedEnd, _heated_end, (1e-4, 30.0), today="2.2e-2", reference="images"),
    _row("square heated from rest", HeatedSquare, _heated_square, (1e-3, 60.0), reference="Fourier series"),
    _row("inflow from rest", Inflow, _inflow, (1e-4, 30.0)),
)
