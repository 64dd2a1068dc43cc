"""The control problem: a published value, samples of the expectation, and the radius of the points."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from sciml import pdes
from sciml.pdes.references.log_expectation import log_expectation


def at(problem, t, r):
    x = torch.zeros(1, problem.dim + 1, dtype=torch.float64)
    x[0, 0], x[0, -1] = t, r
    return problem.exact(x).item()


def test_published_value():
    """Han, Jentzen and E (2018): 4.5901, from samples."""
    assert at(pdes.HJB(dim=100), 1.0, 0.0) == pytest.approx(4.5901, abs=2e-4)


@pytest.mark.parametrize(("dim", "t", "r"), [(20, 1.0, 0.0), (20, 0.2, 3.0), (3, 0.5, 1.0)])
def test_against_samples(dim, t, r):
    rng = np.random.default_rng(0)
    z = math.sqrt(2 * t) * rng.standard_normal((100_000, dim))
    z[:, 0] += r
    values = 2 / (1 + (z**2).sum(axis=1))
    error = values.std() / math.sqrt(len(values)) / values.mean()  # of the logarithm
    assert error < 0.01
    assert abs(at(pdes.HJB(dim=dim), t, r) + math.log(values.mean())) < 4 * error


def test_in_one_dimension_by_adaptive_quadrature():
    for t, r in [(1.0, 0.0), (0.01, 2.0), (0.3, 4.0)]:
        value = quad(
            lambda z, t=t, r=r: 2 / (1 + (r + math.sqrt(2 * t) * z) ** 2) * math.exp(-z * z / 2),
            *(-12, 12),
            epsabs=1e-13,
            limit=200,
        )[0] / math.sqrt(2 * math.pi)
        assert at(pdes.HJB(dim=1), t, r) == pytest.approx(-math.log(value), abs=1e-11)


@pytest.mark.parametrize("dim", [1, 20, 100])
def test_floor_at_the_start(dim):
    """Without time left the expectation is a value."""
    square = torch.linspace(0, 16, 33, dtype=torch.float64)[:, None]
    got = log_expectation(torch.zeros_like(square), square, dim)
    torch.testing.assert_close(got, math.log(2) - torch.log1p(square), rtol=0, atol=1e-14)


def test_radius_of_the_points_is_uniform():
    x = pdes.HJB().sample(2048, seed=1)
    r = x[:, 1:].norm(dim=1).sort().values
    assert (r - 4 * (torch.arange(2048).double() + 0.5) / 2048).abs().max() < 0.1
