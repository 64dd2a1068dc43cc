"""Conditions refuse bad values, and their functions may return NumPy arrays, lists and other dtypes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sciml.conditions import Data, Dirichlet, Initial, Neumann, Periodic, Robin, evaluate
from sciml.errors import ArgumentError, ArgumentTypeError


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: Dirichlet("one"), ArgumentTypeError, "number or a function"),
        (lambda: Dirichlet(math.nan), ArgumentError, "finite"),
        (lambda: Dirichlet(0.0, weight=-1), ArgumentError, "weight needs a number above 0"),
        (lambda: Neumann(0.0, hard=True), ArgumentError, "only Dirichlet, Initial and Periodic"),
        (lambda: Robin(hard=True), ArgumentError, "penalty terms"),
        (lambda: Initial(0.0, order=2), ArgumentError, "order needs an int from 0 to 1"),
        (lambda: Periodic("x", order=-1), ArgumentError, "order needs an int of at least 0"),
        (
            lambda: Data(points=[[0.0, 1.0]], values=[1.0, 2.0]),
            ArgumentError,
            r"values needs shape \(1,\) or \(1, 1\).*got \(2, 1\)",
        ),
        (lambda: Data(points=[[0.0, 1.0]], values=[math.inf]), ArgumentError, "finite"),
    ],
)
def test_conditions_refuse_bad_values(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_evaluate_takes_arrays_lists_and_other_dtypes():
    x = torch.rand(7, 2, dtype=torch.float64)
    s = x[:, :1].sin()
    for function in (
        lambda y: np.sin(np.asarray(y)[:, 0]),
        lambda y: [math.sin(v) for v in y[:, 0]],
        lambda y: torch.sin(y[:, 0]).float(),
    ):
        out = evaluate(function, x, "f")
        assert out.dtype == x.dtype and torch.allclose(out, s, atol=1e-7)
    assert torch.equal(evaluate(lambda y: 3, x, "f"), torch.full((7, 1), 3.0, dtype=torch.float64))


@pytest.mark.parametrize(
    "function, error, words",
    [
        (lambda x: 1 / 0, ArgumentError, "f needs a function of the coordinates.*ZeroDivisionError"),
        (lambda x: None, ArgumentTypeError, "f needs a function that returns real numbers, got NoneType"),
        (lambda x: "one", ArgumentTypeError, "real numbers, got str"),
        (lambda x: [[1.0], [1.0, 2.0]], ArgumentTypeError, "real numbers, got list"),
        (lambda x: x[:, :1] * 1j, ArgumentTypeError, "real numbers, got torch.complex"),
        (lambda x: x, ArgumentError, r"shape \(7, 1\) for 7 points, got \(7, 2\)"),
        (lambda x: math.sin(x[:, 0].numpy() * x), ArgumentError, "f needs a function"),
    ],
)
def test_evaluate_names_what_a_function_needs(function, error, words):
    x = torch.rand(7, 2, dtype=torch.float64, requires_grad=True)
    with pytest.raises(error, match=words) as caught:
        evaluate(function, x, "f")
    assert "detach()" not in str(caught.value)
