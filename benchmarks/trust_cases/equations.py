"""Equations as users state them: layers, oscillators, chaos, coefficients that jump, many dimensions."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

import sciml
from benchmarks.trust_cases.case import Case
from sciml import pdes

KIND = "equations"


class Layer(sciml.PDE):
    """``-ε u'' + u' = 1``: a layer of width ε at the right end."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def __init__(self, eps: float):
        self.eps = eps

    def residual(self, u, x):
        return -self.eps * u.d("x", "x") + u.d("x") - 1

    def exact(self, x):
        low = math.exp(-1 / self.eps)
        return x - (torch.exp((x - 1) / self.eps) - low) / (1 - low)


class Materials(sciml.PDE):
    """``u' = q / k``, ``q' = 0`` with k = 1 left of 1/2 and 10 right of it."""

    domain = sciml.Interval(0, 1)
    unknowns = ("u", "q")
    conditions = (
        sciml.Dirichlet(0.0, on="x=0", component="u"),
        sciml.Dirichlet(1.0, on="x=1", component="u"),
    )

    def residual(self, u, x):
        k = torch.where(x < 0.5, 1.0, 10.0).to(x)
        return u["u"].d("x") - u["q"] / k, u["q"].d("x")

    def exact(self, x):
        q = 1 / 0.55
        u = torch.where(x < 0.5, q * x, 1 - q * (1 - x) / 10)
        return torch.cat([u, torch.full_like(x, q)], 1)


class Trajectory(sciml.PDE):
    """A system of ordinary equations, its answer by SciPy to 1e-11."""

    start: tuple[float, ...]
    end: float

    @property
    def domain(self):
        return sciml.Interval(0, self.end, name="t")

    @property
    def conditions(self):
        return [
            sciml.Dirichlet(v, on="t=0", component=n) for n, v in zip(self.unknowns, self.start, strict=True)
        ]

    def rates(self, *u):
        raise NotImplementedError

    def residual(self, u, x):
        rates = self.rates(*[u[name].value for name in self.unknowns])
        return tuple(u[name].d("t") - rate for name, rate in zip(self.unknowns, rates, strict=True))

    @functools.cached_property
    def _dense(self):
        from scipy.integrate import solve_ivp

        def f(t, y):
            return [float(v) for v in self.rates(*y)]

        return solve_ivp(
            f, (0, self.end), self.start, method="DOP853", rtol=1e-11, atol=1e-12, dense_output=True
        ).sol

    def exact(self, x: Tensor) -> Tensor:
        values = self._dense(x[:, 0].detach().cpu().numpy().astype(np.float64))
        return torch.as_tensor(values.T.copy(), dtype=x.dtype)


class Lorenz(Trajectory):
    """To t = 3."""

    unknowns, start, end = ("x", "y", "z"), (1.0, 1.0, 1.0), 3.0

    def rates(self, x, y, z):
        return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z


class VanDerPol(Trajectory):
    """μ = 10, to t = 20."""

    unknowns, start, end = ("x", "v"), (2.0, 0.0), 20.0

    def rates(self, x, v):
        return v, 10 * (1 - x * x) * v - x


class Periods(Trajectory):
    """An oscillator over ten periods."""

    unknowns, start, end = ("x", "v"), (1.0, 0.0), 20 * math.pi

    def rates(self, x, v):
        return v, -x


class Square(sciml.PDE):
    """A unit square given as a polygon, ``u = sin πx sin πy``."""

    domain = sciml.Polygon([[0, 0], [1, 0], [1, 1], [0, 1]])
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return u.laplacian() + 2 * math.pi**2 * self.exact(x)

    def exact(self, x):
        return torch.sin(math.pi * x).prod(1, keepdim=True)


class Mixed(sciml.PDE):
    """``u_t = (k u')' + f`` with ``k = 1 + x``, a flux at one end and a Robin condition at the other."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)

    @property
    def conditions(self):
        return (
            sciml.Initial(lambda x: torch.cos(x[:, 1:])),
            sciml.Neumann(0.0, on="x=0"),
            sciml.Robin(1.0, 1.0, lambda x: torch.exp(-x[:, :1]) * (math.cos(1) - math.sin(1)), on="x=1"),
        )

    def residual(self, u, x):
        t, y = x[:, :1], x[:, 1:]
        # of u = exp(-t) cos x
        f = torch.exp(-t) * (-torch.cos(y) + torch.sin(y) + (1 + y) * torch.cos(y))
        return u.d("t") - (1 + y) * u.d("x", "x") - u.d("x") - f

    def exact(self, x):
        return torch.exp(-x[:, :1]) * torch.cos(x[:, 1:])


class Membrane(sciml.PDE):
    """The wave equation in two dimensions of space."""

    domain = sciml.TimeInterval(0, 1) * sciml.Box([0, 0], [1, 1])
    conditions = (
        sciml.Dirichlet(0.0),
        sciml.Initial(lambda x: torch.sin(math.pi * x[:, 1:]).prod(1, keepdim=True)),
        sciml.Initial(0.0, order=1),
    )

    def residual(self, u, x):
        return u.d("t", "t") - u.laplacian()

    def exact(self, x):
        return torch.cos(math.sqrt(2) * math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:]).prod(
            1, keepdim=True
        )


class Harmonic(sciml.PDE):
    """Boundary values that solve the equation by themselves."""

    domain = sciml.Box([0, 0], [1, 1])

    @property
    def conditions(self):
        return (sciml.Dirichlet(self.exact),)

    def residual(self, u, x):
        return u.laplacian()

    def exact(self, x):
        return x[:, :1] ** 2 - x[:, 1:] ** 2


CASES = (
    Case("a layer of width 0.01", KIND, lambda: Layer(0.01), 1e-4, (10, 40, 200)),
    Case("a layer of width 0.003", KIND, lambda: Layer(0.003), 1e-3, (10, 40, 200)),
    Case("two materials, as a system of first order", KIND, Materials, 1e-2, (10, 40, 150)),
    Case("Lorenz to t = 3", KIND, Lorenz, 1e-3, (50, 200, 600)),
    Case("Van der Pol, μ = 10, to t = 20", KIND, VanDerPol, 1e-2, (50, 200, 600)),
    Case("an oscillator over ten periods", KIND, Periods, 1e-4, (50, 200, 500)),
    Case("a square as a polygon", KIND, Square, 1e-4),
    Case("heat with a flux, Robin and k(x)", KIND, Mixed, 1e-6),
    Case("a membrane", KIND, Membrane, 1e-3, (10, 40, 100)),
    Case("boundary values that solve the equation", KIND, Harmonic, 1e-9),
    Case("Burgers, ν = 1e-4", KIND, lambda: pdes.Burgers(nu=1e-4), 1e-2, (20, 80, 250)),
)
