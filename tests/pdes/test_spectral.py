"""The spectral references: layout, order of convergence, conserved quantities, and other methods."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from scipy.fft import dct, idct
from scipy.integrate import solve_ivp

from sciml import pdes
from sciml.conditions import Initial, evaluate
from sciml.pdes import allen_cahn, kdv, kuramoto_sivashinsky, reaction_diffusion
from sciml.pdes.kuramoto_sivashinsky import ALPHA, BETA, GAMMA
from sciml.pdes.references.etdrk4 import etdrk4
from sciml.pdes.references.spectral import cosine_galerkin, cosine_values, fourier_values

PROBLEMS = [
    pdes.AllenCahn(),
    pdes.KdV(),
    pdes.KuramotoSivashinsky(),
    pdes.ReactionDiffusion(),
    pdes.ReactionDiffusion(nu=0.5, rho=10.0),
]


@cache
def table(problem):
    return problem.reference().values.numpy().reshape(101, 256)


def relative(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_layout_and_start(problem):
    reference = problem.reference()
    assert reference.points.shape == (101 * 256, 2)
    assert reference.points.dtype == reference.values.dtype == torch.float64
    assert reference.floor == problem.floor
    assert problem.domain.contains(reference.points).all()
    assert torch.equal(reference.points[:, 0].reshape(101, 256)[:, 0], torch.arange(101).double() / 100)
    (start,) = [c for c in problem.conditions if isinstance(c, Initial)]
    wanted = evaluate(start.value, reference.points[:256], "start")
    torch.testing.assert_close(reference.values[:256], wanted, rtol=0, atol=1e-14)
    assert np.isfinite(table(problem)).all()
    assert abs(table(problem)[-1] - table(problem)[0]).max() > 0.1
    # neighbours across the period fit as well as neighbours inside, so the table is periodic
    jumps = abs(np.diff(table(problem)[5:], axis=1, append=table(problem)[5:, :1]))
    assert (jumps[:, -1] <= jumps[:, :-1].max(axis=1)).all()


@pytest.mark.parametrize(
    ("problem", "series", "arguments", "steps"),
    [
        (pdes.AllenCahn(), allen_cahn._series, (1e-4,), 1200),
        (pdes.KdV(), kdv._series, (256,), 4000),
        (pdes.KuramotoSivashinsky(), kuramoto_sivashinsky._series, (128,), 8000),
        (pdes.ReactionDiffusion(), reaction_diffusion._series, (5.0, 5.0), 2000),
        (pdes.ReactionDiffusion(nu=0.5, rho=10.0), reaction_diffusion._series, (0.5, 10.0), 2000),
    ],
    ids=lambda value: (
        value.__module__ if callable(value) else repr(value)
    ),  # an address differs between workers,
)
def test_floor_by_the_order_of_the_method(problem, series, arguments, steps):
    """A fourth-order method's error is a fifteenth of what half as many steps change."""
    full, half = series(*arguments, steps=steps), series(*arguments, steps=steps // 2)
    assert relative(half, full) / 15 < problem.floor
    assert 10 < relative(series(*arguments, steps=steps // 4), full) / relative(half, full) < 25
    assert abs(full[1:, -1]).max() < 0.1 * problem.floor  # enough modes


def test_kdv_conserves_mass_and_momentum():
    u = table(pdes.KdV())
    assert abs(u.mean(axis=1)).max() < 1e-14
    momentum = (u**2).mean(axis=1)  # exact: the rule with 256 points is spectral
    assert abs(momentum - 0.5).max() < 1e-8


def collocation(start, rate, t, n):
    """Fourier collocation in space and an explicit Runge-Kutta pair of order 8 in time."""
    solved = solve_ivp(rate, (0.0, t), start(n), method="DOP853", t_eval=[t], rtol=1e-10, atol=1e-11)
    return solved.y[:, -1]


def test_kdv_against_collocation():
    n, t = 192, 0.4
    k = 1j * np.pi * np.fft.rfftfreq(n, 1 / n)
    k3 = k**3

    def rate(_, u):
        a = np.fft.rfft(u)
        return np.fft.irfft(-0.5 * k * np.fft.rfft(u * u) - 0.022**2 * k3 * a)

    u = collocation(lambda n: np.cos(np.pi * (2 * np.arange(n) / n - 1)), rate, t, n)
    ours = fourier_values(kdv._series()[40:41], np.arange(n) / n)[0]
    assert relative(u, ours) < 1e-7


def test_kuramoto_sivashinsky_against_collocation():
    n, t = 192, 0.1
    k = 1j * np.fft.rfftfreq(n, 1 / n)

    def rate(_, u):
        a = np.fft.rfft(u)
        return np.fft.irfft(-0.5 * ALPHA * k * np.fft.rfft(u * u) - (BETA * k**2 + GAMMA * k**4) * a)

    x = 2 * np.pi * np.arange(n) / n
    u = collocation(lambda n: np.cos(x) * (1 + np.sin(x)), rate, t, n)
    ours = fourier_values(kuramoto_sivashinsky._series()[10:11], np.arange(n) / n)[0]
    assert relative(u, ours) < 1e-6


@pytest.mark.parametrize(("nu", "rho"), [(5.0, 5.0), (0.5, 10.0)])
def test_reaction_diffusion_against_splitting(nu, rho):
    """Second-order splitting, both halves exact (the reaction is logistic), extrapolated."""
    y = (np.arange(512) + 0.5) / 512

    def split(steps):
        u, dt = np.exp(-8 * y**2), 0.3 / steps
        for _ in range(steps):
            for kind in (0, 1, 0):
                if kind:
                    u = idct(np.exp(-nu * np.arange(512.0) ** 2 * dt) * dct(u))
                else:
                    grown = u * np.exp(rho * dt / 2)
                    u = grown / (1 - u + grown)
        return u

    coarse, fine = split(100), split(200)
    ours = cosine_values(reaction_diffusion._series(nu, rho)[30:31], y)[0]
    assert relative((4 * fine - coarse) / 3, ours) < 5e-8
    assert relative(coarse, ours) > 1e-7  # what extrapolation removes


def test_cosine_galerkin_against_a_closed_form():
    """Two solitons bound to each other, far from the ends: complex, cubic, without damping."""
    half_width, duration = 12.0, 0.5
    k = np.arange(256)
    series = cosine_galerkin(
        lambda y: 2 / np.cosh(half_width * y) + 0j,
        -0.5j * duration * (np.pi * k / half_width) ** 2,
        lambda h: 1j * duration * h * (h.real**2 + h.imag**2),
        steps=2000,
        every=2000,
    )
    x = torch.linspace(0, 4, 41, dtype=torch.float64)
    exact = pdes.Schrodinger().exact(torch.stack([torch.full_like(x, duration), x], dim=1)).numpy()
    got = cosine_values(series[-1:], x.numpy() / half_width)[0]
    assert relative(got, exact[:, 0] + 1j * exact[:, 1]) < 1e-4


@pytest.mark.parametrize("linear", [-3.0, -30.0, 2.0, 5j, 1e-9])
def test_etdrk4_on_coupled_components(linear):
    """The coupling as the nonlinear part, against the matrix exponential."""
    from scipy.linalg import expm

    matrix = np.array([[linear, 0.0], [0.0, -0.5]], dtype=complex)
    coupling = np.array([[0.0, 1.0], [0.3, 0.0]])
    start = np.array([1.0 + 0j, 2.0])
    got = etdrk4(np.diag(matrix), lambda a: coupling @ a, start, dt=1 / 200, steps=200, every=100)
    assert got.shape == (3, 2)
    np.testing.assert_array_equal(got[0], start)
    for row, t in zip(got[1:], (0.5, 1.0), strict=True):
        np.testing.assert_allclose(row, expm(t * (matrix + coupling)) @ start, rtol=1e-8)


@pytest.mark.parametrize("linear", [-1e6, -30.0, 0.0, 3e4j])
def test_etdrk4_is_exact_for_the_linear_part(linear):
    got = etdrk4(np.array([linear]), np.zeros_like, np.array([1.5 + 0j]), dt=1 / 8, steps=8, every=4)
    np.testing.assert_allclose(got[:, 0], 1.5 * np.exp(linear * np.array([0.0, 0.5, 1.0])), rtol=1e-11)
