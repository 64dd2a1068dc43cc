"""B-splines by definition, against SciPy and against laws they obey."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from sciml.errors import ArgumentError
from sciml.kernels import bspline_basis, greville, local_basis, refine, uniform_knots
from sciml.kernels.bspline import find_cell
from sciml.kernels.taylor_table import spline_table


def some_knots(kind: str, degree: int) -> torch.Tensor:
    if kind == "uniform":
        return uniform_knots(-1.0, 1.0, 7, degree)
    if kind == "clamped":
        inner = torch.linspace(-1, 1, 6, dtype=torch.float64)
        return torch.cat([inner[:1].expand(degree), inner, inner[-1:].expand(degree)])
    rng = torch.Generator().manual_seed(degree)
    knots = torch.sort(torch.rand(2 * degree + 9, generator=rng, dtype=torch.float64) * 3 - 1.5).values
    if kind == "repeated" and degree >= 2:
        knots[degree + 4] = knots[degree + 3]
    return knots


def dense(values: torch.Tensor, cell: torch.Tensor, degree: int, count: int) -> torch.Tensor:
    """Local values written out for all basis functions."""
    out = torch.zeros(*cell.shape, count, dtype=values.dtype)
    for j in range(degree + 1):
        index = cell - degree + j
        known = (index >= 0) & (index < count)
        place = index.clamp(0, count - 1).unsqueeze(-1)
        out.scatter_add_(-1, place, torch.where(known, values[..., j], 0).unsqueeze(-1))
    return out


@pytest.mark.parametrize("kind", ["uniform", "clamped", "random", "repeated"])
@pytest.mark.parametrize("degree", range(8))
def test_values_and_derivatives_are_scipys(kind, degree):
    knots = some_knots(kind, degree)
    count = len(knots) - degree - 1
    # SciPy and we differ on purpose outside the base interval, and at its end
    x = torch.linspace(float(knots[degree]), float(knots[count]), 201, dtype=torch.float64)[:-1]
    for order in range(degree + 1):
        eye = BSpline(knots.numpy(), np.eye(count), degree)
        want = eye(x.numpy(), nu=order)
        got = bspline_basis(x, knots, degree, order)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * max(1, abs(want).max()))
        values, cell = local_basis(x, knots, degree, order)
        local = dense(values[:, order], cell, degree, count)
        np.testing.assert_allclose(local, want, rtol=0, atol=1e-10 * max(1, abs(want).max()))
    assert (bspline_basis(x, knots, degree, degree + 1) == 0).all()


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_autograd_gives_the_derivatives(degree):
    knots = uniform_knots(0.0, 1.0, 4, degree)
    x = torch.rand(9, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: bspline_basis(x, knots, degree), x)
    assert torch.autograd.gradcheck(lambda x: local_basis(x, knots, degree, 1)[0], x)
    for order in range(degree):
        value = bspline_basis(x, knots, degree, order)[:, 2]
        (slope,) = torch.autograd.grad(value.sum(), x)
        torch.testing.assert_close(slope, bspline_basis(x, knots, degree, order + 1)[:, 2])


def test_where_points_are_odd():
    knots = uniform_knots(0.0, 1.0, 4, 2, dtype=torch.float32)
    x = torch.tensor([torch.nan, torch.inf, -torch.inf, 99.0, float(knots[0]), float(knots[-1])])
    for order in range(4):
        for basis in (bspline_basis(x, knots, 2, order), local_basis(x, knots, 2, order)[0][:, order]):
            assert basis[0].isnan().all()
            assert (basis[1:4] == 0).all()
            assert basis[4:].isfinite().all()
    clamped = some_knots("clamped", 3)
    ends = bspline_basis(clamped[[0, -1]], clamped, 3)
    torch.testing.assert_close(ends[0], torch.eye(8, dtype=torch.float64)[0])
    torch.testing.assert_close(ends[1], torch.eye(8, dtype=torch.float64)[-1])


def test_cells_are_right_continuous():
    knots = uniform_knots(-1.0, 1.0, 10, 3)
    inside = knots[:-1]
    assert find_cell(inside, knots).tolist() == list(range(16))
    assert find_cell(torch.nextafter(inside[1:], inside[:-1]), knots).tolist() == list(range(15))
    assert find_cell(torch.tensor([torch.nan, 9.0, -9.0], dtype=torch.float64), knots).tolist() == [
        17,
        16,
        16,
    ]
    assert find_cell(knots[-1], knots) == 15  # closed at the end
    step = bspline_basis(knots[:-1], knots, 0)
    torch.testing.assert_close(step, torch.eye(16, dtype=torch.float64))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 7),
    st.integers(1, 40),
    st.floats(-1e3, 1e3),
    st.floats(1e-3, 1e3),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_the_fast_cell_search_agrees(degree, grid, lower, width, dtype):
    knots = uniform_knots(lower, lower + width, grid, degree, dtype=dtype)
    if not (knots[1:] > knots[:-1]).all():
        return  # float32 cannot tell these knots apart
    table = spline_table(knots, 1, degree, dtype)
    rng = torch.Generator().manual_seed(grid)
    x = knots[0] + (knots[-1] - knots[0]) * (torch.rand(200, generator=rng, dtype=dtype) * 1.2 - 0.1)
    near = torch.cat([knots, torch.nextafter(knots, knots + 1), torch.nextafter(knots, knots - 1), x])
    assert (table.cell(near[:, None])[:, 0] == find_cell(near, knots)).all()


@pytest.mark.parametrize("degree", [1, 2, 3, 6])
def test_partition_of_unity_and_greville(degree):
    knots = uniform_knots(-2.0, 3.0, 9, degree)
    x = torch.linspace(-2, 3, 77, dtype=torch.float64)
    basis = bspline_basis(x, knots, degree)
    torch.testing.assert_close(basis.sum(-1), torch.ones_like(x))
    torch.testing.assert_close(basis @ greville(knots, degree), x)


@pytest.mark.parametrize("degree", [0, 1, 3, 5])
def test_refine_is_exact_on_nested_knots(degree):
    rng = torch.Generator().manual_seed(3)
    lower = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    coarse, fine = uniform_knots(lower, lower + 2, 5, degree), uniform_knots(lower, lower + 2, 15, degree)
    coef = torch.randn(3, 5 + degree, 4, generator=rng, dtype=torch.float64)
    new = refine(coef, coarse, fine, degree)
    x = lower + 2 * torch.rand(60, 3, generator=rng, dtype=torch.float64)
    before = torch.einsum("nik,iko->nio", bspline_basis(x, coarse, degree), coef)
    after = torch.einsum("nik,iko->nio", bspline_basis(x, fine, degree), new)
    torch.testing.assert_close(after, before, rtol=1e-12, atol=1e-12)
    assert new.shape == (3, 15 + degree, 4)


def test_one_knot_vector_an_input_and_one_for_all():
    x = torch.rand(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    shared = uniform_knots(0.0, 1.0, 4, 3)
    each = shared.expand(3, -1)
    torch.testing.assert_close(bspline_basis(x, shared, 3), bspline_basis(x, each, 3))
    torch.testing.assert_close(local_basis(x, shared, 3, 2)[0], local_basis(x, each, 3, 2)[0])


def test_arguments_are_checked():
    x = torch.zeros(3)
    with pytest.raises(ArgumentError, match="degree needs"):
        bspline_basis(x, torch.arange(5.0), -1)
    with pytest.raises(ArgumentError, match="at least degree"):
        bspline_basis(x, torch.arange(5.0), 4)
    with pytest.raises(ArgumentError, match="derivative needs"):
        bspline_basis(x, torch.arange(5.0), 2, -1)
    with pytest.raises(ArgumentError, match="lower needs to be below"):
        uniform_knots(1.0, 1.0, 3, 2)
    with pytest.raises(ArgumentError, match="grid needs"):
        uniform_knots(0.0, 1.0, 0, 2)
    with pytest.raises(ArgumentError, match="coef needs shape"):
        refine(torch.zeros(1, 3, 1), torch.arange(9.0), torch.arange(9.0), 2)
    for knots, pair in (
        ([0, 2, 1, 3], "2.0 before 1.0"),
        ([0, 1, 2, torch.inf], "2.0 before inf"),
        ([0, torch.nan, 2], "nan"),
    ):
        with pytest.raises(ArgumentError, match=f"non-decreasing along its last axis, got .*{pair}"):
            spline_table(torch.tensor(knots), 1, 1, torch.float64)
