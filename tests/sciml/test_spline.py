"""Splines of tables against SciPy's, their derivatives against nested autograd, and a solve."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from scipy.interpolate import RectBivariateSpline, make_interp_spline

import sciml
from sciml import Dirichlet, Spline
from sciml.derivatives import AutogradSource
from sciml.errors import SciMLError
from sciml.expressions import evaluate_residual
from sciml.field import Field
from tests.sciml.checks.cases import stated

RNG = np.random.default_rng(0)
X, Y = np.array([0.0, 0.1, 0.35, 0.5, 0.8, 1.0, 1.1]), np.linspace(-1, 2, 9)
TABLE = RNG.standard_normal((7, 9))


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_one_coordinate_as_scipy_has_it(degree):
    ours, theirs = Spline(X, TABLE[:, 0], degree), make_interp_spline(X, TABLE[:, 0], k=degree)
    x = torch.cat([torch.from_numpy(X), torch.linspace(0, 1.1, 23, dtype=torch.float64)])[:, None]
    for order in range(degree + 1):
        wanted = torch.from_numpy(theirs(x.numpy(), order))
        torch.testing.assert_close(ours(x), wanted, rtol=1e-10, atol=1e-10 * 10.0 ** (2 * order))
        ours = ours.partial(0)
    assert float(ours(x).abs().max()) == 0.0


def test_two_coordinates_as_scipy_has_it():
    theirs = RectBivariateSpline(X, Y, TABLE)
    x = torch.rand(50, 2, dtype=torch.float64) * torch.tensor([1.1, 3.0]) - torch.tensor([0.0, 1.0])
    for orders in ((0, 0), (1, 0), (0, 2), (1, 1)):
        ours = Spline((X, Y), TABLE)
        for axis in (0, 1):
            for _ in range(orders[axis]):
                ours = ours.partial(axis)
        wanted = theirs.ev(*x.numpy().T, dx=orders[0], dy=orders[1])
        torch.testing.assert_close(ours(x)[:, 0], torch.from_numpy(wanted), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (1, 1)])
def test_derivatives_of_expressions_and_of_autograd_agree(axes):
    spline = Spline((X, Y), TABLE)
    x = torch.rand(20, 2, dtype=torch.float64) * 0.9
    by_autograd = AutogradSource(spline, x).higher(axes)

    class Owner:
        pass

    field = Field(AutogradSource(lambda y: y[:, :1], x), ("x", "y"), (0, 1))
    found = evaluate_residual(Owner(), lambda u, y: (spline(y) * 2).d(*axes) / 2, field, x)
    torch.testing.assert_close(found, by_autograd.detach(), rtol=1e-9, atol=1e-9)


def test_outside_it_is_nan():
    spline = Spline(X, TABLE[:, 0])
    assert spline(torch.tensor([[-0.01], [1.11]], dtype=torch.float64)).isnan().all()
    assert spline(torch.tensor([[0.0], [1.1], [1.1 + 1e-12]], dtype=torch.float64)).isfinite().all()


def test_float32_and_files():
    spline = pickle.loads(pickle.dumps(Spline((X, Y), TABLE)))
    x = torch.rand(5, 2)
    assert spline(x).dtype == torch.float32 and "7 x 9" in repr(spline)


WRONG = {
    "falling": (([0.0, 2.0, 1.0, 3.0], np.ones(4)), "increasing"),
    "too few": (([0.0, 1.0, 2.0], np.ones(3)), "at least 4 numbers"),
    "another shape": ((([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0]), np.ones((4, 3))), r"shape \(4, 4\)"),
    "nan": (([0.0, 1.0, 2.0, 3.0], [1.0, math.nan, 1.0, 1.0]), "finite"),
    "words": (([0.0, 1.0, 2.0, 3.0], ["a"] * 4), "array of numbers"),
    "degree": (([0.0, 1.0, 2.0, 3.0], np.ones(4), 7), "degree needs"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_tables_that_cannot_be_used_are_named(case):
    arguments, words = case
    with pytest.raises(SciMLError, match=words):
        Spline(*arguments)


def test_points_of_another_shape_are_named():
    for x, words in (
        (torch.rand(3), r"shape \(n, 2\)"),
        (torch.rand(3, 1), r"shape \(n, 2\)"),
        (1.0, "floating tensor"),
    ):
        with pytest.raises(SciMLError, match=words):
            Spline((X, Y), TABLE)(x)


def test_diffusion_with_a_table():
    """-(k u')' = f on [0, 1] with u = sin(pi x) and k = 1 + x^2 from 21 points."""
    knots = np.linspace(0, 1, 21)
    k = Spline(knots, 1 + knots**2)

    def residual(u, x):
        f = math.pi**2 * (1 + x**2) * torch.sin(math.pi * x) - 2 * math.pi * x * torch.cos(math.pi * x)
        return -sciml.div(k(x) * u.grad()) - f

    solution = sciml.solve(
        stated(sciml.Interval(0, 1), [Dirichlet(0.0)], residual), progress=False, max_steps=30
    )
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    assert float((solution(x) - torch.sin(math.pi * x)).abs().max()) < 1e-8
    assert solution.stats["notes"] == []
