"""The separating mixture: what is conserved and what falls, convergence, and the equation by another method."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from sciml import pdes
from sciml.derivatives import AutogradSource
from sciml.pdes import cahn_hilliard
from sciml.pdes.references.spectral import cosine_values


def relative(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def test_layout_and_start():
    problem = pdes.CahnHilliard()
    reference = problem.reference()
    assert reference.points.shape == (101 * 256, 2)
    assert problem.domain.contains(reference.points).all()
    start = -torch.cos(2 * torch.pi * reference.points[:256, 1:])
    torch.testing.assert_close(reference.values[:256], start, rtol=0, atol=1e-13)


def test_mean_is_kept_and_energy_falls():
    eps = 0.05
    c = cahn_hilliard._series(eps)
    assert abs(c[:, 0]).max() < 1e-14
    x = (np.arange(2048) + 0.5) / 2048
    waves = np.pi * np.arange(c.shape[1])
    u, slope = cosine_values(c, x), -(c * waves) @ np.sin(np.outer(waves, x))
    energy = ((u**2 - 1) ** 2 / 4 + eps**2 / 2 * slope**2).mean(axis=1)
    assert (np.diff(energy) < 0).all()
    assert energy[-1] < 0.9 * energy[0]


@pytest.mark.parametrize("eps", [0.01, 0.05, 0.2])
def test_floor_by_the_order_of_the_method(eps):
    full, half = (cahn_hilliard._series(eps, steps) for steps in (2000, 1000))
    assert relative(half, full) / 15 < pdes.CahnHilliard.floor
    assert abs(full[1:, -1]).max() < 1e-12


def test_divergence_form_of_the_residual():
    """The product rule in the residual, against two nested derivatives of the potential."""
    problem = pdes.CahnHilliard(eps=0.1)
    x = problem.sample(30, seed=4)

    def u(y):
        return torch.sin(3 * y[:, 1:] + y[:, :1])

    def potential(y):
        s = u(y)
        return s**3 - s + problem.eps**2 * 9 * s  # u_xx = -9 u

    flow = AutogradSource(potential, x).second(((1, 1),))
    field = problem.field(AutogradSource(u, x))
    expected = torch.cos(3 * x[:, 1:] + x[:, :1]) - 0.01 * flow
    torch.testing.assert_close(problem.residual(field, x), expected, rtol=1e-12, atol=1e-12)


def test_against_collocation():
    """Fourier collocation in space and an implicit multistep method in time."""
    n, t, eps = 64, 1.0, 0.1
    x = 2 * np.arange(n) / n - 1
    k = np.pi * np.fft.rfftfreq(n, 1 / n)

    def rate(_, u):
        return np.fft.irfft(-0.01 * k**2 * (np.fft.rfft(u**3 - u) + eps**2 * k**2 * np.fft.rfft(u)), n)

    start = -np.cos(2 * np.pi * x)
    u = solve_ivp(rate, (0, t), start, method="LSODA", rtol=1e-10, atol=1e-12).y[:, -1]
    assert relative(u, cosine_values(cahn_hilliard._series(eps)[-1:], x)[0]) < 1e-7
