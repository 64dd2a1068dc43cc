"""Which state a run keeps: that of the least residual on many points that stay, which 500 points may not tell."""

from __future__ import annotations

import pytest
import torch

from sciml import nn, optim, pdes
from sciml.ansatz import Trial
from sciml.solvers.training.loop import Run
from sciml.solvers.training.residual_system import ResidualSystem
from sciml.solvers.training.run_state import Limits
from sciml.solvers.training.settings import HELD_OUT, SELECTION, selection_system


class Told:
    """A residual system of which the losses are told, one a look."""

    def __init__(self, system, losses):
        self.system, self.losses, self.seen = system, list(losses), []

    def __getattr__(self, name):
        return getattr(self.system, name)

    def value(self, theta):
        self.seen.append(theta.clone())
        return self.losses[min(len(self.seen), len(self.losses)) - 1]


def run_of(losses, *, tol=0.0, steps=40):
    problem = pdes.Poisson(2)
    system = ResidualSystem(problem, Trial(problem, nn.MLP([2, 6, 1], "sine", seed=1)), 60, 10)
    held_out = system.elsewhere(50, 10, 9)
    told = Told(held_out.elsewhere(80, 10, 10), losses)
    limits = Limits(max_steps=steps, tol=tol)
    run = Run(problem, system, held_out, optim.method("gn-arc"), limits, 0, max_points=60, selection=told)
    return run, told


def test_the_state_of_the_least_loss_on_the_selection_is_kept():
    run, told = run_of([1.0, 1e-6, 1e-3, 1e-4, 1e-5])  # after 0, 10, 20, 30 and 40 steps
    assert run.run() == "max_steps"
    torch.testing.assert_close(run.system.theta, told.seen[1], rtol=0, atol=0)
    assert not torch.equal(told.seen[1], told.seen[4]) and run.counters.best == 1e-6
    held = [row["held_out"] for row in run.history]
    assert held.index(min(held)) != 1  # which the held-out points would not have kept


def test_a_run_converges_where_the_selection_agrees_and_not_before():
    run, _ = run_of([1.0], tol=1e-2, steps=20)  # there the residual stays
    assert run.run() == "max_steps" and min(map(run.relative, run.held())) < 1e-2
    run, told = run_of([1.0, 1e-30], tol=1e-2)
    assert run.run() == "converged" and len(told.seen) == 2


def test_a_residual_that_is_no_number_somewhere_on_the_selection_does_not_converge():
    run, _ = run_of([float("nan")], tol=1e-2)
    assert run.run() != "converged"
    run, _ = run_of([0.0], tol=1e-2)
    assert run.run() == "converged"


def test_the_selection_is_large_where_points_find_a_front_and_stays_what_it_was():
    problem = pdes.Burgers()
    system = ResidualSystem(problem, Trial(problem, nn.MLP([2, 6, 1], "tanh", seed=1)), 40, 10)
    held_out = system.elsewhere(HELD_OUT, 10, 9)
    for start, count in ((1, None), (100, None), (200, 800), (5000, SELECTION)):
        found = selection_system(held_out, start, 3)
        assert found is held_out if count is None else len(found.points.interior) == count
    again = selection_system(held_out, 200, 3)
    placed = again.points.interior.clone()
    system.points.redraw(8)
    assert torch.equal(selection_system(held_out, 200, 3).points.interior, placed)
    assert torch.equal(again.points.interior, placed)
    theta = system.theta + 0.1
    assert again.value(theta) != pytest.approx(held_out.value(theta), rel=1e-6)
    assert torch.equal(system.theta, theta)  # one network


def test_many_coordinates_keep_the_held_out_points():
    problem = pdes.PoissonCosine(5)
    system = ResidualSystem(problem, Trial(problem, nn.MLP([5, 4, 1], "sine", seed=1)), 40, 10)
    held_out = system.elsewhere(HELD_OUT, 10, 9)
    assert selection_system(held_out, 1000, 3) is held_out
