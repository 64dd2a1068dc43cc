"""Incompressible flows: cavities, a slow one with its closed form, and two channels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

import sciml
from benchmarks.channel import Channel
from benchmarks.words.case import Words, of_trial
from sciml import pdes
from sciml.ansatz import Trial
from sciml.conditions import Data, Dirichlet
from sciml.conservation.fluxes import fluxes
from sciml.conservation.velocity import velocity_of
from sciml.domains import Box, Disk, Polygon
from sciml.pdes.references.cavity_flow import cavity_flow

NU = 0.05  # of the channels: Reynolds number 20 by the height
CAVITY = 0.01
MODES = 40
GRID = 48
LOST = "largest share of the inflow that is lost"


class Discs(Channel):
    """A channel with two discs in it."""

    nu = NU
    discs = Disk((0.6, 0.35), 0.12), Disk((1.2, 0.65), 0.12)
    domain = Box([0, 0], [2, 1]) - discs[0] - discs[1]
    inlet, outlet, walls = "x=0", "x=2", ("y=0", "y=1", *discs)

    @staticmethod
    def parabola(x: Tensor) -> Tensor:
        """``4 y (1 - y)``."""
        return 4 * x[:, 1:] * (1 - x[:, 1:])


class BackStep(Channel):
    """A channel that widens by a step on its lower side."""

    nu = NU
    domain = Polygon([(0, 0.5), (0.5, 0.5), (0.5, 0), (3, 0), (3, 1), (0, 1)])
    inlet, outlet, walls = "edge5", "edge3", ("edge0", "edge1", "edge2", "edge4")

    @staticmethod
    def parabola(x: Tensor) -> Tensor:
        """``16 (y - 1/2)(1 - y)``."""
        return 16 * (x[:, 1:] - 0.5) * (1 - x[:, 1:])


class SlowLid(sciml.PDE):
    """Stokes flow under a lid that moves with ``16 x² (1 - x)²``, and a force that makes the answer a polynomial.

    Shih, Tan and Hwang (1989), Int. J. Numer. Methods Fluids 9, at Reynolds number zero: ``u = 8 f g'``, ``v = -8 f' g``
    with ``f = x⁴ - 2x³ + x²`` and ``g = y⁴ - y²``.
    """

    domain = Box([0, 0], [1, 1])
    unknowns = ("u", "v", "p")

    @property
    def conditions(self) -> Any:
        """The lid, the walls, and the pressure at a corner."""
        return (
            Dirichlet(lambda x: 16 * (x[:, :1] * (1 - x[:, :1])) ** 2, on="y=1", component="u", name="lid"),
            Dirichlet(0.0, on=["x=0", "x=1", "y=0"], component="u", name="walls"),
            Dirichlet(0.0, component="v"),
            Data(points=[[0.0, 0.0]], values=[0.0], component="p"),
        )

    def residual(self, u: Any, x: Tensor) -> Any:
        """``grad p - Δ(u, v) = (0, b)`` and ``u_x + v_y = 0``."""
        a, b, p = u["u"], u["v"], u["p"]
        X, Y = x[:, :1], x[:, 1:]
        whole, slope, third = X**5 / 5 - X**4 / 2 + X**3 / 3, 4 * X**3 - 6 * X**2 + 2 * X, 24 * X - 12
        force = 8 * (24 * whole + 2 * slope * (12 * Y**2 - 2) + third * (Y**4 - Y**2))
        return p.d("x") - a.laplacian(), p.d("y") - b.laplacian() - force, a.d("x") + b.d("y")

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``v``, ``p``."""
        X, Y = x[:, :1], x[:, 1:]
        f, slope = X**4 - 2 * X**3 + X**2, 4 * X**3 - 6 * X**2 + 2 * X
        whole = X**5 / 5 - X**4 / 2 + X**3 / 3
        g, rise = Y**4 - Y**2, 4 * Y**3 - 2 * Y
        p = 8 * (whole * 24 * Y + slope * rise)
        return torch.cat([8 * f * rise, -8 * slope * g, p], 1)


class FastLid(pdes.LidDriven):
    """The catalogue's cavity beyond its range of lids."""

    def __post_init__(self) -> None:
        """Any speed."""


def _velocity(lid: float) -> Callable[[Trial], float]:
    s = (torch.arange(GRID).double() + 0.5) / GRID
    x = torch.cartesian_prod(s, s)
    expected = cavity_flow(lid, CAVITY, MODES)(x).detach()[:, :2]

    def error(trial: Trial) -> float:
        with torch.no_grad():
            return float((trial(x)[:, :2] - expected).norm() / expected.norm())

    return error


def _lost(problem: sciml.PDE) -> Callable[[Any], float]:
    velocity = velocity_of(problem)
    assert velocity is not None
    return lambda solution: abs(fluxes(problem.domain, velocity, solution.trial).lost or 0.0)


PROBLEMS = (
    Words("discs", "Navier-Stokes round two discs", Discs, 0.92, 0.86, _lost(Discs()), LOST),
    Words(
        "back-step", "flow over a step that faces backwards", BackStep, 0.24, 0.135, _lost(BackStep()), LOST
    ),
    Words("stokes", "Stokes flow under a lid", SlowLid, 0.023, 0.023),
    *(
        Words(
            f"cavity-{lid:g}",
            f"a cavity under a lid of speed {lid:g}",
            partial(FastLid, lid=lid),
            before,
            best,
            of_trial(partial(_velocity, lid)),
            "relative L2 of the velocity",
        )
        for lid, before, best in ((4.0, 0.021, 0.012), (32.0, 0.52, 0.52))
    ),
)
