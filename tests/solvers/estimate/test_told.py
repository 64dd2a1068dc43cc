"""Which state a solve keeps, and what it says of it, where an accuracy was asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.estimate.told import Told, confirmed, worse
from sciml.solvers.training import loop
from sciml.solvers.training.residual_system import ResidualSystem


def told(value):
    found = estimate_error(PROBLEM, TRIAL)
    return replace(found, value=value)


PROBLEM = pdes.Poisson(2)
TRIAL = sciml.ansatz.Trial(PROBLEM, nn.MLP([2, 5, 1], "sine", seed=1))


def mlp(seed=1):
    return nn.MLP([2, 6, 1], "sine", seed=seed)


@pytest.mark.parametrize(
    "first, second, expected, calls",
    [
        (2e-3, 1e-4, 2e-3, 0),  # not within: nothing to confirm
        (None, 1e-4, None, 0),
        (9e-4, 3e-3, 3e-3, 1),  # too low by chance
        (9e-4, 7e-4, 9e-4, 1),
        (9e-4, None, None, 1),  # the other one tells nothing, so neither is known
    ],
)
def test_an_estimate_within_an_accuracy_needs_a_second_one_that_agrees(first, second, expected, calls):
    asked = []

    def other(features):
        asked.append(features)
        return told(second)

    found = confirmed(lambda: told(first), other, 1e-3)
    assert found.value == expected and len(asked) == calls
    assert not asked or asked[0] == told(first).features


def test_the_worse_of_two_promises_less():
    assert worse(told(1e-3), told(2e-3)).value == 2e-3 == worse(told(2e-3), told(1e-3)).value
    assert worse(told(None), told(1e-3)).value is None is worse(told(1e-3), told(None)).value


def test_an_earlier_state_is_better_only_where_it_is_told_to_be_clearly_so():
    seen, states = Told(), [torch.full((3,), float(k)) for k in range(3)]
    assert seen.better(states[0], told(1.0)) is None
    for state, value in zip(states, (1e-2, 3e-3, 5e-3), strict=True):
        seen.take(state, told(value))
    kept = seen.better(states[2], told(7e-3))
    assert kept is not None and torch.equal(kept, states[1])
    assert seen.better(states[2], told(5e-3)) is None
    assert seen.better(states[2], told(None)) is None  # what is unknown may be better than that
    assert seen.better(torch.zeros(4), told(1.0)) is None  # of a network that has grown since
    seen.forget()
    assert seen.better(states[2], told(1.0)) is None


def test_the_state_that_was_estimated_is_handed_over_whatever_the_losses_of_others(monkeypatch):
    """An earlier state looks better by its residual, and the one whose error is known is kept."""
    states, value = [], ResidualSystem.value

    def noted(trial, *args):
        states.append(torch.nn.utils.parameters_to_vector(trial.network.parameters()).detach().clone())

    def estimated(problem, trial, *args, **options):
        noted(trial)
        return estimate_error(problem, trial, *args, **options)

    def rising(system, theta):  # the first look has the least loss of all
        rising.calls += 1
        return value(system, theta) + 1e-30 * rising.calls

    rising.calls = 0
    monkeypatch.setattr(loop, "estimate_error", estimated)
    made = loop.Run._measure

    def measure(run, progress):
        held, chosen, stop = made(run, progress)
        if run.counters.step == 0:
            run.count(best=0.0)  # no later look is better
        return held, chosen, stop

    monkeypatch.setattr(loop.Run, "_measure", measure)
    solution = sciml.solve(PROBLEM, mlp(), accuracy=1e-2, tol=0.0, max_steps=60, progress=False)
    assert solution.outcome == "converged"
    kept = torch.nn.utils.parameters_to_vector(solution.network.parameters()).detach()
    assert torch.equal(kept, states[-1]) and not torch.equal(kept, states[0])
    assert solution.error() <= 1.2e-2


def test_a_solve_that_ends_before_its_accuracy_keeps_the_state_of_the_least_estimate(monkeypatch):
    """By their losses the last state is kept; an earlier one was told to be a hundred times better."""
    seen = []

    def estimated(problem, trial, *args, **options):
        theta = torch.nn.utils.parameters_to_vector(trial.network.parameters()).detach().clone()
        known = [k for k, old in enumerate(seen) if torch.equal(old, theta)]
        if not known:
            seen.append(theta)
        value = 1e-3 if (known[0] if known else len(seen) - 1) == 1 else 1e-1
        return replace(estimate_error(problem, trial, *args, **options), value=value)

    monkeypatch.setattr(loop, "estimate_error", estimated)
    solution = sciml.solve(PROBLEM, mlp(), accuracy=1e-12, tol=0.0, max_steps=40, progress=False)
    kept = torch.nn.utils.parameters_to_vector(solution.network.parameters()).detach()
    assert torch.equal(kept, seen[1]) and len(seen) > 2
    assert solution.outcome == "max_steps" and solution.stats.error_estimate == 1e-3
