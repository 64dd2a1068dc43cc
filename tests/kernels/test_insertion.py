"""Knots inserted: the same spline on the whole line, in every implementation, and SciPy's coefficients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from sciml.errors import ArgumentError
from sciml.kernels import LayerWeights, insert_knots, kan_jets, uniform_knots
from sciml.kernels.jets import BACKENDS
from sciml.kernels.reference import reference_jets


def whole_line(knots: np.ndarray, coef: np.ndarray, degree: int) -> BSpline:
    """SciPy's spline with its tails: it evaluates between knot ``degree`` and the last but ``degree`` alone."""
    ends = np.full(degree + 1, knots[0] - 1.0), np.full(degree + 1, knots[-1] + 1.0)
    padded = np.concatenate([ends[0], knots, ends[1]])
    zeros = np.zeros((degree + 1, *coef.shape[1:]))
    return BSpline(padded, np.concatenate([zeros, coef, zeros]), degree)


@st.composite
def knots_and_more(draw):
    """Degree, knots in eighths with repetitions, and others to insert: between, on and beyond them."""
    degree = draw(st.integers(1, 7))
    place = st.integers(-40, 40).map(lambda n: n / 8)
    knots = draw(st.lists(place, min_size=degree + 2, max_size=2 * degree + 12).map(sorted))
    if knots[0] == knots[-1]:
        knots[-1] += 1
    return degree, knots, draw(st.lists(st.integers(-60, 60).map(lambda n: n / 8), max_size=9))


@settings(max_examples=150, deadline=None)
@given(knots_and_more(), st.integers(0, 10))
def test_value_and_derivatives_stay_on_the_whole_line(case, seed):
    degree, knots, more = case
    old = torch.tensor(knots, dtype=torch.float64)
    new = torch.tensor(sorted(knots + more), dtype=torch.float64)
    rng = torch.Generator().manual_seed(seed)
    coef = torch.randn(1, len(knots) - degree - 1, 2, generator=rng, dtype=torch.float64)
    got = insert_knots(coef, old, new, degree)
    assert got.shape == (1, len(new) - degree - 1, 2)
    x = torch.cat([torch.linspace(-9, 9, 241, dtype=torch.float64) + 1e-3, old, new])
    z = torch.stack([x, torch.ones_like(x), torch.zeros_like(x)], 1)[:, :, None]
    W = torch.ones(1, 1, dtype=torch.float64)
    before, after = whole_line(old.numpy(), coef[0].numpy(), degree), LayerWeights(got, None, new, degree)
    jets = [reference_jets(z, [after], W), kan_jets(z, [after], W, backend="torch")]
    # SciPy's spline is nan beyond its own padding, and right of the last knot ours is zero at once
    x, inside = x.numpy(), (x.numpy() >= knots[0]) & (x.numpy() < knots[-1])
    for order in range(3):
        want = np.where(inside[:, None], before(np.clip(x, knots[0], knots[-1]), nu=order), 0)
        for jet in jets:
            found = np.where((x == knots[-1])[:, None], 0, jet[:, order].numpy())
            np.testing.assert_allclose(found, want, rtol=0, atol=1e-12 * max(abs(want).max(), 1e-3))


