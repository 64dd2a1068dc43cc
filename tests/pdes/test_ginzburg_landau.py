"""The complex amplitude: plane waves, symmetries, convergence, and the equation by another method."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from sciml import pdes
from sciml.derivatives import AutogradSource
from sciml.pdes import ginzburg_landau
from sciml.pdes.references.spectral import cosine_values


def relative(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.parametrize(("alpha", "beta", "q"), [(1.0, -1.0, 0.6), (-2.0, 0.5, 0.9), (3.0, 3.0, 0.0)])
def test_plane_waves_satisfy_the_equation(alpha, beta, q):
    problem = pdes.GinzburgLandau(alpha=alpha, beta=beta)
    omega = beta + (alpha - beta) * q**2

    def wave(x, shift=0.0):
        phase = q * x[:, 1:] - (omega + shift) * x[:, :1]
        return (1 - q**2) ** 0.5 * torch.cat([torch.cos(phase), torch.sin(phase)], dim=1)

    x = problem.sample(50)
    for shift, low, high in [(0.0, 0.0, 1e-13), (0.1, 1e-3, 1.0)]:
        field = problem.field(AutogradSource(lambda y, shift=shift: wave(y, shift), x))
        worst = max(float(r.detach().abs().max()) for r in problem.residual_terms(field, x).values())
        assert low <= worst <= high


def test_layout_and_start():
    problem = pdes.GinzburgLandau()
    reference = problem.reference()
    assert reference.points.shape == reference.values.shape == (101 * 256, 2)
    assert problem.domain.contains(reference.points).all()
    start = torch.stack([torch.exp(-(reference.points[:256, 1] ** 2) / 2), torch.zeros(256)], dim=1)
    torch.testing.assert_close(reference.values[:256], start.double(), rtol=0, atol=1e-14)


def test_conjugate_equation_has_the_conjugate_solution():
    plus, minus = pdes.GinzburgLandau(2.0, -1.0).reference(), pdes.GinzburgLandau(-2.0, 1.0).reference()
    torch.testing.assert_close(plus.values * torch.tensor([1.0, -1.0]), minus.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, -1.0), (-3.0, 3.0), (3.0, 3.0)])
def test_floor_by_the_order_of_the_method(alpha, beta):
    full, half = (ginzburg_landau._series(alpha, beta, steps) for steps in (2000, 1000))
    assert relative(half, full) / 15 < pdes.GinzburgLandau.floor
    assert abs(full[1:, -1]).max() < 1e-12


def test_against_collocation():
    """Fourier collocation in space and an explicit Runge-Kutta pair of order 8 in time."""
    n, t, alpha, beta = 128, 2.0, 1.0, -1.0
    x = 20 * np.arange(n) / n - 10
    k = 2 * np.pi * np.fft.fftfreq(n, 20 / n)

    def rate(_, w):
        a = w[:n] + 1j * w[n:]
        new = a - (1 + 1j * beta) * abs(a) ** 2 * a + (1 + 1j * alpha) * np.fft.ifft(-(k**2) * np.fft.fft(a))
        return np.concatenate([new.real, new.imag])

    start = np.concatenate([np.exp(-(x**2) / 2), np.zeros(n)])
    w = solve_ivp(rate, (0, t), start, method="DOP853", rtol=1e-9, atol=1e-11).y[:, -1]
    ours = cosine_values(ginzburg_landau._series(alpha, beta)[50:51], x / 10)[0]
    assert relative(w[:n] + 1j * w[n:], ours) < 1e-7
