"""Incompressible flows: what a channel around a cylinder keeps of its inflow, its drag, and lid-driven cavities."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.channel import Channel
from benchmarks.rows.case import Case
from sciml import pdes
from sciml.ansatz import Trial
from sciml.conservation.fluxes import fluxes
from sciml.conservation.velocity import velocity_of
from sciml.derivatives import AutogradSource
from sciml.domains import Box, Disk

HEIGHT, LENGTH, NU, FASTEST = 0.41, 2.2, 1e-3, 0.3
CENTRE, RADIUS = (0.2, 0.2), 0.05
MEAN = 2 / 3 * FASTEST
DRAG = 5.57953523384  # coefficient of 2D-1: Schäfer and Turek (1996), digits by Nabh (1998)
AROUND = 400  # points on the cylinder


class Cylinder(Channel):
    """Steady flow past a cylinder in a channel at Reynolds number 20, case 2D-1 of Schäfer and Turek (1996)."""

    nu = NU
    hole = Disk(CENTRE, RADIUS)
    domain = Box([0, 0], [LENGTH, HEIGHT]) - hole
    inlet, outlet, walls = "x=0", f"x={LENGTH}", ("y=0", f"y={HEIGHT}", hole)

    @staticmethod
    def parabola(x: Tensor) -> Tensor:
        """Fastest in the middle."""
        return 4 * FASTEST * x[:, 1:] * (HEIGHT - x[:, 1:]) / HEIGHT**2


def _lost() -> Callable[[Trial], float]:
    problem = Cylinder()
    velocity = velocity_of(problem)
    assert velocity is not None

    def error(trial: Trial) -> float:
        return abs(fluxes(problem.domain, velocity, trial).lost or 0.0)

    return error


def _drag() -> Callable[[Trial], float]:
    angle = (torch.arange(AROUND).double() + 0.5) / AROUND * 2 * math.pi
    normal = torch.stack([angle.cos(), angle.sin()], 1)
    x = torch.tensor(CENTRE, dtype=torch.float64) + RADIUS * normal

    def error(trial: Trial) -> float:
        u = AutogradSource(trial, x)
        along, across, p = u.first(0).detach(), u.first(1).detach(), u.value[:, 2].detach()
        force = (2 * NU * along[:, 0] - p) * normal[:, 0] + NU * (across[:, 0] + along[:, 1]) * normal[:, 1]
        total = float(force.mean()) * 2 * math.pi * RADIUS
        return abs(2 * total / (MEAN**2 * 2 * RADIUS) / DRAG - 1)

    return error


def _velocity(lid: float) -> Callable[[Trial], float]:
    reference = pdes.LidDriven(lid=lid).reference()
    expected = reference.values[:, :2]

    def error(trial: Trial) -> float:
        with torch.no_grad():
            return float((trial(reference.points)[:, :2] - expected).norm() / expected.norm())

    return error


def _cavity(lid: float, bar: float) -> Case:
    return Case(
        f"lid-driven cavity, lid {lid:g}, velocity",
        partial(pdes.LidDriven, lid=lid),
        partial(_velocity, lid),
        ((bar, 120.0),),
        reference="Legendre-Galerkin stream function",
        floor=1e-6,
    )


CASES = (
    Case("cylinder, share of the inflow lost", Cylinder, _lost, ((1e-3, 120.0),), reference="conservation"),
    Case(
        "cylinder, drag",
        Cylinder,
        _drag,
        ((2e-2, 120.0),),
        reference="Schäfer and Turek (1996), Nabh (1998)",
        floor=1e-10,
    ),
    _cavity(4.0, 1e-3),
    _cavity(16.0, 1e-3),
)
