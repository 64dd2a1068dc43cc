"""Where a solve of an evolution that failed says that windows solve it."""

from __future__ import annotations

import pytest

import sciml
from sciml import Dirichlet, Initial, Neumann, pdes
from sciml.solvers.report import Report
from sciml.solvers.windows.advice import window_advice
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, heat, poisson, stated

TIME = sciml.Interval(0, 3, name="s")
GROWTH = lambda u, x: u.d("s") - u  # noqa: E731
SWING = lambda u, x: u.d("s", "s") + u  # noqa: E731
HEAT = stated(TIME_LINE, [Dirichlet(0.0), Initial(0.0)], lambda u, x: heat(u, x) - 1)
FAILED = Report(outcome="stalled", error_estimate=0.6)


@pytest.mark.parametrize("problem", [HEAT, pdes.Lorenz(), pdes.VanDerPol()], ids=repr)
@pytest.mark.parametrize("outcome", ["stalled", "max_time", "max_steps"])
@pytest.mark.parametrize("estimate", [None, 0.3, 2.0])
def test_an_evolution_that_failed_is_told_of_windows(problem, outcome, estimate):
    (note,) = window_advice(problem, Report(outcome=outcome, error_estimate=estimate))
    assert 'windows="auto"' in note and "TimeInterval" not in note
    assert ("unknown" in note) == (estimate is None)


@pytest.mark.parametrize(
    "conditions, residual",
    [
        ([Dirichlet(1.0, on="s=0")], GROWTH),
        ([Dirichlet(1.0, on="s=0"), Neumann(0.0, on="s=0")], SWING),
    ],
)
def test_one_that_is_stated_on_an_interval_is_told_how_to_state_it(conditions, residual):
    (note,) = window_advice(stated(TIME, conditions, residual), FAILED)
    assert "TimeInterval(0, 3, name='s')" in note and 'windows="auto"' in note


@pytest.mark.parametrize(
    "problem, report",
    [
        (HEAT, Report(outcome="converged", error_estimate=None)),
        (HEAT, Report(outcome="interrupted", error_estimate=1.0)),
        (HEAT, Report(outcome="max_steps", error_estimate=1e-3)),
        (stated(SQUARE, [Dirichlet(0.0)], poisson), FAILED),
        (stated(LINE, [Dirichlet(0.0)], lambda u, x: u.d("x", "x") + 1), FAILED),
        (stated(TIME, [Dirichlet(0.0, on="s=0"), Neumann(1.0, on="s=3")], SWING), FAILED),
    ],
)
def test_others_are_not(problem, report):
    assert window_advice(problem, report) == []


def test_a_solve_says_it():
    notes = sciml.solve(pdes.Lorenz(duration=10.0), max_steps=3, max_time=60, progress=False).stats.notes
    assert any('windows="auto"' in note for note in notes)
