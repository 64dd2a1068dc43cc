"""Small problems for the tests of optimisers, and a walk through them."""

from __future__ import annotations

import numpy as np
import torch

from sciml.optim import ResidualFunction


class Matrix:
    """A linearisation that is a given matrix."""

    def __init__(self, jacobian, residual):
        self.jacobian, self.residual, self.shape = jacobian, residual, tuple(jacobian.shape)

    def dense(self):
        return self.jacobian

    def mv(self, v):
        return self.jacobian @ v

    def rmv(self, w):
        return self.jacobian.T @ w

    def gram(self):
        return self.jacobian @ self.jacobian.T

    def normal(self):
        return self.jacobian.T @ self.jacobian


def random_matrix(m, p, rank=None, seed=0):
    rng = np.random.default_rng(seed)
    j = rng.standard_normal((m, p))
    if rank is not None:
        j = rng.standard_normal((m, rank)) @ rng.standard_normal((rank, p))
    return Matrix(torch.from_numpy(j), torch.from_numpy(rng.standard_normal(m)))


def network(width=8, points=40):
    """Residual of a one-layer network fitted to a sine, and a start."""
    x = torch.linspace(-1, 1, points, dtype=torch.float64)[:, None]
    y = torch.sin(3 * x)[:, 0]

    def residual(t):
        w, b, c = t[:width], t[width : 2 * width], t[2 * width : 3 * width]
        return (torch.tanh(x * w + b) @ c + t[-1] - y) / points**0.5

    start = torch.randn(3 * width + 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return ResidualFunction(residual), start


def rosenbrock_residual(x):
    return torch.cat([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def quadratic(n=9, seed=0):
    """A strictly convex quadratic as a residual problem, and its minimiser."""
    rng = np.random.default_rng(seed)
    a = torch.from_numpy(rng.standard_normal((2 * n, n)))
    b = torch.from_numpy(rng.standard_normal(2 * n))
    return ResidualFunction(lambda t: a @ t - b), torch.linalg.lstsq(a, b).solution


def walk(method, problem, theta, steps):
    state = method.init(problem, theta)
    for _ in range(steps):
        theta, state = method.step(problem, theta, state)
    return theta, state


def walk_losses(method, problem, theta, steps):
    """The loss at the start and after each step."""
    state = method.init(problem, theta)
    losses = [state.loss]
    for _ in range(steps):
        theta, state = method.step(problem, theta, state)
        losses.append(state.loss)
    return losses
