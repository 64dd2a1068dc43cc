"""Solves in many dimensions stay within their memory and their time."""

from __future__ import annotations

import math
import time

import pytest

import sciml
from sciml import nn, pdes
from sciml.ansatz import Trial
from sciml.ansatz.exact import Ansatz
from sciml.solvers.training.defaults import LARGEST_LAYER, default_points, points_that_fit
from sciml.solvers.training.residual_system import OutOfTime, ResidualSystem
from sciml.solvers.training.run_state import Limits


class Cube(sciml.PDE):
    """Laplace's equation, solved by a linear function."""

    conditions = (sciml.Dirichlet(lambda x: x.mean(1, keepdim=True)),)

    def __init__(self, dim):
        self.domain = sciml.Box([0.0] * dim, [1.0] * dim)

    def residual(self, u, x):
        return u.laplacian()


@pytest.mark.parametrize("dim", [20, 50, 100, 400])
def test_points_and_their_derivatives_fit_into_memory(dim):
    points = default_points(Cube(dim), 5000, 32)
    assert points >= 10 and points * (1 + 2 * dim) * 32 <= LARGEST_LAYER


@pytest.mark.parametrize("name", pdes.names())
def test_the_catalogue_keeps_its_points(name):
    problem = pdes.build(name)
    if problem.domain.dim > 11:
        pytest.skip("one of those that are held to their memory")
    assert default_points(problem, 3000, 32) == default_points(problem, 3000, 1)


class Bowl(Cube):
    """Poisson's equation of ``mean(x²)``, its values on all sides as a penalty."""

    conditions = (sciml.Dirichlet(lambda x: (x**2).mean(1, keepdim=True), hard=False),)

    def residual(self, u, x):
        return u.laplacian() - 2.0


def test_a_sum_over_many_coordinates_is_told_by_few_points():
    problem = Bowl(17)
    x = problem.domain.sample(500, seed=3)

    def error(model):
        solution = sciml.solve(problem, model, points=400, max_steps=8, progress=False)
        return float((solution.values(x) - (x**2).mean(1, keepdim=True)).square().mean().sqrt())

    spread = float((x**2).mean(1).std())  # what a constant is off by
    assert error(None) < 0.1 * spread < error(nn.MLP([17, 32, 32, 32, 1], "sine"))


def test_small_networks_begin_with_as_many_points_as_they_have_numbers_for():
    assert default_points(Cube(20), 300, 8) == 1200
    assert default_points(Cube(20), 0, 8) == default_points(Cube(20), 100_000 // 5, 8) == 10_000


def test_too_many_points_are_fewer_with_a_note():
    fit = points_that_fit(Cube(40), 8, 4 * LARGEST_LAYER)
    assert fit == 4 * LARGEST_LAYER // (81 * 8)
    system_notes = sciml.solve(Cube(2), nn.MLP([2, 3, 1]), points=50, max_steps=1, progress=False).stats.notes
    assert not any("do not fit" in note for note in system_notes)


def test_more_sides_than_can_be_blended_are_a_penalty():
    problem = Cube(40)
    ansatz = Ansatz(problem)
    assert [c.label for c in ansatz.soft] and "80 sides" in ansatz.notes[0]
    assert not Ansatz(Cube(5)).soft


def test_a_step_that_takes_too_long_is_given_up(monkeypatch):
    """The clock is looked at inside a step: what was reached before it is kept."""
    real = time.perf_counter
    offset = [0.0]

    def late():
        return real() + offset[0]

    monkeypatch.setattr(time, "perf_counter", late)
    steps = []

    def slow(event):
        steps.append(event.step)
        if event.step >= 10:
            offset[0] += 1e3

    solution = sciml.solve(
        pdes.Poisson(2), max_time=500.0, max_steps=60, tol=0.0, callbacks=[slow], progress=False
    )
    assert solution.outcome == "max_time" and solution.stats.steps == 10


def test_a_system_past_its_deadline_refuses_to_answer():
    problem = pdes.Poisson(2)
    trial = Trial(problem, nn.MLP([2, 4, 1]))
    system = ResidualSystem(problem, trial, 30, 10)
    theta = system.theta
    system.deadline = -math.inf
    for ask in (system.residual, system.linearize, system.value_and_grad):
        with pytest.raises(OutOfTime):
            ask(theta)
    assert system.elsewhere(10, 10, 1).value(theta) >= 0  # measuring is always allowed


def test_long_set_up_is_taken_off_the_time():
    limits = Limits(max_time=10.0)
    for seconds, left in ((0.5, 10.0), (4.0, 7.0), (60.0, 5.0)):
        assert limits.shortened(seconds).max_time == pytest.approx(left)
    assert Limits().shortened(60.0) == Limits()


class Slow(sciml.PDE):
    """A source that takes its time."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)
    wait = 0.5

    def source(self, x):
        time.sleep(self.wait)
        return 0.0 * x[:, :1] + 1.0

    def residual(self, u, x):
        return u.laplacian() + self.source(x)


@pytest.mark.parametrize("wait", [0.0, 0.5])
def test_a_set_up_that_takes_longer_than_the_solve_may_is_noted(wait, monkeypatch):
    monkeypatch.setattr(Slow, "wait", wait)
    limit = 0.01 if wait else 1000.0
    model = sciml.nn.MLP([1, 5, 1])
    stats = sciml.solve(Slow(), model, max_time=limit, max_steps=1, progress=False).stats
    assert any("setting up took" in note and "max_time=0.01" in note for note in stats.notes) == (wait > 0)
