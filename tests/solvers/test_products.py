"""Solves on products of domains: a cylinder, and a parameter of the equation as a coordinate."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate

import sciml
from benchmarks.rows import corners as rows
from sciml import nn
from sciml.solvers.exports.cells import cells_of
from sciml.solvers.exports.grids import Grid

EDGE = next(case for case in rows.CASES if case.name == "edge of a prism")
CAN = sciml.Disk([0, 0], 1) * sciml.Interval(0, 1, "z")


class Can(sciml.PDE):
    """-Laplace u = f on a cylinder, held all around."""

    domain = CAN
    conditions = (sciml.Dirichlet(0.0),)

    def exact(self, x):
        r2 = x[:, :1] ** 2 + x[:, 1:2] ** 2
        return (1 - r2) * torch.sin(math.pi * x[:, 2:])

    def residual(self, u, x):
        r2 = x[:, :1] ** 2 + x[:, 1:2] ** 2
        return u.laplacian() + (4 + math.pi**2 * (1 - r2)) * torch.sin(math.pi * x[:, 2:])


class Loaded(sciml.PDE):
    """A membrane on a disk under a load that is a coordinate."""

    domain = sciml.Disk([0, 0], 1) * sciml.Interval(1, 4, "load")
    conditions = (sciml.Dirichlet(0.0, on="circle"),)

    def exact(self, x):
        return x[:, 2:] ** 2 * (1 - x[:, :1] ** 2 - x[:, 1:2] ** 2) / 4

    def residual(self, u, x):
        return u.d("x", "x") + u.d("y", "y") + x[:, 2:] ** 2


@pytest.fixture(scope="module", params=[Can, Loaded], ids=lambda kind: kind.__name__)
def solution(request):
    return sciml.solve(request.param(), nn.MLP([3, 16, 16, 1], "tanh", seed=1), max_steps=25, max_time=60)


def test_the_solution_is_right_and_its_error_known(solution):
    assert solution.error() < 1e-4
    assert 1 / 3 < solution.error_estimate().value / solution.error() < 3
    assert not [note for note in solution.stats.notes if "no condition" in note]


def test_conditions_are_exact(solution):
    domain = solution.problem.domain
    held = domain.boundary() if isinstance(solution.problem, Can) else domain.boundary("circle")
    assert solution(held.sample(200)).abs().max() < 1e-14


def test_integral_over_the_product(solution):
    if isinstance(solution.problem, Can):
        truth = math.pi / 2 * 2 / math.pi
    else:
        truth = math.pi / 8 * integrate.quad(lambda k: k**2, 1, 4)[0]
    assert float(solution.integrate()) == pytest.approx(truth, rel=1e-4)


def test_files(solution, tmp_path):
    solution.save(tmp_path / "s.h5")
    again = sciml.load(tmp_path / "s.h5", problem=solution.problem)
    x = solution.problem.domain.sample(7)
    assert torch.equal(again(x), solution(x))


class Oscillator(sciml.PDE):
    """A system of ordinary differential equations for all frequencies."""

    unknowns = ("p", "q")
    domain = sciml.TimeInterval(0, 3) * sciml.Interval(0.5, 2, "w")
    conditions = (sciml.Initial(1.0, component="p"), sciml.Initial(0.0, component="q"))

    def exact(self, x):
        return torch.cat([torch.cos(x[:, :1] * x[:, 1:]), -torch.sin(x[:, :1] * x[:, 1:])], 1)

    def residual(self, u, x):
        return u["p"].d("t") - x[:, 1:] * u["q"], u["q"].d("t") + x[:, 1:] * u["p"]


class Transport(sciml.PDE):
    """A first-order equation for all speeds, with the inflow given."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1, "x") * sciml.Interval(0.5, 1.5, "c")
    conditions = (
        sciml.Initial(lambda x: torch.sin(3 * x[:, 1:2])),
        sciml.Dirichlet(lambda x: torch.sin(-3 * x[:, 2:] * x[:, :1]), on="x=0"),
    )

    def exact(self, x):
        return torch.sin(3 * (x[:, 1:2] - x[:, 2:] * x[:, :1]))

    def residual(self, u, x):
        return u.d("t") + x[:, 2:] * u.d("x")


@pytest.mark.parametrize("kind", [Oscillator, Transport])
def test_a_parameter_of_an_evolution(kind):
    problem = kind()
    network = nn.MLP([problem.domain.dim, 16, 16, problem.outputs], "tanh", seed=1)
    solved = sciml.solve(problem, network, max_steps=60, max_time=60)
    assert solved.error() < 1e-3
    assert 1 / 3 < solved.error_estimate().value / solved.error() < 3
    assert not [note for note in solved.stats.notes if "no condition" in note]


def test_a_re_entrant_edge():
    error = {}
    for corners in (True, False):
        solved = sciml.solve(EDGE.problem(), max_steps=20, max_time=90, corners=corners)
        error[corners] = EDGE.answer()(solved.trial)
    assert error[True] < 1e-4
    assert error[True] < error[False] / 10


def test_a_prism_as_cells():
    prism = sciml.Polygon([[0, 0], [1, 0], [0, 1]]) * sciml.Interval(0, 1, "z")
    x, kind, cells = cells_of(prism, Grid(prism.names, (np.linspace(0, 1, 7),) * 3))
    assert kind == "tetra"
    sides = x[cells][:, 1:] - x[cells][:, :1]
    assert np.abs(np.linalg.det(sides)).sum() / 6 == pytest.approx(0.5, rel=0.05)