@pytest.mark.parametrize("degree", range(1, 8))
def test_coefficients_are_scipys(degree):
    knots = uniform_knots(-1.0, 1.0, 6, degree).numpy()
    coef = np.random.default_rng(degree).standard_normal((6 + degree, 3))
    spline, more = BSpline(knots, coef, degree), [-0.9, 0.2] + [0.5] * degree + [1 / 3]
    for place in more:
        spline = spline.insert_knot(place)
    got = insert_knots(
        torch.from_numpy(coef)[None], torch.from_numpy(knots), torch.from_numpy(spline.t), degree
    )
    np.testing.assert_allclose(got[0], spline.c[: len(spline.t) - degree - 1], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "backend, dtype",
    [("simd", torch.float64), ("numba", torch.float64), ("torch", torch.float64), ("torch", torch.float32)],
    ids=str,
)
def test_every_backend_takes_repeated_knots(backend, dtype):
    """A kink inside, a full knot at an end, points on both: jets and gradients are the reference's."""
    if reason := BACKENDS[backend].missing():
        pytest.skip(reason)
    rng = torch.Generator().manual_seed(0)
    even = uniform_knots(-1.0, 1.0, 4, 3, dtype=dtype)
    rows = [torch.tensor([0.25] * 3 + [1.0] * 2), torch.tensor([-1.0] * 3 + [0.0, 0.5])]
    knots = torch.stack([torch.cat([even, row.to(dtype)]).sort().values for row in rows])
    coef = torch.randn(2, knots.shape[1] - 4, 3, generator=rng, dtype=dtype).requires_grad_()
    z = torch.zeros(60, 4, 2, dtype=dtype)
    z[:, 0] = torch.rand(60, 2, generator=rng, dtype=dtype) * 4 - 2
    z[:9, 0, 0], z[:9, 0, 1] = 0.25, -1.0
    z[9:12, 0] = even[-1]
    z[:, 1:3] = torch.eye(2, dtype=dtype)
    W, base = torch.ones(1, 2, dtype=dtype), torch.randn(2, 3, generator=rng, dtype=dtype)
    g = torch.randn(60, 4, 3, generator=rng, dtype=dtype)
    found, want = (
        [y, *torch.autograd.grad(y, [coef], g)]
        for y in (
            kan_jets(z, [LayerWeights(coef, base, knots, 3)], W, backend=backend),
            reference_jets(z, [LayerWeights(coef, base, knots, 3)], W),
        )
    )
    for a, b in zip(found, want, strict=True):
        assert a.isfinite().all()
        torch.testing.assert_close(
            a, b, rtol=0, atol=200 * torch.finfo(dtype).eps * float(b.detach().abs().max())
        )


def test_what_is_no_superset_is_refused():
    coef, knots = torch.zeros(1, 4, 1), torch.arange(8.0)
    for new, words in (
        (torch.arange(8.0) + 0.5, "new_knots needs to hold every knot of knots"),
        (torch.tensor([0.0, 1, 2, 3, 4, 5, 6, 6, 9]), "new_knots needs to hold every knot"),
        (torch.arange(6.0), "new_knots needs to hold every knot"),
        (torch.arange(8.0).flip(0), "new_knots needs to be finite and non-decreasing"),
        (torch.cat([knots, torch.tensor([torch.inf])]), "new_knots needs to be finite"),
    ):
        with pytest.raises(ArgumentError, match=words):
            insert_knots(coef, knots, new, 3)
    with pytest.raises(ArgumentError, match=r"coef needs shape \(i, 4, o\)"):
        insert_knots(torch.zeros(1, 5, 1), knots, knots, 3)


def test_new_coefficients_are_averages_of_old_ones_however_uneven_the_knots_are():
    rng = np.random.default_rng(3)
    degree, old = 5, np.sort(10.0 ** rng.uniform(-9, 0, 24))
    new = np.sort(np.concatenate([old, old[:-1] + np.diff(old) / 3, 10.0 ** rng.uniform(-8, -1, 300)]))
    coef = torch.from_numpy(rng.choice([-1.0, 1.0], (1, len(old) - degree - 1, 2)))
    ones = torch.ones_like(coef)
    knots, more = torch.from_numpy(old), torch.from_numpy(new)
    found = insert_knots(torch.cat([coef, ones], -1), knots, more, degree)
    assert float(found.abs().max()) <= 1.0 + 1e-14
    within = (more[: found.shape[1]] >= knots[degree]) & (more[degree + 1 :] <= knots[-degree - 1])
    assert int(within.sum()) > 100  # where old splines add up to 1, the new coefficients of 1 are 1
    torch.testing.assert_close(
        found[0, within, 2:], torch.ones(int(within.sum()), 2).double(), rtol=0, atol=1e-14
    )
