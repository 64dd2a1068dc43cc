"""A Field in arithmetic, in torch functions and under its own derivatives."""

from __future__ import annotations

import operator

import numpy as np
import pytest
import torch

from sciml.derivatives import AutogradSource
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.field import Field

F64 = torch.float64


def points(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(3), dtype=F64) + 0.5


def pair(x: torch.Tensor) -> Field:
    """Unknowns u = x^2 and v = y^3 over x and y."""
    source = AutogradSource(lambda y: torch.cat([y[:, :1] ** 2, y[:, 1:] ** 3], 1), x)
    return Field(source, ("x", "y"), (0, 1), ("u", "v"))


@pytest.mark.parametrize(
    "function",
    [
        operator.add,
        operator.sub,
        operator.mul,
        operator.truediv,
        operator.pow,
        operator.mod,
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
    ],
)
def test_a_field_stands_for_its_value_on_either_side(function):
    u = pair(points())
    value, other = u.value, torch.full((4, 1), 0.7, dtype=F64)
    for partner in (other, 0.7, u["v"]):
        number = partner.value if isinstance(partner, Field) else partner
        assert torch.equal(function(u, partner), function(value, number))
        assert torch.equal(function(partner, u), function(number, value))
    assert not torch.equal(function(u, 0.7), value) and not torch.equal(function(0.7, u), value)


def test_matrix_products_are_those_of_the_value():
    u = pair(points())
    A = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0]], dtype=F64)
    x = points()
    by_hand = torch.stack([(A[0, k] * x[:, 0] ** 2 + A[1, k] * x[:, 1] ** 3) for k in range(3)], 1)
    torch.testing.assert_close((u @ A).detach(), by_hand)
    left = torch.tensor([[1.0, 0.0, 2.0, 0.0]], dtype=F64)
    torch.testing.assert_close((left @ u).detach(), u.value.detach()[:1] + 2 * u.value.detach()[2:3])


def test_two_fields_can_be_multiplied_as_matrices():
    u = pair(points(2))
    assert torch.equal(u @ u, u.value @ u.value)


def test_signs_and_torch_functions():
    u = pair(points())
    assert torch.equal(-u, -u.value) and torch.equal(abs(u - 1), (u.value - 1).abs())
    assert torch.equal(torch.sin(u), torch.sin(u.value)) and torch.equal(u**2 * u, u.value**3)
    assert torch.equal(torch.cat([u, u]), torch.cat([u.value, u.value]))
    assert torch.equal(u[:, 1:], u.value[:, 1:]) and u.shape == (4, 2) and u.dtype == F64


def test_derivatives_of_polynomials():
    x = points()
    u = pair(x)
    assert u["v"].value.shape == (4, 1)
    assert torch.allclose(u["v"].d("y"), 3 * x[:, 1:] ** 2)
    assert torch.allclose(u["u"].d("x", "x"), torch.full((4, 1), 2.0, dtype=F64))
    assert torch.allclose(u["v"].d("y", "y", "y"), torch.full((4, 1), 6.0, dtype=F64))
    assert torch.allclose(u.laplacian(), torch.cat([torch.full((4, 1), 2.0, dtype=F64), 6 * x[:, 1:]], 1))
    assert torch.equal(u.d(np.int64(1)), u.d("y"))
    assert u.grad().shape == (4, 2, 2) and u["u"].grad().shape == (4, 2)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda u: u.d("z"), ArgumentError, "coordinate needs one of x, y, got 'z'"),
        (lambda u: u.d(2), ArgumentError, r"coordinate needs an index from 0 to 1 \(x, y\), got 2"),
        (lambda u: u.d(-1), ArgumentError, "got -1"),
        (lambda u: u.d(1.0), ArgumentTypeError, r"coordinate needs a name or an index, got 1\.0"),
        (lambda u: u.d(True), ArgumentTypeError, "coordinate needs a name or an index, got True"),
        (lambda u: u.d(), ArgumentError, r"d\(\) needs at least one coordinate out of x, y, got none"),
        (lambda u: u["w"], ArgumentError, "component needs one of u, v, got 'w'"),
        (lambda u: u[0], ArgumentError, r"component needs one of u, v, got 0: write u\['u'\]"),
        (lambda u: list(u), ArgumentError, "component needs one of u, v, got 0"),
        (lambda u: u.d("xx"), ArgumentError, r'got \'xx\'\. A second derivative is u\.d\("x", "x"\)\.'),
        (lambda u: u.d("x", 2), ArgumentError, r'got 2\. A second derivative is u\.d\("x", "x"\)\.'),
    ],
)
def test_bad_coordinates_and_components_are_named(ask, error, message):
    with pytest.raises(error, match=message):
        ask(pair(points()))
