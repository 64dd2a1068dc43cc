"""The Cole-Hopf quadrature against data of others, a series in 120 digits, and itself with other nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.io
import torch

from sciml import pdes
from sciml.pdes.references.cole_hopf import cole_hopf
from tests.cases import ROOT

DATA = ROOT / "pdes" / "data" / "burgers_shock.mat"


def series(t: float, x: float, nu: float) -> float:
    """Cole-Hopf with the heat equation solved by a Fourier series; its coefficients are Bessel functions."""
    mp = pytest.importorskip("mpmath").mp
    with mp.workdps(
        120
    ):  # phi at x = 0 is exp(-1/(π nu)) of its maximum, and the series has to cancel down to it
        z, nu, t, x = 1 / (2 * mp.pi * mp.mpf(nu)), mp.mpf(nu), mp.mpf(t), mp.mpf(x)
        phi, slope, n = mp.besseli(0, z), mp.mpf(0), 1
        while True:
            a = 2 * (-1) ** n * mp.besseli(n, z) * mp.exp(-nu * (n * mp.pi) ** 2 * t)
            phi += a * mp.cos(n * mp.pi * x)
            slope -= a * n * mp.pi * mp.sin(n * mp.pi * x)
            if abs(a) < mp.mpf(10) ** -110 * abs(phi):
                return float(-2 * nu * slope / phi)
            n += 1


@pytest.mark.parametrize("nu", [0.3, 0.05, 0.01 / math.pi])
def test_against_a_series_in_many_digits(nu):
    points = [(0.0, 0.3), (0.013, -0.2), (0.31, 0.004), (0.5, 0.05), (1.0, -0.001), (1.0, 0.7), (1.0, 1.0)]
    expected = torch.tensor([series(t, x, nu) for t, x in points], dtype=torch.float64)
    got = pdes.Burgers(nu=nu).exact(torch.tensor(points, dtype=torch.float64))[:, 0]
    assert (got - expected).norm() <= 10 * pdes.Burgers(nu=nu).floor * expected.norm()


def test_against_the_data_of_raissi():
    data = scipy.io.loadmat(DATA)
    t, x = np.meshgrid(data["t"].ravel(), data["x"].ravel())
    u = pdes.Burgers().exact(torch.from_numpy(np.stack([t.ravel(), x.ravel()], axis=1)))
    expected = torch.from_numpy(data["usol"].reshape(-1, 1))
    assert (u - expected).norm() <= 5e-12 * expected.norm()  # 2.9e-12 measured, the error of the file


@pytest.mark.parametrize("nu", [1e-5, 1e-4, 1e-3, 0.01 / math.pi, 0.1, 1.0])
def test_more_nodes_change_nothing(nu, monkeypatch):
    x = torch.cartesian_prod(torch.linspace(0, 1, 11), torch.linspace(-1, 1, 41)).double()
    u = pdes.Burgers(nu=nu).exact(x)
    one_by_one = torch.cat(
        [cole_hopf(p[:1, None], p[1:, None], nu) for p in x[::7]]
    )  # its own nodes for each time
    assert (u[::7] - one_by_one).norm() <= 10 * pdes.Burgers(nu=nu).floor * u.norm()
    monkeypatch.setattr("sciml.pdes.references.cole_hopf.ROWS_TIMES_NODES", 1000)
    torch.testing.assert_close(pdes.Burgers(nu=nu).exact(x), u, rtol=0, atol=1e-15)  # in pieces


def test_symmetry_start_and_shock():
    problem = pdes.Burgers()
    x = torch.cartesian_prod(torch.linspace(0, 1, 7), torch.linspace(0, 1, 33)).double()
    mirrored = x * torch.tensor([1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(problem.exact(x), -problem.exact(mirrored), rtol=0, atol=1e-14)
    start = x[x[:, 0] == 0]
    torch.testing.assert_close(problem.exact(start), -torch.sin(math.pi * start[:, 1:]), rtol=0, atol=1e-15)
    # the steepest slope and its time, known from Basdevant et al. (1986), Computers and Fluids 14, table 1
    at = torch.tensor([[1.6037 / math.pi, 0.0]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(problem.exact(at).sum(), at)
    assert gradient[0, 1].item() == pytest.approx(-152.00516, abs=1e-4)


def test_float32_points_get_float32_values():
    x = torch.tensor([[0.5, 0.1], [1.0, -0.9]])
    u = pdes.Burgers().exact(x)
    assert u.dtype == torch.float32
    torch.testing.assert_close(u.double(), pdes.Burgers().exact(x.double()), rtol=1e-6, atol=0)


def test_no_points():
    assert pdes.Burgers().exact(torch.zeros(0, 2, dtype=torch.float64)).shape == (0, 1)
