"""The iterator around a step method, and what may be changed between two steps."""

from __future__ import annotations

import math
from itertools import islice

import pytest
import torch

from sciml import optim
from sciml.optim import METHODS, ResidualFunction, iterate
from tests.sciml.optim.cases import quadratic, rosenbrock_residual


@pytest.mark.parametrize("name", METHODS)
def test_iterating_is_stepping(name):
    problem, method = ResidualFunction(rosenbrock_residual), optim.method(name)
    theta = torch.full((5,), -0.4, dtype=torch.float64)
    run = iterate(method, problem, theta)
    state = method.init(problem, theta)
    for found, found_state in islice(run, 7):
        theta, state = method.step(problem, theta, state)
        assert torch.equal(found, theta)
        assert found_state.loss == state.loss
        assert run.theta is found
        assert run.state is found_state
    assert run.steps == 7


def test_a_saved_state_goes_on_where_it_stood():
    problem, method = ResidualFunction(rosenbrock_residual), optim.method("gn-arcm")
    whole = iterate(method, problem, torch.full((5,), -0.4, dtype=torch.float64))
    first = [next(whole) for _ in range(4)][-1]
    saved = first[1].state_dict()
    again = iterate(method, problem, first[0], method.init(problem, first[0]).load_state_dict(saved))
    for _ in range(4):
        a, b = next(whole), next(again)
        assert torch.equal(a[0], b[0])
        assert a[1].evaluations == b[1].evaluations


def test_the_problem_and_theta_may_change_between_two_steps():
    first, _ = quadratic(seed=0)
    second, exact = quadratic(seed=1)
    run = iterate(optim.method("gn-arc"), first, torch.zeros_like(exact))
    for _ in islice(run, 5):
        pass
    weight = run.state.weight
    run.problem = second
    run.refresh()
    assert run.state.loss == pytest.approx(second.value(run.theta))
    assert run.state.weight == weight
    for theta, _ in islice(run, 60):
        inside = theta.clamp(max=0.2)
        if not torch.equal(theta, inside):
            run.refresh(inside)
        assert float(run.theta.max()) <= 0.2
        assert run.state.loss == pytest.approx(second.value(run.theta))
    run.refresh(exact + 1e-3)
    for _ in islice(run, 20):
        pass
    assert torch.allclose(run.theta, exact, atol=1e-8)


def test_an_exception_leaves_the_run_where_it_was():
    problem, _ = quadratic()
    run = iterate(optim.method("adam"), problem, torch.zeros(9, dtype=torch.float64))
    next(run)
    theta, state, saved = run.theta, run.state, run.state.state_dict()
    twin = iterate(run.method, problem, theta, run.method.init(problem, theta).load_state_dict(saved))

    class Broken:
        def value_and_grad(self, theta):
            raise KeyboardInterrupt

    run.problem = Broken()
    with pytest.raises(KeyboardInterrupt):
        next(run)
    assert run.theta is theta
    assert run.state is state
    run.problem = problem
    assert torch.equal(next(run)[0], next(twin)[0])
    assert math.isfinite(run.state.loss)
