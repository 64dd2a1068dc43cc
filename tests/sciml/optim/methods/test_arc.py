"""CR, CRm, ARC and ARCm: descent, saddles, rates."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from sciml import optim
from sciml.optim import CubicMethod, LossFunction, ResidualFunction
from tests.sciml.optim.cases import rosenbrock_residual, walk

CUBIC = ("arc", "arcm", "arc-krylov", "arcm-krylov", "cr", "crm")


@pytest.mark.parametrize("update", ["interpolation", "smooth", "classic", "published"])
@pytest.mark.parametrize("momentum", [None, "wang", "constant", "ls"])
@pytest.mark.parametrize("solver", ["eigen", "cholesky", "lanczos"])
def test_every_arc_descends_to_a_minimum(update, momentum, solver):
    problem = ResidualFunction(rosenbrock_residual)
    method = CubicMethod(update=update, momentum=momentum, solver=solver)
    theta = torch.full((4,), -0.7, dtype=torch.float64)
    state = method.init(problem, theta)
    losses = [state.loss]
    for _ in range(70):
        theta, state = method.step(problem, theta, state)
        losses.append(state.loss)
        assert state.loss == pytest.approx(problem.value(theta), rel=1e-9, abs=1e-25)
    assert all(b <= a + 1e-13 for a, b in pairwise(losses))
    assert state.grad_norm <= 1e-8


def test_arc_by_descent_takes_the_same_way():
    problem = ResidualFunction(rosenbrock_residual)
    start = torch.full((3,), -0.7, dtype=torch.float64)
    _, exact = walk(CubicMethod(solver="eigen"), problem, start, 2)
    _, slow = walk(CubicMethod(solver="descent"), problem, start, 2)
    assert slow.loss == pytest.approx(exact.loss, rel=1e-2)
    assert slow.products > 0


@pytest.mark.parametrize("name", CUBIC)
def test_a_saddle_is_left(name):
    # a saddle at the origin, minima of -1 at (0, +-sqrt 2)
    problem = LossFunction(lambda t: t[0] ** 2 - t[1] ** 2 + 0.25 * t[1] ** 4)
    theta, state = walk(optim.method(name), problem, torch.zeros(2, dtype=torch.float64), 20)
    assert theta.abs().tolist() == pytest.approx([0.0, math.sqrt(2.0)], abs=1e-6)
    assert state.loss == pytest.approx(-1.0)


def test_arc_converges_quadratically():
    problem = LossFunction(lambda t: (t.exp() - t).sum() + 0.5 * (t.sum() - 1.0) ** 2)
    method = CubicMethod(solver="eigen", update="smooth")
    theta, state = torch.full((5,), 1.0, dtype=torch.float64), None
    state, norms = method.init(problem, theta), []
    for _ in range(12):
        theta, state = method.step(problem, theta, state)
        norms.append(state.grad_norm)
    orders = [
        math.log(c / b) / math.log(b / a)
        for a, b, c in zip(norms, norms[1:], norms[2:], strict=False)
        if 1e-12 < c < b < 0.1
    ]
    assert orders
    assert max(orders) >= 1.8


def test_arcm_needs_fewer_iterations_than_arc():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((200, 12)))
    label = torch.from_numpy((rng.random(200) < 0.5).astype(float))

    def loss(w):
        z = x @ w
        return (torch.nn.functional.softplus(z) - label * z).mean() + 1e-3 * (w**2 / (1.0 + w**2)).sum()

    counts = {}
    for momentum in (None, "ls"):
        method = CubicMethod(update="published", sigma=1.0, momentum=momentum)
        theta = torch.from_numpy(3.0 * np.random.default_rng(1).standard_normal(12))
        state = method.init(LossFunction(loss), theta)
        counts[momentum] = 0
        while counts[momentum] < 200:
            theta, state = method.step(LossFunction(loss), theta, state)
            if state.grad_norm <= 1e-6:
                break
            counts[momentum] += 1
    assert counts["ls"] <= 0.85 * counts[None]
