"""The splitting pulse: layout, convergence, and the equations by another method."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from sciml import pdes
from sciml.conditions import evaluate
from sciml.pdes import gray_scott
from sciml.pdes.references.spectral import cosine_values


def relative(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def test_layout_and_start():
    problem = pdes.GrayScott()
    reference = problem.reference()
    assert reference.points.shape == reference.values.shape == (101 * 256, 2)
    assert problem.domain.contains(reference.points).all()
    assert reference.points[-1, 0] == 200
    for condition in problem.conditions[1:]:
        k = problem.component(condition)
        wanted = evaluate(condition.value, reference.points[:256], "start")
        torch.testing.assert_close(reference.values[:256, [k]], wanted, rtol=0, atol=1e-11)


def test_pulse_has_split():
    v = pdes.GrayScott().reference().values[:, 1].reshape(101, 256)[-1]
    assert v[128] < 0.1 * v.max()
    assert v.argmax() not in range(108, 149)


@pytest.mark.parametrize(("feed", "kill"), [(0.025, 0.055), (0.01, 0.045), (0.08, 0.045)])
def test_floor_by_the_order_of_the_method(feed, kill):
    full, half = (gray_scott._series(feed, kill, steps) for steps in (2000, 1000))
    assert relative(half, full) / 15 < pdes.GrayScott.floor
    assert abs(full[1:, :, -1]).max() < 1e-12


def test_against_finite_differences():
    """Eighth order in space, an explicit Runge-Kutta pair of order 8 in time."""
    n, t, feed, kill = 128, 40.0, 0.025, 0.055
    x = np.arange(n) / (2 * n) - 0.25
    weights = np.array([-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560])

    def second(w):
        pairs = (weights[k] * (np.roll(w, k) + np.roll(w, -k)) for k in range(1, 5))
        return (weights[0] * w + sum(pairs)) * (2 * n) ** 2

    def rate(_, w):
        u, v = w.reshape(2, n)
        eaten = u * v * v
        return np.concatenate(
            [2e-5 * second(u) - eaten + feed * (1 - u), 1e-5 * second(v) + eaten - (feed + kill) * v]
        )

    bell = np.exp(-((x / 0.05) ** 2))
    start = np.concatenate([1 - bell / 2, bell / 4])
    solved = solve_ivp(rate, (0, t), start, method="DOP853", rtol=1e-9, atol=1e-11).y[:, -1].reshape(2, n)
    ours = cosine_values(gray_scott._series(feed, kill)[20], 4 * x)
    assert relative(solved, ours) < 1e-6
