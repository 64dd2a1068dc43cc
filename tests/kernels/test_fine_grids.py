"""Splines on thousands of cells: right, and in memory that grows with the grid and not with its square."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline, make_lsq_spline

from sciml.kernels import LayerWeights, bspline_basis, kan_jets, local_basis, refine, uniform_knots
from sciml.kernels.banded import banded_least_squares
from sciml.kernels.bspline import local_taylor
from sciml.kernels.jets import BACKENDS
from sciml.kernels.taylor_table import spline_table


def some_knots(kind: str, degree: int, grid: int = 9) -> torch.Tensor:
    knots = uniform_knots(torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 3.0]), grid, degree)
    if kind == "uniform":
        return knots
    rng = torch.Generator().manual_seed(degree)
    knots = torch.sort(torch.rand(knots.shape, generator=rng, dtype=torch.float64), -1).values
    if kind == "repeated":
        knots[:, degree + 2] = knots[:, degree + 3]
    if kind == "clamped":
        knots[:, : degree + 1], knots[:, -degree - 1 :] = knots[:, :1], knots[:, -1:]
    return knots


@pytest.mark.parametrize("kind", ["uniform", "random", "repeated", "clamped"])
@pytest.mark.parametrize("degree", [0, 1, 3, 6])
def test_the_band_holds_all_that_is_not_zero(kind, degree):
    knots = some_knots(kind, degree)
    count, cells = knots.shape[1] - degree - 1, knots.shape[1] - 1
    centres = (knots[:, :-1] + knots[:, 1:]) / 2
    band = local_taylor(knots, degree)
    assert band.shape == (2, cells, degree + 1, degree + 1)
    filled = knots[:, 1:] > knots[:, :-1]
    for p in range(degree + 1):
        dense = bspline_basis(centres, knots[:, None], degree, p)
        for cell in range(cells):
            first = cell - degree
            there = [r for r in range(degree + 1) if 0 <= first + r < count]
            want = torch.where(filled[:, cell, None], dense[:, cell, [first + r for r in there]], 0)
            torch.testing.assert_close(band[:, cell, p, there], want, rtol=1e-13, atol=0)
            missing = [r for r in range(degree + 1) if r not in there]
            assert (band[:, cell, p, missing] == 0).all()
            dense[:, cell, [first + r for r in there]] = 0
        assert (dense[filled] == 0).all()


@pytest.mark.parametrize("degree", [1, 3])
def test_a_table_and_its_transpose(degree):
    knots = some_knots("random", degree)
    table = spline_table(knots, 2, degree, torch.float64)
    rng = torch.Generator().manual_seed(1)
    coef = torch.randn(2, 9 + degree, 5, generator=rng, dtype=torch.float64).requires_grad_()
    taylor = table.taylor(coef)
    centres = table.centres[:, :-2].T
    for p in range(degree + 1):
        want = torch.einsum("nik,iko->ino", bspline_basis(centres, knots, degree, p), coef)
        torch.testing.assert_close(taylor[:, :-2, p], want, rtol=1e-12, atol=1e-12)
    assert (taylor[:, -2:] == 0).all()
    g = torch.randn(taylor.shape, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(table.coefficients(g), torch.autograd.grad(taylor, coef, g)[0])


@pytest.mark.parametrize("backend", ["simd", "numba", "torch"])
def test_two_thousand_cells_are_scipys(backend):
    if reason := BACKENDS[backend].missing():
        pytest.skip(reason)
    knots = uniform_knots(-torch.ones(2), torch.ones(2), 2000, 3)
    rng = torch.Generator().manual_seed(0)
    coef = torch.randn(2, 2003, 1, generator=rng, dtype=torch.float64)
    z = torch.zeros(301, 4, 2, dtype=torch.float64)
    z[:, 0] = torch.rand(301, 2, generator=rng, dtype=torch.float64) * 2 - 1
    z[:, 1:3] = torch.eye(2, dtype=torch.float64)
    got = kan_jets(
        z, [LayerWeights(coef, None, knots, 3)], torch.ones(1, 2, dtype=torch.float64), backend=backend
    )
    splines = [BSpline(knots[i].numpy(), coef[i, :, 0].numpy(), 3) for i in range(2)]
    value, first, second = (
        np.stack([spline(z[:, 0, i].numpy(), nu=order) for i, spline in enumerate(splines)], 1)
        for order in range(3)
    )
    want = np.stack([value.sum(1), first[:, 0], first[:, 1], second.sum(1)], 1)
    scale = abs(want).max(0)  # a second derivative is a million times the value
    np.testing.assert_allclose(got[:, :, 0].numpy() / scale, want / scale, rtol=0, atol=1e-11)


MEMORY = """
import resource, torch
from sciml.kernels import LayerWeights, kan_jets, local_basis, refine, uniform_knots
rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
knots, finer = (uniform_knots(-torch.ones(2), torch.ones(2), grid, 3) for grid in (2000, 2500))
coef, z = torch.ones(2, 2003, 1, dtype=torch.float64), torch.zeros(5, 1, 2, dtype=torch.float64)
# the machinery itself is paid for on a coarse grid
coarse = [LayerWeights(coef[:, :6], None, uniform_knots(-torch.ones(2), torch.ones(2), 3, 3), 3)]
kan_jets(z, coarse, backend="torch"), refine(coef[:, :6], coarse[0].knots, knots[:, :10], 3)
before = rss()
kan_jets(z, [LayerWeights(coef, None, knots, 3)], backend="torch")
local_basis(z[:, 0], knots, 3, 2)
refine(coef, knots, finer, 3)
print(rss() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="units of ru_maxrss differ")
def test_memory_of_a_fine_grid():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100  # MiB; one dense table alone has 245


