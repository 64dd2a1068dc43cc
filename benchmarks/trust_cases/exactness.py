"""Exact conditions whose derivatives are not those of their values: tables, kinks, jumps, corners."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

import sciml
from benchmarks.trust_cases.case import Case

KIND = "exact conditions"
KNOTS = np.linspace(0, 1, 21)


class TableHeat(sciml.PDE):
    """Heat from 21 values by linear interpolation."""

    domain = sciml.TimeInterval(0, 0.2) * sciml.Interval(0, 1)
    conditions = (
        sciml.Dirichlet(0.0),
        sciml.Initial(cast(Any, lambda x: np.interp(x[:, 1], KNOTS, np.sin(np.pi * KNOTS)))),
    )

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x")

    def exact(self, x):
        return torch.exp(-(math.pi**2) * x[:, :1]) * torch.sin(math.pi * x[:, 1:])


class SmoothTableHeat(TableHeat):
    """The same by a cubic spline."""

    @property
    def conditions(self):
        from scipy.interpolate import CubicSpline

        spline = CubicSpline(KNOTS, np.sin(np.pi * KNOTS))
        return (sciml.Dirichlet(0.0), sciml.Initial(lambda x: spline(x[:, 1])))


def _tent(y: Tensor) -> Tensor:
    return 1 - (2 * y - 1).abs()


def _tent_series(terms: int = 60) -> list[tuple[int, float]]:
    return [(n, 8 / math.pi**2 * math.sin(n * math.pi / 2) / n**2) for n in range(1, 2 * terms, 2)]


class TentHeat(TableHeat):
    """Heat from a tent."""

    conditions = (sciml.Dirichlet(0.0), sciml.Initial(lambda x: _tent(x[:, 1:])))

    def exact(self, x):
        t, y = x[:, :1], x[:, 1:]
        return sum(
            c * torch.sin(n * math.pi * y) * torch.exp(-((n * math.pi) ** 2) * t) for n, c in _tent_series()
        )


class PluckedString(sciml.PDE):
    """The wave equation from a tent at rest."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    conditions = (
        sciml.Dirichlet(0.0),
        sciml.Initial(lambda x: _tent(x[:, 1:])),
        sciml.Initial(0.0, order=1),
    )

    def residual(self, u, x):
        return u.d("t", "t") - u.d("x", "x")

    def exact(self, x):
        def odd(y):
            y = torch.remainder(y, 2.0)
            return torch.where(y <= 1, _tent(y), -_tent(y - 1))

        return 0.5 * (odd(x[:, 1:] + x[:, :1]) + odd(x[:, 1:] - x[:, :1]))


class TentLaplace(sciml.PDE):
    """Laplace with a tent on one side of the square."""

    domain = sciml.Box([0, 0], [1, 1])
    conditions = (
        sciml.Dirichlet(lambda x: _tent(x[:, :1]), on="y=1"),
        sciml.Dirichlet(0.0, on=["x=0", "x=1", "y=0"]),
    )

    def residual(self, u, x):
        return u.laplacian()

    def exact(self, x):
        def share(n):  # sinh(nπy) / sinh(nπ) without overflow
            down, up = torch.exp(n * math.pi * (x[:, 1:] - 1)), torch.exp(-n * math.pi * (x[:, 1:] + 1))
            return (down - up) / (1 - math.exp(-2 * n * math.pi))

        return sum(c * torch.sin(n * math.pi * x[:, :1]) * share(n) for n, c in _tent_series())


