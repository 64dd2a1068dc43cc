"""Thin layers, short waves, and sides that all have values of their own."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

import sciml
from benchmarks.rows.case import Case, closed_form, table
from benchmarks.rows.corners import on_line
from sciml import pdes
from sciml.ansatz import Trial
from sciml.conditions import Dirichlet
from sciml.domains import Box, Interval
from sciml.solvers.comparison import comparison

WAVE = 8 * math.pi
WAY = (math.cos(0.3), math.sin(0.3))


class Layer(sciml.PDE):
    """``-ε u'' + u' = 1``, zero at both ends: a layer of width ε at the right one."""

    domain = Interval(0, 1)
    conditions = (Dirichlet(0.0),)

    def __init__(self, eps: float):
        self.eps = eps

    def residual(self, u, x):
        """``-ε u'' + u' - 1``."""
        return -self.eps * u.d("x", "x") + u.d("x") - 1.0

    def exact(self, x: Tensor) -> Tensor:
        """``x - (e^((x-1)/ε) - e^(-1/ε)) / (1 - e^(-1/ε))``."""
        low = math.exp(-1 / self.eps)
        return x - (torch.exp((x - 1) / self.eps) - low) / (1 - low)


class PlaneWave(sciml.PDE):
    """``Δu + k² u = 0`` with ``k = 8π`` on the unit square, a plane wave on its sides."""

    domain = Box([0, 0], [1, 1])

    @property
    def conditions(self):
        """The wave on each side, as a function of the other coordinate."""
        return tuple(
            Dirichlet(on_line(_wave, i, end), on=f"{'xy'[i]}={end:.0f}") for i in (0, 1) for end in (0.0, 1.0)
        )

    def residual(self, u, x):
        """``Δu + k² u`` over ``k²``."""
        return u.laplacian() / WAVE**2 + u.value


def _wave(x: Tensor) -> Tensor:
    return torch.cos(WAVE * (WAY[0] * x[:, :1] + WAY[1] * x[:, 1:]) + 0.4)


class Elastic(sciml.PDE):
    """Plane elasticity without a load, the displacement on four sides, each with a formula of its own."""

    domain = Box([0, 0], [1, 1])
    unknowns = ("u", "v")

    @property
    def conditions(self):
        """The displacement on each side, as a function of the other coordinate."""
        return tuple(
            Dirichlet(on_line(part, i, end), on=f"{'xy'[i]}={end:.0f}", component=name)
            for name, part in (("u", lambda x: _displaced(x)[:, :1]), ("v", lambda x: _displaced(x)[:, 1:]))
            for i in (0, 1)
            for end in (0.0, 1.0)
        )

    def residual(self, u, x):
        """``μ Δu + (λ + μ) grad div u`` with ``λ = μ = 1``."""
        a, b = u["u"], u["v"]
        return (
            a.laplacian() + 2 * (a.d("x", "x") + b.d("x", "y")),
            b.laplacian() + 2 * (a.d("x", "y") + b.d("y", "y")),
        )


def _displaced(x: Tensor) -> Tensor:
    """``e^x`` times sine and cosine with a part of a bent plate: a solution by Kolosov's formula.

    ``2 μ (u + i v) = 2 φ - z φ'* - ψ*`` with ``φ = e^z``, ``ψ = z²`` and ``κ = 2`` (``λ = μ``, plane strain).
    """
    z = torch.complex(x[:, :1], x[:, 1:])
    total = (2 * torch.exp(z) - z * torch.exp(z).conj() - (z**2).conj()) / 2
    return torch.cat([total.real, total.imag], 1)


def _exact(
    make: Callable[[], sciml.PDE], exact: Callable[[Tensor], Tensor]
) -> Callable[[], Callable[[Trial], float]]:
    return lambda: closed_form(make().domain, exact)


def _layer(eps: float, bar: float) -> Case:
    problem = Layer(eps)
    return Case(
        f"layer of width {eps:.0e}",
        lambda: problem,
        _exact(lambda: problem, problem.exact),
        ((bar, 30.0),),
        today="1.0",
    )


CASES = (
    _layer(1e-3, 1e-6),
    _layer(1e-4, 1e-4),
    Case("elasticity, four sides", Elastic, _exact(Elastic, _displaced), ((1e-8, 10.0),), today=".49"),
    Case("Helmholtz, k = 8π", PlaneWave, _exact(PlaneWave, _wave), ((1e-6, 30.0),), today="1.19"),
    Case(
        "Burgers, ν = 1e-3",
        lambda: pdes.Burgers(nu=1e-3),
        lambda: table(*comparison(pdes.Burgers(nu=1e-3))),
        ((1e-5, 60.0),),
        reference="Cole-Hopf quadrature",
        floor=1e-15,
    ),
)