@pytest.mark.parametrize("degree", [0, 2, 3])
def test_refining_by_least_squares_is_scipys(degree):
    rng = np.random.default_rng(degree)
    old, new = uniform_knots(0.0, 1.0, 40, degree), uniform_knots(0.0, 1.0, 23, degree)
    coef = torch.from_numpy(rng.standard_normal((1, 40 + degree, 1)))
    got = refine(coef, old, new, degree)[0, :, 0].numpy()
    half = np.arange(degree + 1) + 0.5
    node = (1 - np.cos(half * np.pi / (degree + 1))) / 2
    inner = new.numpy()[degree : len(new) - degree]
    x = (inner[:-1, None] + np.diff(inner)[:, None] * node).ravel()
    want = make_lsq_spline(x, BSpline(old.numpy(), coef[0, :, 0].numpy(), degree)(x), new.numpy(), degree).c
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-9 * abs(want).max())


def test_banded_least_squares_is_dense_least_squares():
    rng = torch.Generator().manual_seed(0)
    blocks = torch.randn(3, 6, 5, 4, generator=rng, dtype=torch.float64)
    rhs = torch.randn(3, 6, 5, 2, generator=rng, dtype=torch.float64)
    dense = torch.zeros(3, 6, 5, 9, dtype=torch.float64)
    for cell in range(6):
        dense[:, cell, :, cell : cell + 4] = blocks[:, cell]
    want = torch.linalg.lstsq(dense.flatten(1, 2), rhs.flatten(1, 2)).solution
    torch.testing.assert_close(banded_least_squares(blocks, rhs), want, rtol=1e-12, atol=1e-12)
    blocks[..., -1, :, 3] *= 1e-20  # nothing but rounding determines the last unknown
    x = banded_least_squares(blocks, rhs)
    assert (x[:, -1] == 0).all()
    want = torch.linalg.lstsq(
        torch.where(torch.arange(9) < 8, dense, 0).flatten(1, 2)[..., :8], rhs.flatten(1, 2)
    ).solution
    torch.testing.assert_close(x[:, :-1], want, rtol=1e-12, atol=1e-12)


def test_local_basis_on_a_fine_grid():
    knots = uniform_knots(0.0, 1.0, 3000, 2)
    x = torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values, cell = local_basis(x, knots, 2)
    want = bspline_basis(x, knots, 2)
    picked = torch.stack([want[n, c - 2 : c + 1] for n, c in enumerate(cell.tolist())])
    torch.testing.assert_close(values[:, 0], picked, rtol=0, atol=1e-11)
