"""An error over which the equation bends is told wider than the linearised equation says."""

from __future__ import annotations

import pytest
import torch

from sciml import nn
from sciml.ansatz import Trial
from sciml.conditions import Dirichlet
from sciml.domains import Interval
from sciml.solvers.estimate import estimate as estimates
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.estimate.judgement import WIDER
from tests.solvers.estimate.manufactured import Missed


class Cubic(Missed):
    """``-u'' + k u³ = f``, of which a given trial function misses the answer by ``size cos(πx/2)``."""

    domain = Interval(-1.0, 1.0)
    conditions = (Dirichlet(0.0),)

    def __init__(self, size, k):
        self.size, self.k = size, k
        self.trial = None

    def off(self, x):
        return self.size * torch.cos(torch.pi / 2 * x)

    def operator(self, u):
        return -u.d("x", "x") + self.k * u.value**3


def estimated(size, k, monkeypatch, **options):
    problem = Cubic(size, k)
    trial = Trial(problem, nn.MLP([1, 6, 1], "tanh", seed=2))
    problem.trial = trial
    x = problem.sample(2000, seed=5)
    with torch.no_grad():
        true = float(problem.off(x).norm() / (trial(x) + problem.off(x)).norm())
    found = estimate_error(problem, trial, **options)
    monkeypatch.setattr(estimates, "bends", lambda *_: False)
    return found, estimate_error(problem, trial, **options), true


@pytest.mark.parametrize("size, k", [(0.4, 500.0), (0.7, 300.0), (-0.7, 800.0), (-0.5, 800.0)])
def test_where_the_equation_bends_twice_as_much_is_said(size, k, monkeypatch):
    found, plain, true = estimated(size, k, monkeypatch)
    assert plain.value is not None and found.value is not None and plain.value > 0.1
    assert found.value == pytest.approx(max(plain.value, min(WIDER * plain.value, 1.0)))
    assert found.value > true / 3
    assert found.unknowns["u"] == pytest.approx(plain.unknowns["u"] * found.value / plain.value)


@pytest.mark.parametrize(
    "size, k, options",
    [
        (0.5, 0.0, {}),  # linear, whatever its size
        (1e-3, 300.0, {}),  # over a small error nothing bends
        (0.5, 300.0, {"asked": 1e-3}),  # above what was asked for in any case
    ],
)
def test_elsewhere_the_estimate_stays(size, k, options, monkeypatch):
    found, plain, true = estimated(size, k, monkeypatch, **options)
    assert plain.value is not None and found.value == plain.value
    assert options or found.value == pytest.approx(true, rel=0.2)