class Call(sciml.PDE):
    """Black–Scholes in time to maturity: σ = 0.3, r = 0.05, strike 1."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 3, name="s")
    conditions = (
        sciml.Initial(lambda x: torch.relu(x[:, 1:] - 1)),
        sciml.Dirichlet(0.0, on="s=0"),
        sciml.Dirichlet(lambda x: x[:, 1:] - torch.exp(-0.05 * x[:, :1]), on="s=3"),
    )

    def residual(self, u, x):
        s = x[:, 1:]
        return u.d("t") - 0.045 * s**2 * u.d("s", "s") - 0.05 * s * u.d("s") + 0.05 * u.value

    def exact(self, x):
        t, s = x[:, :1].clamp(min=1e-12), x[:, 1:].clamp(min=1e-12)
        up = (torch.log(s) + 0.095 * t) / (0.3 * t.sqrt())
        normal = torch.distributions.Normal(0.0, 1.0).cdf
        return s * normal(up) - torch.exp(-0.05 * t) * normal(up - 0.3 * t.sqrt())


class Step(sciml.PDE):
    """Advection of a step."""

    domain = sciml.TimeInterval(0, 0.5) * sciml.Interval(0, 1)
    conditions = (
        sciml.Initial(lambda x: (x[:, 1:] < 0.25).to(x)),
        sciml.Dirichlet(1.0, on="x=0"),
    )

    def residual(self, u, x):
        return u.d("t") + u.d("x")

    def exact(self, x):
        return (x[:, 1:] - x[:, :1] < 0.25).to(x)


class Holed(sciml.PDE):
    """Boundary values that are NaN in one half."""

    domain = sciml.Box([0, 0], [1, 1])
    conditions = (sciml.Dirichlet(lambda x: torch.where(x[:, :1] > 0.5, torch.nan, 0.0)),)

    def residual(self, u, x):
        return u.laplacian() + 1

    def exact(self, x):
        return torch.zeros_like(x[:, :1])


SIDES = ("x=0", "x=1", "y=0", "y=1")


def _on(side: str, value):
    """Values of a side as a function of where along it, as a user knows them: elsewhere they are no solution."""
    axis, place = "xy".index(side[0]), float(side[2:])
    return lambda x: value(
        torch.stack([torch.full_like(x[:, k], place) if k == axis else x[:, k] for k in (0, 1)], 1)
    )


class Plane(sciml.PDE):
    """A plane wave given on four sides, k = 8π."""

    domain = sciml.Box([0, 0], [1, 1])
    k = 8 * math.pi

    @property
    def conditions(self):
        return [sciml.Dirichlet(_on(side, self.exact), on=side) for side in SIDES]

    def residual(self, u, x):
        return u.laplacian() + self.k**2 * u.value

    def exact(self, x):
        return torch.sin(self.k * (0.8 * x[:, :1] + 0.6 * x[:, 1:]))


class Elastic(sciml.PDE):
    """Plane elasticity with λ = μ = 1, a displacement on each side."""

    domain = sciml.Box([0, 0], [1, 1])
    unknowns = ("u", "v")

    @property
    def conditions(self):
        return [
            sciml.Dirichlet(_on(side, lambda x, k=k: self.exact(x)[:, k : k + 1]), on=side, component=name)
            for k, name in enumerate(self.unknowns)
            for side in SIDES
        ]

    def residual(self, u, x):
        a, b = u["u"], u["v"]
        s, c = torch.sin, torch.cos
        X, Y = x[:, :1], x[:, 1:]
        first = 3 * a.d("x", "x") + a.d("y", "y") + 2 * b.d("x", "y")
        second = 3 * b.d("y", "y") + b.d("x", "x") + 2 * a.d("x", "y")
        # of u = sin 2x cos y, v = cos x sin 3y
        return (
            first + 13 * s(2 * X) * c(Y) + 6 * s(X) * c(3 * Y),
            second + 28 * c(X) * s(3 * Y) + 4 * c(2 * X) * s(Y),
        )

    def exact(self, x):
        X, Y = x[:, :1], x[:, 1:]
        return torch.cat([torch.sin(2 * X) * torch.cos(Y), torch.cos(X) * torch.sin(3 * Y)], 1)


class LShape(sciml.PDE):
    """``-Δu = 1`` on an L-shape; the integral is 0.214076."""

    domain = sciml.Polygon([[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]])
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -u.laplacian() - 1


def _integral(solution) -> float:
    x = LShape.domain.sample(20000, seed=9)
    return abs(3 * float(solution(x).mean()) / 0.214076 - 1)


CASES = (
    Case("heat from a table, linear interpolation", KIND, TableHeat, 5e-3),
    Case("heat from a table, cubic spline", KIND, SmoothTableHeat, 1e-4),
    Case("heat from a tent", KIND, TentHeat, 2e-3),
    Case("a plucked string", KIND, PluckedString, 1e-2, (20, 80, 250)),
    Case("Laplace, a tent on one side", KIND, TentLaplace, 1e-2),
    Case("a call option", KIND, Call, 1e-3, (20, 80, 250)),
    Case("advection of a step", KIND, Step, 2e-2, (20, 80, 250)),
    Case("boundary values with NaN", KIND, Holed, 0.0),
    Case("a plane wave on four sides, k = 8π", KIND, Plane, 1e-4, (20, 60, 120)),
    Case("plane elasticity, values on four sides", KIND, Elastic, 1e-6),
    Case("an L-shape", KIND, LShape, 5e-3, (150,), check=_integral),
)
