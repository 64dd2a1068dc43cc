"""The density of an Ornstein-Uhlenbeck process: its mass and moments, and particles that are followed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sciml import pdes


def density(problem, t, n=4001):
    x = torch.linspace(-4, 4, n, dtype=torch.float64)
    return x, problem.exact(torch.stack([torch.full_like(x, t), x], dim=1))[:, 0]


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_mass_and_moments(t):
    x, p = density(pdes.FokkerPlanck(), t)
    step = 8 / 4000  # the trapezoidal rule is spectral here
    assert float(p.sum() * step) == pytest.approx(1.0, abs=1e-6)
    assert float((x * p).sum() * step) == pytest.approx(math.exp(-t), abs=1e-6)
    variance = 0.5 + (1 / 16 - 0.5) * math.exp(-2 * t)
    assert float((x**2 * p).sum() * step) == pytest.approx(variance + math.exp(-2 * t), abs=1e-5)


def test_particles_that_are_followed():
    """Euler-Maruyama, 40,000 particles, 200 steps: the share in each of some bins."""
    rng = np.random.default_rng(1)
    x = 1 + 0.25 * rng.standard_normal(40_000)
    for _ in range(200):
        x += -x / 200 + math.sqrt(1.0 / 200) * rng.standard_normal(len(x))
    places, p = density(pdes.FokkerPlanck(), 1.0)
    edges = np.linspace(-2, 2, 9)
    share = np.histogram(x, edges)[0] / len(x)
    expected = np.histogram(places.numpy(), edges, weights=p.numpy() * 8 / 4000)[0]
    assert abs(share - expected).max() < 0.01 < expected.max() / 10


def test_tails_at_the_ends_are_small():
    for end in (0, -1):
        assert float(density(pdes.FokkerPlanck(), 1.0)[1][end]) < 1e-5
