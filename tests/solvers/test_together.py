"""Problems that ask for several features at once, each against a closed form or SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import sciml

QUIET = {"progress": False, "max_steps": 200}


class Stiffness(sciml.PDE):
    """A cantilever's stiffness from its deflections: fourth order, a clamped end, an unknown coefficient."""

    domain = sciml.Interval(0, 1)
    places = torch.linspace(0.05, 0.95, 15, dtype=torch.float64)[:, None]
    stiffness = sciml.Unknown(1.0, positive=True)

    @staticmethod
    def deflection(x):
        return x**2 * (1 - x) ** 2 / 72

    @property
    def conditions(self):
        data = sciml.Data(self.places, self.deflection(self.places), noise=1e-7)
        return (sciml.Dirichlet(0.0), sciml.Neumann(0.0), data)

    def residual(self, u, x):
        return self.stiffness * u.d("x", "x", "x", "x") - 1.0


def test_stiffness_of_a_beam_from_deflections():
    solution = sciml.solve(Stiffness(), **QUIET)
    found = solution.unknown["stiffness"]
    assert found.value == pytest.approx(3.0, rel=1e-5)
    x = torch.linspace(0, 1, 33, dtype=torch.float64)[:, None]
    assert (solution(x) - Stiffness.deflection(x)).abs().max() < 1e-7


class Emissivity(sciml.PDE):
    """A rod that radiates at its end: an unknown coefficient in a general condition."""

    domain = sciml.Interval(0, 1)
    h = sciml.Unknown(1.0, positive=True)

    @property
    def conditions(self):
        h = self.h
        return (
            sciml.Dirichlet(2.0, on="x=0"),
            sciml.Condition("x=1", lambda u, x, n: u.d("x") + h * (u**4 - 1)),
            sciml.Data([[0.5]], [1.7], noise=1e-4),
        )

    def residual(self, u, x):
        return u.d("x", "x")


def test_emissivity_from_one_temperature():
    found = sciml.solve(Emissivity(), **QUIET).unknown["h"]
    assert found.value == pytest.approx(0.6 / (1.4**4 - 1), rel=1e-4)


class Pendulum(sciml.PDE):
    """Second order in time, an unknown of size 1e-6."""

    domain = sciml.TimeInterval(0, 8)
    conditions = (sciml.Initial(1e-6), sciml.Initial(0.0, order=1))

    def residual(self, u, t):
        return u.d("t", "t") + torch.sin(u.value)


def test_small_pendulum_in_windows():
    solution = sciml.solve(Pendulum(), windows="auto", progress=False)
    times = np.linspace(0, 8, 81)
    right = solve_ivp(
        lambda t, y: [y[1], -math.sin(y[0])], (0, 8), [1e-6, 0], "DOP853", times, rtol=1e-12, atol=1e-20
    ).y[0]
    assert np.linalg.norm(np.asarray(solution(times))[:, 0] - right) < 1e-8 * np.linalg.norm(right)
