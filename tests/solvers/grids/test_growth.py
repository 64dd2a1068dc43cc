"""Grids that grow while a solve goes on: where knots are put, when, and what stays."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import Tensor

import sciml
from sciml import nn
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.solvers.grids.growth import IN_VAIN, LOOKS, Growth
from sciml.solvers.grids.places import follow, with_knots

F64 = torch.float64
AT, WIDTH = 0.3, 0.03
QUIET = {"progress": False, "seed": 1}


class Bump(sciml.PDE):
    """``u'' = f`` with a Gaussian at 0.3 of width 0.03 for its solution."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def exact(self, x):
        return torch.exp(-(((x - AT) / WIDTH) ** 2))

    def residual(self, u, x):
        s = (x - AT) / WIDTH
        return WIDTH**2 * u.d("x", "x") - (4 * s**2 - 2) * torch.exp(-(s**2))


class Parabola(Bump):
    """A solution that every grid holds."""

    def exact(self, x):
        return x * (1 - x)

    def residual(self, u, x):
        return u.d("x", "x") + 2


def small(seed: int = 0) -> nn.KAN:
    return nn.KAN([1, 3, 1], grid=2, degree=4, seed=seed)  # 42 numbers


def solved(knots: object, **options):
    limits = {"max_steps": 400, "max_time": 1e5, "points": 300, **QUIET, **options}
    return sciml.solve(Bump(), small(limits["seed"]), knots=knots, **limits)


# ---- where


def mass_in_cells(knots: Tensor, x: Tensor, squares: Tensor) -> Tensor:
    return torch.stack([squares[(x >= a) & (x < b)].sum() for a, b in itertools.pairwise(knots)])


def test_knots_go_where_the_residual_is():
    """Of a density that is known: the largest share of a cell falls, and falls more than with even knots."""
    knots = torch.linspace(-2, 2, 13, dtype=F64)
    x = torch.linspace(-1, 1, 4001, dtype=F64)
    squares = torch.exp(-(((x - 0.4) / 0.05) ** 2))
    more = with_knots(knots, x, squares, 7)
    assert len(more) == 20 and set(knots.tolist()) <= set(more.tolist())
    assert torch.equal(more, more.sort().values)
    even = torch.cat([knots, torch.linspace(-0.9, 0.9, 7, dtype=F64)]).sort().values
    found, other, before = (float(mass_in_cells(k, x, squares).max()) for k in (more, even, knots))
    assert found < 0.35 * before and found < 0.6 * other


def test_values_beyond_the_knots_get_cells():
    knots, beyond = torch.linspace(-1, 1, 9, dtype=F64), 7 + torch.arange(50, dtype=F64) / 10
    more = with_knots(knots, beyond, torch.ones(50, dtype=F64), 2)
    assert len(more) == 11 and float(more[-1]) > 7.0


def test_without_a_residual_or_a_range_nothing_breaks():
    knots = torch.linspace(-1, 1, 9, dtype=F64)
    assert len(with_knots(knots, torch.linspace(-1, 1, 9, dtype=F64), torch.zeros(9, dtype=F64), 2)) == 11
    assert torch.equal(with_knots(knots, torch.zeros(5, dtype=F64), torch.ones(5, dtype=F64), 3), knots)


def test_the_function_stays():
    network = nn.KAN([2, 3, 2], grid=[2, 3], degree=4, seed=4)
    with torch.no_grad():
        network.layers[0].coef.mul_(6.0)  # hidden values far outside the grid
    z = torch.rand(301, 2, dtype=F64) * 2 - 1
    larger = copy.deepcopy(network)
    follow(larger, z, z[:, 0].exp(), 0.5)
    assert larger.grids == [3, 5]
    x = 3 * torch.randn(200, 2, dtype=F64)
    assert float((larger(x) - network(x)).detach().abs().max()) < 1e-12 * float(
        network(x).detach().abs().max()
    )


# ---- when


def test_a_loss_that_falls_needs_no_knots():
    growth = Growth(small())
    falling = [0.5 ** (2 * k / LOOKS) for k in range(20)]
    assert not any(growth.due(falling[:k]) for k in range(21))
    level = [1.0] * 20
    assert [growth.due(level[:k]) for k in (LOOKS, LOOKS + 1)] == [False, True]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_coarse_grid_grows_to_what_the_solution_needs(seed):
    fixed, grown = solved(False, seed=seed), solved(True, seed=seed)
    assert fixed.network.grids == [2, 2] and not any("knots" in note for note in fixed.stats.notes)
    parameters = sum(p.numel() for p in grown.network.parameters())
    assert 42 < parameters <= 84 and grown.stats.parameters == parameters
    assert grown.error() < 0.3 * fixed.error()
    assert any(note.startswith("knots were added where the residual is large") for note in grown.stats.notes)


def test_knots_that_bring_nothing_end_it():
    """The grid holds the solution: at most ``IN_VAIN`` additions, and then the run ends."""
    limits = {"tol": 0.0, "max_steps": 1000, "max_time": 1e5, "points": 60, **QUIET}
    found = sciml.solve(Parabola(), nn.KAN([1, 1], grid=2, degree=4), knots=1000, **limits)
    assert found.stats.outcome in ("stalled", "converged") and found.network.grids[0] <= 2 + IN_VAIN
    assert found.error() < 1e-12


def test_what_knots_needs():
    with pytest.raises(ArgumentTypeError, match=r"^knots needs"):
        solved("many")
    with pytest.raises(ArgumentError, match=r"^knots needs"):
        solved(0)
