"""An evolution that stalls at all times at once is tried in windows, and they are kept where they gain."""

from __future__ import annotations

import pytest

import sciml
from sciml import pdes
from sciml.ansatz.march import Chain
from sciml.errors import ArgumentError
from sciml.solvers.training import loop
from sciml.solvers.windows.advice import window_advice

PROBLEM = pdes.Lorenz(duration=1.0)


@pytest.fixture
def impatient(monkeypatch):
    """A look without progress ends a run as stalled."""
    monkeypatch.setattr(loop, "STALL_LOOKS", 1)
    monkeypatch.setattr(loop, "PROGRESS", 1e-9)


def solve(problem, **options):
    return sciml.solve(problem, **{"max_time": 600, "max_steps": 400, "progress": False} | options)


def test_windows_are_taken_and_told(impatient):
    solution = solve(PROBLEM)
    assert isinstance(solution.trial, Chain)
    assert solution.error() < 1e-9
    assert any("windows=False" in note for note in solution.stats.notes)
    first, second = solution.stats.attempts
    assert first.startswith("as asked: stalled")
    assert second.startswith("windows of time: converged") and second.endswith("(kept)")
    assert solution.stats.steps > sum(row["step"] == 0 for row in solution.history)


@pytest.mark.parametrize(
    "options",
    [{"windows": False}, {"optimizer": "lm"}, {"model": sciml.nn.MLP([1, 8, 3], "tanh")}],
    ids=["asked not to", "own optimiser", "own network"],
)
def test_they_are_not_where_somebody_else_decides(options, impatient):
    solution = solve(PROBLEM, max_steps=20, **options)
    assert not isinstance(solution.trial, Chain)
    assert not any("windows of time" in line for line in solution.stats.attempts)


def test_windows_that_end_early_are_not_kept(impatient):
    """Half of what is left is not enough for them."""
    solution = solve(pdes.Lorenz(duration=10.0), max_steps=30)
    assert not isinstance(solution.trial, Chain)
    assert any(line.startswith("windows of time: max_steps") for line in solution.stats.attempts)
    assert sum("(kept)" in line for line in solution.stats.attempts) == 1


def test_an_outcome_without_a_stall_is_left_alone():
    solution = solve(PROBLEM, max_steps=2)
    assert solution.outcome == "max_steps"
    assert solution.stats.attempts == []
    assert window_advice(PROBLEM, solution.stats) != []


def test_a_word_that_is_none_is_refused():
    with pytest.raises(ArgumentError, match="windows needs"):
        solve(PROBLEM, windows="never")
