"""The Allen-Cahn reference against data of others, another discretisation, and itself with other steps."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import scipy.integrate
import scipy.sparse
import torch
from scipy.fft import dct, idct

from sciml import pdes
from sciml.pdes import allen_cahn
from tests.cases import ROOT

DATA = ROOT / "pdes" / "data" / "allen_cahn_raissi.npz"


def relative(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@cache
def table(d=1e-4):
    return pdes.AllenCahn(D=d).reference().values.numpy().reshape(101, 256)


def test_reference_layout_start_and_symmetry():
    reference = pdes.AllenCahn().reference()
    assert reference.points.shape == (101 * 256, 2)
    assert reference.values.shape == (101 * 256, 1)
    assert reference.floor == pdes.AllenCahn().floor
    assert pdes.AllenCahn().domain.contains(reference.points).all()
    x = reference.points[:256, 1]
    assert (reference.points[:256, 0] == 0).all()
    np.testing.assert_array_equal(table()[0], (x**2 * torch.cos(math.pi * x)).numpy())
    np.testing.assert_allclose(table()[:, 1:], table()[:, :0:-1], rtol=0, atol=1e-14)  # even
    assert abs(table()[-1]).max() < 1


def strang(d, points, steps):
    """Second-order splitting, both halves exact: the reaction point by point, the diffusion in cosines."""
    x = (np.arange(points) + 0.5) / points
    u, dt = x**2 * np.cos(np.pi * x), 1 / steps
    decay = np.exp(-d * (np.pi * np.arange(points)) ** 2 * dt)

    def react(u, t):  # u' = 5 (u - u^3)
        return u / np.sqrt(u**2 + (1 - u**2) * np.exp(-10 * t))

    for _ in range(steps):
        u = react(idct(decay * dct(react(u, dt / 2))), dt / 2)
    return x, u


@pytest.mark.parametrize("d", [1e-3, 1e-2])
def test_against_strang_splitting(d):
    x, coarse = strang(d, 256, 1000)
    _, fine = strang(d, 256, 2000)
    extrapolated = (4 * fine - coarse) / 3
    series = allen_cahn._series(d)[-1]
    at_x = np.cos(np.pi * np.outer(x, np.arange(len(series)))) @ series
    assert relative(fine, at_x) > 3e-8  # the splitting's own error shows, and extrapolation removes it
    assert relative(extrapolated, at_x) < 1e-8


@pytest.mark.parametrize("d", [1e-4, 1e-2])
def test_half_the_step_changes_less_than_the_floor(d):
    fine = allen_cahn._series(d, steps=2400)
    assert np.linalg.norm(allen_cahn._series(d) - fine) < pdes.AllenCahn().floor * np.linalg.norm(fine)
    assert abs(fine[1:, -1]).max() < 1e-13  # enough modes from the first kept time on


def test_against_the_data_of_raissi():
    theirs = np.load(DATA, allow_pickle=False)["u"].astype(np.float64)  # x in [0, 1]
    ours = np.concatenate([table()[:, 128:], table()[:, :1]], axis=1)
    assert relative(theirs, ours) < 3e-5  # 2.0e-5 measured, 98 % of it near the kink at x = 1 and t < 0.1
    assert relative(theirs[:, :112], ours[:, :112]) < 1e-7  # the rounding to float32


def spectral_elements(d, degree=14, width=0.01, smallest=2e-5):
    """Nodes (e, p + 1), weights of barycentric interpolation, and the diffusion matrix with a lumped mass.

    Gauss-Lobatto elements on [0, 1], halved again and again towards the kink at x = 1.
    """
    legendre = np.polynomial.legendre.Legendre.basis(degree)
    xi = np.concatenate([[-1.0], np.sort(legendre.deriv().roots().real), [1.0]])
    weight = 2 / (degree * (degree + 1) * legendre(xi) ** 2)
    gap = xi[:, None] - xi + np.eye(degree + 1)
    bary = 1 / gap.prod(axis=1)
    slope = bary / bary[:, None] / gap
    np.fill_diagonal(slope, 0.0)
    np.fill_diagonal(slope, -slope.sum(axis=1))
    edges = list(np.linspace(0, 1 - 2 * width, round(1 / width) - 1))
    while (left := 1 - edges[-1]) > smallest:
        edges.append(1 - left / 2)
    edges = np.array([*edges, 1.0])
    h = np.diff(edges)
    n = len(h) * degree + 1
    mass, stiff = np.zeros(n), scipy.sparse.lil_matrix((n, n))
    for e, size in enumerate(h):
        own = slice(e * degree, (e + 1) * degree + 1)
        mass[own] += weight * size / 2
        stiff[own, own] += slope.T @ (weight[:, None] * slope) * 2 / size
    nodes = edges[:-1, None] + (xi + 1) / 2 * h[:, None]
    return nodes, bary, (-d * scipy.sparse.diags(1 / mass) @ stiff.tocsr()).tocsc()


def test_against_spectral_elements_and_an_implicit_method():
    """Another basis, the kink resolved by small elements, and another integrator agree within the floor."""
    nodes, bary, diffuse = spectral_elements(1e-4)
    elements, degree = len(nodes), len(bary) - 1
    x = np.append(nodes[:, :-1].ravel(), 1.0)
    times = np.array([0.0, 0.01, 0.1, 0.5, 1.0])
    solved = scipy.integrate.solve_ivp(
        lambda _, u: diffuse @ u + 5 * (u - u**3),
        (0.0, 1.0),
        x**2 * np.cos(np.pi * x),
        method="Radau",
        t_eval=times,
        jac=lambda _, u: (diffuse + scipy.sparse.diags(5 - 15 * u**2)).tocsc(),
        rtol=1e-10,
        atol=1e-12,
        first_step=1e-10,
    )
    got = np.empty((len(times), 128))
    for j, place in enumerate(np.arange(1, 129) / 128):
        e = min(np.searchsorted(nodes[:, 0], place) - 1, elements - 1)
        distance = place - nodes[e]
        hit = abs(distance) < 1e-15
        weights = hit if hit.any() else bary / np.where(hit, 1.0, distance)
        got[:, j] = weights / weights.sum() @ solved.y[e * degree : (e + 1) * degree + 1]
    ours = np.concatenate([table()[:, 129:], table()[:, :1]], axis=1)[(100 * times).round().astype(int)]
    assert relative(got, ours) < pdes.AllenCahn().floor
