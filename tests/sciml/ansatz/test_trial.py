"""Exact conditions hold for any network; what cannot be exact becomes a penalty, and says so."""

from __future__ import annotations

import pytest
import torch

from sciml import nn
from sciml.ansatz import Ansatz, Trial
from sciml.conditions import Dirichlet, Initial, Periodic
from sciml.derivatives import AutogradSource
from sciml.domains import Box, Disk, Interval, TimeInterval
from sciml.errors import ArgumentError
from tests.sciml.test_jets import PROBLEMS, Everything, network


@pytest.mark.parametrize("kind", ["tanh", "kan3"])
@pytest.mark.parametrize("case", [c for c in PROBLEMS if c not in ("plain", "periodic")])
def test_exact_conditions_hold_for_an_untrained_network(kind, case):
    problem = PROBLEMS[case]
    trial = Trial(problem, network(kind, problem))
    for condition in trial.ansatz.hard:
        j = problem.component(condition)
        if isinstance(condition, Dirichlet):
            x = problem.domain.boundary(condition.on).sample(41, seed=5)
            value = (
                condition.value(x)
                if callable(condition.value)
                else torch.full_like(x[:, :1], condition.value)
            )
            got = trial(x)[:, j : j + 1]
        else:
            x = problem.domain.initial().sample(41, seed=5)
            value = (
                condition.value(x)
                if callable(condition.value)
                else torch.full_like(x[:, :1], condition.value)
            )
            u = problem.field(AutogradSource(trial, x))
            got = u.value if condition.order == 0 else u.d("t")
        assert torch.allclose(got, value, atol=1e-10), condition.label
    assert len(trial.ansatz.hard) == len(problem.conditions)


def test_periodic_coordinates_agree_with_all_derivatives():
    problem = PROBLEMS["periodic"]
    trial = Trial(problem, network("tanh", problem))
    y = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    low, high = torch.cat([torch.zeros_like(y), y], 1), torch.cat([torch.full_like(y, 2.0), y], 1)
    a, b = (problem.field(AutogradSource(trial, x)) for x in (low, high))
    for axes in ((), ("x",), ("x", "x"), ("x", "y"), ("x", "x", "x")):
        left, right = (f.d(*axes) if axes else f.value for f in (a, b))
        assert torch.allclose(left, right, atol=1e-10)


def test_initial_data_that_do_not_meet_the_boundary_become_a_penalty_with_a_note():
    domain = TimeInterval(0, 1) * Interval(0, 1)
    ansatz = Ansatz(Everything(domain, [Dirichlet(0.0), Initial(1.0)]))
    assert [c.label for c in ansatz.hard] == ["dirichlet"]
    assert [c.label for c in ansatz.soft] == ["initial"]
    assert "differs from the boundary values" in ansatz.notes[0]
    with pytest.raises(ArgumentError, match=r"initial: hard=True needs .* differs from the boundary values"):
        Ansatz(Everything(domain, [Dirichlet(0.0), Initial(1.0, hard=True)]))


def test_a_mask_has_no_distance_and_becomes_a_penalty():
    box = Box([0, 0], [1, 1])

    def mask(x):
        return x[:, 0] < 1e-9

    ansatz = Ansatz(Everything(box, [Dirichlet(0.0, on=mask)]))
    assert not ansatz.hard and len(ansatz.soft) == 1 and "no distance function" in ansatz.notes[0]
    with pytest.raises(ArgumentError, match=r"hard=True needs .* no distance function"):
        Ansatz(Everything(box, [Dirichlet(0.0, on=mask, hard=True)]))


def test_hard_false_asks_for_a_penalty():
    ansatz = Ansatz(Everything(Box([0, 0], [1, 1]), [Dirichlet(0.0, hard=False), Periodic("x", hard=False)]))
    assert not ansatz.hard and len(ansatz.soft) == 2 and ansatz.trivial


def test_widths_are_checked_with_the_reason():
    problem = PROBLEMS["periodic"]
    with pytest.raises(ArgumentError, match=r"needs 3 inputs .*cos and sin: x.*got width 2"):
        Trial(problem, nn.MLP([2, 5, 1]))
    with pytest.raises(ArgumentError, match="needs 1 outputs for u, got width 2"):
        Trial(problem, nn.KAN([3, 5, 2]))
    with pytest.raises(ArgumentError, match="model needs to take inputs of width 3"):
        Trial(problem, torch.nn.Linear(2, 1).double())


def test_domain_of_a_hole_keeps_every_piece_exact():
    hole = Disk([0.5, 0.5], 0.2)
    problem = Everything(Box([0, 0], [1, 1]) - hole, [Dirichlet(0.0, on=hole), Dirichlet(2.0, on="x=0")])
    trial = Trial(problem, nn.MLP([2, 6, 1]))
    rim = problem.domain.boundary(hole).sample(20)
    assert float(trial(rim).abs().max().detach()) < 1e-10
    left = problem.domain.boundary("x=0").sample(20)
    assert torch.allclose(trial(left), torch.full((20, 1), 2.0, dtype=torch.float64), atol=1e-10)
