"""Incompressible flows: channels with a cylinder, a step or two discs in them, and lid-driven cavities."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.channel import Channel
from benchmarks.rows.case import Case, table
from benchmarks.rows.channel_flows import back_step, discs
from benchmarks.words.flows import BackStep, Discs, FastLid, SlowLid
from sciml import pdes
from sciml.ansatz import Trial
from sciml.conservation.fluxes import fluxes
from sciml.conservation.velocity import velocity_of
from sciml.derivatives import AutogradSource
from sciml.domains import Box, Disk
from sciml.pdes.references.cavity_flow import cavity_flow

HEIGHT, LENGTH, NU, FASTEST = 0.41, 2.2, 1e-3, 0.3
CENTRE, RADIUS = (0.2, 0.2), 0.05
MEAN = 2 / 3 * FASTEST
DRAG = 5.57953523384  # coefficient of 2D-1: Schäfer and Turek (1996), digits by Nabh (1998)
AROUND = 400  # points on the cylinder
CAVITY = 0.01  # viscosity
MODES = 40
GRID = 48
OFF = {"corners": False}


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


def _slow() -> Callable[[Trial], float]:
    problem = SlowLid()
    x = problem.domain.sample(4000, seed=987_654)
    expected = problem.exact(x)[:, :2]

    def error(trial: Trial) -> float:
        with torch.no_grad():
            return float((trial(x)[:, :2] - expected).norm() / expected.norm())

    return error


def _catalogue() -> Callable[[Trial], float]:
    reference = pdes.LidDriven(lid=4.0).reference()
    return table(reference.points, reference.values)


def _lost(problem: Channel) -> Callable[[Trial], float]:
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
    s = (torch.arange(GRID).double() + 0.5) / GRID
    x = torch.cartesian_prod(s, s)
    expected = cavity_flow(lid, CAVITY, MODES)(x).detach()[:, :2]

    def error(trial: Trial) -> float:
        with torch.no_grad():
            return float((trial(x)[:, :2] - expected).norm() / expected.norm())

    return error


def _cavity(lid: float, bar: float, floor: float) -> Case:
    return Case(
        f"lid-driven cavity, lid {lid:g}, velocity",
        partial(FastLid, lid=lid),
        partial(_velocity, lid),
        ((bar, 120.0),),
        reference="Legendre-Galerkin stream function",
        floor=floor,
        without=OFF,
    )


def _against(
    problem: type[Channel], finite_elements: Callable[[], Any], aside: float
) -> Callable[[Trial], float]:
    """Relative L2 error of the velocity; ``aside`` from the boundary, where straight triangles leave the domain."""
    x = problem.domain.sample(4000, seed=987_654)
    x = x[problem.domain._depth(x) > aside]
    values, _ = finite_elements()
    expected = torch.from_numpy(values(x.numpy()))

    def error(trial: Trial) -> float:
        with torch.no_grad():
            return float((trial(x)[:, :2] - expected).norm() / expected.norm())

    return error


CASES = (
    Case(
        "cylinder, share of the inflow lost",
        Cylinder,
        lambda: _lost(Cylinder()),
        ((1e-3, 120.0),),
        reference="conservation",
    ),
    Case(
        "cylinder, drag",
        Cylinder,
        _drag,
        ((2e-2, 120.0),),
        reference="Schäfer and Turek (1996), Nabh (1998)",
        floor=1e-10,
    ),
    Case(
        "back-step, velocity",
        BackStep,
        lambda: _against(BackStep, back_step, 1e-6),
        ((2e-2, 120.0),),
        without=OFF,
        reference="finite elements of Taylor and Hood",
        floor=3e-4,
    ),
    Case(
        "back-step, share of the inflow lost",
        BackStep,
        lambda: _lost(BackStep()),
        ((2e-2, 120.0),),
        reference="conservation",
    ),
    Case(
        "two discs, velocity",
        Discs,
        lambda: _against(Discs, lambda: discs(((0.6, 0.35), (1.2, 0.65)), 0.12), 2e-3),
        ((2e-2, 120.0),),
        without=OFF,
        reference="finite elements of Taylor and Hood",
        floor=1e-3,
    ),
    Case(
        "two discs, share of the inflow lost",
        Discs,
        lambda: _lost(Discs()),
        ((2e-2, 120.0),),
        reference="conservation",
    ),
    _cavity(4.0, 1e-3, 1e-6),
    _cavity(16.0, 1e-3, 1e-6),
    _cavity(32.0, 2e-2, 2e-5),
    Case(
        "Stokes flow under a lid",
        SlowLid,
        _slow,
        ((1e-3, 120.0),),
        today="2.3e-2",
    ),
    Case(
        "lid-driven cavity of the catalogue",
        partial(pdes.LidDriven, lid=4.0),
        _catalogue,
        ((5e-3, 120.0),),
        today="2.4e-2",
        without=OFF,
        reference="Legendre-Galerkin stream function",
        floor=2e-6,
    ),
)
