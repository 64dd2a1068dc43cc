"""Descents foretold by kernels along the way, against the steps written out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from sciml.jacobian.forecast import foretell
from sciml.jacobian.tangent import TangentKernel
from tests.sciml.optim.cases import random_matrix


@dataclass
class Bent:
    """``r = b + A theta + bend (B theta)^2``: its Jacobian by hand."""

    bend: float
    seed: int = 0

    def __post_init__(self) -> None:
        self.a, self.b = random_matrix(5, 7, seed=self.seed), random_matrix(5, 7, seed=self.seed + 1)

    def linearize(self, theta: Tensor) -> object:
        w = self.b.jacobian @ theta
        out = random_matrix(5, 7)
        out.jacobian = self.a.jacobian + 2 * self.bend * w[:, None] * self.b.jacobian
        out.residual = self.a.residual + self.a.jacobian @ theta + self.bend * w.square()
        return out

    def run(self, steps: int, rate: float) -> Tensor:
        theta = torch.zeros(7, dtype=torch.float64)
        losses = []
        for _ in range(steps + 1):
            here = self.linearize(theta)
            losses.append(0.5 * float(here.residual @ here.residual))
            theta = theta - rate * here.jacobian.T @ here.residual
        return torch.tensor(losses, dtype=torch.float64)

    def rate(self) -> float:
        return TangentKernel.of(self.linearize(torch.zeros(7, dtype=torch.float64)), PARTS).rate


PARTS = {"a": slice(0, 2), "b": slice(2, 5)}
ZERO = torch.zeros(7, dtype=torch.float64)


def test_a_linear_residual_is_foretold_exactly_by_few_kernels():
    case = Bent(0.0)
    ahead = foretell(case.linearize, ZERO, PARTS, 5000, case.rate(), 0.05, 300)
    measured = case.run(5000, case.rate())[ahead.steps]
    assert torch.allclose(ahead.losses, measured, rtol=1e-7, atol=1e-12 * float(measured[0]))
    assert ahead.looks < 25
    assert ahead.error < 1e-6
    assert ahead.lazy and ahead.complete
    assert sum(ahead.parts.values()) == pytest.approx(ahead.loss, rel=1e-12)
    assert ahead.left == pytest.approx(ahead.loss / float(ahead.losses[0]))


@pytest.mark.parametrize("bend", [0.02, 0.05])
def test_a_bent_one_is_foretold_where_a_frozen_kernel_fails(bend):
    case = Bent(bend)
    rate = 0.5 * case.rate()
    measured = case.run(400, rate)
    ahead = foretell(case.linearize, ZERO, PARTS, 400, rate, 0.02, 300)
    frozen = sum(TangentKernel.of(case.linearize(ZERO), PARTS).predict(400, rate).values())
    assert abs(math.log(float(measured[-1]) / frozen)) > 0.15
    gap = (ahead.losses / measured[ahead.steps]).log().abs().max()
    assert float(gap) < 0.03
    assert float(gap) <= ahead.error
    assert ahead.looks < 120


def test_less_is_allowed_and_more_kernels_are_taken():
    case = Bent(0.05)
    rate = 0.5 * case.rate()
    looks = [foretell(case.linearize, ZERO, PARTS, 400, rate, tol, 1000).looks for tol in (0.2, 0.02, 0.002)]
    assert looks == sorted(looks) and looks[0] < looks[-1]


def test_a_descent_that_diverges_and_one_whose_kernels_were_spent_have_no_loss():
    case = Bent(0.05)
    wild = foretell(case.linearize, ZERO, PARTS, 400, 40 * case.rate(), 0.05, 300)
    assert wild.loss == math.inf == wild.left
    assert not bool(torch.isfinite(case.run(400, 40 * case.rate())[-1]))
    short = foretell(case.linearize, ZERO, PARTS, 400, 0.5 * case.rate(), 0.05, 4)
    assert not short.complete
    assert math.isnan(short.loss) and math.isnan(short.left)
    assert torch.allclose(short.losses, case.run(400, 0.5 * case.rate())[short.steps], rtol=0.05)


def test_single_steps_are_exact():
    case = Bent(0.3)
    ahead = foretell(case.linearize, ZERO, PARTS, 1, case.rate(), 0.05, 300)
    assert torch.allclose(ahead.losses, case.run(1, case.rate()), rtol=1e-12)
