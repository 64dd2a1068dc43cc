"""Gradient descent: the kernel's rate, batches, and what it does where the rate is too large."""

from __future__ import annotations

import pytest
import torch

from sciml import optim
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.optim import LossFunction, ResidualFunction
from tests.sciml.optim.cases import network, quadratic, rosenbrock_residual, walk


def test_the_rate_is_that_of_the_kernel():
    problem, exact = quadratic()
    state = optim.method("gd").init(problem, torch.zeros_like(exact))
    J = problem.linearize(exact).dense()
    largest = float(torch.linalg.svdvals(J)[0] ** 2)
    assert 0.9 / largest <= state.rate <= 1.0 / largest


def test_a_given_rate_is_a_plain_step():
    problem, exact = quadratic()
    theta = torch.zeros_like(exact)
    new, _ = walk(optim.method("gd", lr=1e-3), problem, theta, 1)
    assert torch.allclose(new, theta - 1e-3 * problem.value_and_grad(theta)[1], rtol=1e-13)


def test_the_kernels_rate_never_lets_the_loss_rise():
    """Rosenbrock's kernel grows a hundredfold on the way."""
    problem = ResidualFunction(rosenbrock_residual)
    theta = torch.full((5,), -2.0, dtype=torch.float64)
    method = optim.method("gd")
    state = method.init(problem, theta)
    last = state.loss
    for _ in range(300):
        theta, state = method.step(problem, theta, state)
        assert state.loss <= last
        last = state.loss
    assert last < 1e-2 * problem.value(torch.full((5,), -2.0, dtype=torch.float64))


def test_a_loss_that_is_not_finite_is_undone():
    problem = ResidualFunction(lambda t: torch.log(t))
    theta = torch.tensor([2.0], dtype=torch.float64)
    new, state = walk(optim.method("gd", lr=1e6), problem, theta, 1)
    assert torch.equal(new, theta)
    assert not state.accepted
    assert state.rate == 5e5


@pytest.mark.parametrize("seed", [0, 3])
def test_batches_are_drawn_anew_and_the_same_with_one_seed(seed):
    problem, start = network()
    method = optim.method("gd", batch=5, seed=seed)
    one, _ = walk(method, problem, start, 20)
    two, _ = walk(method, problem, start, 20)
    other, _ = walk(optim.method("gd", batch=5, seed=seed + 1), problem, start, 20)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_the_mean_loss_of_batches_falls():
    problem, start = network()
    marks = torch.stack(
        [
            torch.tensor(
                [walk(optim.method("gd", batch=8, seed=s), problem, start, n)[1].loss for n in (0, 50, 200)]
            )
            for s in range(6)
        ]
    ).mean(0)
    assert marks[0] > 2 * marks[1] > 2 * marks[2]


def test_a_batch_of_every_row_is_unbiased():
    problem, start = network(points=6)
    _, gradient = problem.value_and_grad(start)
    drawn = [optim.method("gd", lr=1.0, batch=2, seed=s).init(problem, start).gradient for s in range(4000)]
    mean = torch.stack(drawn).mean(0)
    assert float((mean - gradient).norm() / gradient.norm()) < 0.1


def test_what_it_cannot_use_is_refused():
    with pytest.raises(ArgumentError, match="lr needs a positive number or 'kernel', got 'fast'"):
        optim.method("gd", lr="fast")
    with pytest.raises(ArgumentError, match="lr needs a number above 0"):
        optim.method("gd", lr=-1.0)
    with pytest.raises(ArgumentError, match="batch needs"):
        optim.method("gd", batch=0)
    with pytest.raises(ArgumentTypeError, match="problem needs a residual and its linearisation"):
        optim.method("gd").init(LossFunction(lambda t: (t**2).sum()), torch.ones(2, dtype=torch.float64))
