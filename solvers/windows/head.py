"""A window of an ordinary differential equation by its last layer alone.

The hidden layer stays random: ``tanh(a (s - c))`` with centres over the window. What is left is a small least-squares
problem, which Gauss-Newton solves to rounding in some milliseconds where the solution is smooth in the window (extreme
learning machines; Dong & Li 2021, arXiv 2012.02895).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.jacobian.tape import TapeLinearization
from sciml.nn import MLP
from sciml.solvers.training.least_squares import least_squares_step
from sciml.solvers.training.residual_system import ResidualSystem

WIDTH = 80  # random features
STEEPEST = 6.0  # of their slopes, for inputs in [-1, 1]
STEPS = 25
HALVINGS = 6
SETTLED = 0.5  # share of the loss that a whole step must go below
SLOW = 1  # whole steps in a row that may fail to, where the loss is still above
NEAR = 100.0  # times what is enough


def head_network(inputs: int, outputs: int, seed: int, dtype: torch.dtype, steepest: float = STEEPEST) -> MLP:
    """One hidden layer of random features, of slopes up to ``steepest``, with a last layer of zeros."""
    network = MLP([inputs, WIDTH, outputs], "tanh", seed=seed, dtype=dtype)
    rng = torch.Generator().manual_seed(seed)
    hidden, last = network.layers[0], network.layers[-1]
    slopes = steepest * (2 * torch.rand(WIDTH, inputs, generator=rng, dtype=torch.float64) - 1)
    centres = 2 * torch.rand(WIDTH, inputs, generator=rng, dtype=torch.float64) - 1
    with torch.no_grad():
        hidden.weight.copy_(slopes.to(dtype))  # type: ignore[operator]
        hidden.bias.copy_(-(slopes * centres).sum(1).to(dtype))  # type: ignore[operator]
        for p in last.parameters():
            p.zero_()
    return network


@dataclass(frozen=True)
class Head:
    """What a window's last layer reached: the loss ``1/2 |r|^2`` on the points, and the steps."""

    loss: float
    steps: int


def solve_head(system: ResidualSystem, enough: float) -> Head:
    """Gauss-Newton on the last layer, from where it stands; the best of it ends up in the network.

    Args:
        system: Of the window, with a network of ``head_network``.
        enough: Loss from which more steps are not worth it.
    """
    theta = system.theta
    count = sum(p.numel() for p in system.trial.network.layers[-1].parameters())  # type: ignore[union-attr, index]
    loss, step, slow = system.value(theta), 0, 0
    while step < STEPS and loss > enough and math.isfinite(loss):
        linearization = system.linearize(theta)
        assert isinstance(linearization, TapeLinearization)
        J = linearization.columns(theta.numel() - count, theta.numel())
        if not bool(torch.isfinite(J).all()):
            break
        change = least_squares_step(J, linearization.residual)
        theta, new, share = _along(system, theta, change, loss)
        step += 1
        before, loss = loss, min(new, loss)
        # far from the solution, steps are cut short or gain little until they are near
        slow = slow + 1 if share == 1.0 and new > SETTLED * before else 0
        if share == 0.0 or slow > (SLOW if loss > NEAR * enough else 0):
            break
    system.load(theta)
    return Head(loss, step)


def _along(system: ResidualSystem, theta: Tensor, change: Tensor, loss: float) -> tuple[Tensor, float, float]:
    """The longest step, halved from the whole one on, that lowers the loss; its share, 0 where none does."""
    share = 1.0
    for _ in range(HALVINGS):
        trial = theta.clone()
        trial[-len(change) :] += share * change
        new = system.value(trial)
        if new < loss:
            return trial, new, share
        share *= 0.5
    return theta, loss, 0.0
