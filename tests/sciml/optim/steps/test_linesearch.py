"""The line search against the strong Wolfe conditions."""

from __future__ import annotations

import math

import pytest
import torch

from sciml.optim.steps.linesearch import strong_wolfe


@pytest.mark.parametrize(
    "slope0, phi",
    [(-1.0, lambda a: (a - 3.0) ** 2 / 6.0), (-2.0, lambda a: math.exp(-2.0 * a) + 0.01 * a**2)],
)
@pytest.mark.parametrize("first", [1e-4, 1.0, 1e3])
def test_line_search_meets_the_strong_wolfe_conditions(slope0, phi, first):
    def evaluate(a):
        h = 1e-6
        return phi(a), (phi(a + h) - phi(a - h)) / (2 * h), torch.zeros(1)

    found = strong_wolfe(evaluate, phi(0.0), slope0, first)
    assert found.wolfe
    assert found.point.loss <= phi(0.0) + 1e-4 * found.point.stride * slope0
    assert abs(found.point.slope) <= 0.9 * abs(slope0) + 1e-6
