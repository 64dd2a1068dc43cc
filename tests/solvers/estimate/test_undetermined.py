"""Problems with more than one solution: a residual of zero says nothing about the error, and no estimate is given."""

import math
import re

import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.checks.findings import undetermined
from sciml.conditions import Data, Dirichlet, Initial, Neumann
from sciml.domains import Box, Interval, TimeInterval


class OneSide(sciml.PDE):
    domain = Box([0, 0], [1, 1])
    conditions = (Dirichlet(0.0, on="x=0"),)

    def residual(self, u, x):
        return u.laplacian() + 1.0


class NoStart(sciml.PDE):
    domain = TimeInterval(0, 1) * Interval(0, 1)
    conditions = (Dirichlet(0.0),)

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x") - 1.0


class NoVelocity(NoStart):
    conditions = (Dirichlet(0.0), Initial(lambda x: torch.sin(math.pi * x[:, 1:])))

    def residual(self, u, x):
        return u.d("t", "t") - u.d("x", "x")


class Insulated(sciml.PDE):
    domain = Interval(0, 1)
    conditions = (Neumann(0.0),)

    def residual(self, u, x):
        return u.d("x", "x") - torch.cos(math.pi * x)


class Fixed(Insulated):
    """The same with the constant fixed at one point."""

    conditions = (Neumann(0.0), Data([[0.5]], [0.0]))

    def exact(self, x):
        return -torch.cos(math.pi * x) / math.pi**2


class Underdone(sciml.PDE):
    domain = Interval(0, 1)
    unknowns = ("u", "v")
    conditions = (Dirichlet(0.0, component="u"), Dirichlet(0.0, component="v"))

    def residual(self, u, x):
        return u["u"].d("x", "x") + u["v"].d("x", "x") + 1.0


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (OneSide(), "no condition on u at"),
        (NoStart(), "no initial condition on u for its value"),
        (NoVelocity(), "no initial condition on u for its velocity"),
        (Insulated(), "a constant is free in u"),
        (Underdone(), r"1 equation\(s\) for 2 unknowns"),
    ],
)
def test_nothing_is_claimed_where_other_solutions_exist(problem, why):
    m = problem.outputs
    model = nn.MLP([problem.inputs, 6, m], "sine", seed=1)
    solution = sciml.solve(problem, model, points=60, max_steps=8, progress=False)
    found = solution.error_estimate()
    assert found.value is None and found.unknowns == {}
    assert re.search(why, found.reason)
    notes = [note for note in solution.stats.notes if note.startswith("the error could not be estimated")]
    assert len(notes) == 1 and found.reason in notes[0] and not notes[0].endswith("..")
    assert solution.stats.error_estimate is None


def test_accuracy_is_not_reached_where_other_solutions_exist():
    model = nn.MLP([2, 6, 1], "sine", seed=1)
    solution = sciml.solve(NoStart(), model, points=60, max_steps=30, accuracy=0.5, progress=False)
    assert solution.outcome != "converged"


def test_an_estimate_is_given_where_the_constant_is_fixed():
    model = nn.MLP([1, 8, 1], "sine", seed=1)
    solution = sciml.solve(Fixed(), model, points=60, max_steps=6, progress=False)
    assert solution.error_estimate().value == pytest.approx(solution.error(), rel=0.3)


@pytest.mark.parametrize("name", pdes.names())
def test_the_catalogue_is_determined(name):
    assert undetermined(pdes.build(name)) is None
