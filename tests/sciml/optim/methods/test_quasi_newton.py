"""Quasi-Newton methods: the secant equation, the textbook formula, scaling."""

from __future__ import annotations

import pytest
import torch

from sciml import optim
from sciml.errors import ArgumentError
from sciml.optim import LossFunction, ResidualFunction
from tests.sciml.optim.cases import rosenbrock_residual, walk


def test_self_scaling_beats_plain_bfgs_on_a_badly_scaled_function():
    weights = torch.logspace(-3, 3, 20, dtype=torch.float64)
    problem = LossFunction(lambda t: (weights * (t.cosh() - 1.0)).sum())
    start = torch.full((20,), 1.5, dtype=torch.float64)
    ends = {name: walk(optim.method(name), problem, start, 60)[1].loss for name in ("ssbroyden", "bfgs")}
    assert ends["ssbroyden"] < 0.5 * ends["bfgs"]


@pytest.mark.parametrize("update", ["ssbroyden", "ssbfgs", "bfgs"])
def test_quasi_newton_keeps_an_inverse_that_meets_the_secant_equation(update):
    problem = ResidualFunction(rosenbrock_residual)
    method = optim.method(update)
    theta = torch.full((5,), -0.6, dtype=torch.float64)
    state = method.init(problem, theta)
    for _ in range(25):
        before, gradient = theta, state.gradient
        theta, state = method.step(problem, theta, state)
        h = state.inverse
        assert torch.allclose(h @ (state.gradient - gradient), theta - before, rtol=1e-8, atol=1e-14)
        assert torch.allclose(h, h.T, rtol=1e-8, atol=1e-12)
        assert float(torch.linalg.eigvalsh(h)[0]) > 0.0


def test_bfgs_update_matches_the_textbook_formula():
    problem = ResidualFunction(rosenbrock_residual)
    method = optim.method("bfgs")
    theta = torch.full((4,), 0.3, dtype=torch.float64)
    theta, state = walk(method, problem, theta, 3)
    h, g, before = state.inverse, state.gradient, theta
    theta, state = method.step(problem, theta, state)
    s, y = theta - before, state.gradient - g
    rho = 1.0 / (s @ y)
    left = torch.eye(4, dtype=s.dtype) - rho * torch.outer(s, y)
    assert torch.allclose(state.inverse, left @ h @ left.T + rho * torch.outer(s, s), rtol=1e-10, atol=1e-14)


def test_quasi_newton_refuses_what_does_not_fit_in_memory():
    problem = LossFunction(lambda t: t.square().sum())
    with pytest.raises(ArgumentError, match=r"theta needs at most 20000 parameters .* got 20001"):
        optim.method("ssbroyden").init(problem, torch.zeros(20_001))


@pytest.mark.parametrize("update", ["ssbroyden", "ssbfgs", "bfgs"])
def test_steps_whose_squares_underflow_are_survived(update):
    # along t[0] the gradient halves its digits with each step and ends far below 1e-160
    problem = LossFunction(lambda t: t[0] ** 2 - t[1] ** 2 + 0.25 * t[1] ** 4 + (t[2:].exp() - t[2:]).sum())
    start = torch.tensor([0.3, 0.0, 1.0, -2.0], dtype=torch.float64)
    theta, state = walk(optim.method(update), problem, start, 40)
    assert float(theta.abs().max()) < 1e-7
    assert state.inverse is None or bool(torch.isfinite(state.inverse).all())
