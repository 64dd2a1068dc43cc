"""Classes of torch.optim as step methods."""

from __future__ import annotations

import torch

from sciml import optim
from sciml.optim import ResidualFunction
from tests.sciml.optim.cases import quadratic, rosenbrock_residual, walk


def test_torch_optimisers_step_as_they_do_in_torch():
    problem, exact = quadratic()
    theta, _ = walk(optim.as_method(torch.optim.Adam, lr=0.05), problem, torch.zeros_like(exact), 25)
    x = torch.nn.Parameter(torch.zeros_like(exact))
    plain = torch.optim.Adam([x], lr=0.05)
    for _ in range(25):
        x.grad = problem.value_and_grad(x.detach())[1]
        plain.step()
    assert torch.equal(theta, x.detach())


def test_torch_lbfgs_can_be_driven_and_resumed():
    problem = ResidualFunction(rosenbrock_residual)
    method = optim.as_method(torch.optim.LBFGS, max_iter=1, max_eval=30, line_search_fn="strong_wolfe")
    theta, state = walk(method, problem, torch.full((4,), -0.5, dtype=torch.float64), 10)
    saved, other_theta = state.state_dict(), theta.clone()
    other = method.init(problem, theta).load_state_dict(saved)
    for _ in range(40):
        theta, state = method.step(problem, theta, state)
        other_theta, other = method.step(problem, other_theta, other)
    assert torch.equal(theta, other_theta)
    assert state.loss <= 1e-9
