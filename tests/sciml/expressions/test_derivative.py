"""Derivatives of expressions against nested autograd through the same functions of x."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import sciml
from sciml.derivatives import AutogradSource, RecordingSource
from sciml.errors import ArgumentError, SciMLError
from sciml.expressions import evaluate_residual
from sciml.field import Field

NAMES = ("t", "x", "y")
SPACE = (1, 2)


def functions(x):
    """Two unknowns in closed form, ``(n, 2)``."""
    t, a, b = x[:, :1], x[:, 1:2], x[:, 2:]
    return torch.cat([1.5 + torch.sin(a + 2 * b) * torch.exp(-t), 2 + torch.cos(a * b + t)], 1)


def points(n=6):
    return torch.rand(n, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Owner:
    """What a residual belongs to."""


def traced(residual, x=None, source=None):
    x = points() if x is None else x
    source = AutogradSource(functions, x) if source is None else source
    return evaluate_residual(Owner(), residual, Field(source, NAMES, SPACE, ("u", "v")), x)


def by_autograd(expression, axes):
    """The derivative of an expression of the field by nested autograd, through the points of the field itself."""
    source = AutogradSource(functions, points())
    with torch.enable_grad():
        out = expression(Field(source, NAMES, SPACE, ("u", "v")), source.x)
        for axis in axes:
            out = out + 0 * source.x[:, :1] ** 3
            columns = []
            for j in range(out.shape[1]):
                (g,) = torch.autograd.grad(
                    out[:, j].sum(), source.x, create_graph=True, allow_unused=True, materialize_grads=True
                )
                columns.append(g[:, axis])
            out = torch.stack(columns, 1)
    return out.detach()


def k(x):
    return 1 + 0.5 * torch.sin(3 * x[:, 1:2]) * torch.cos(2 * x[:, 2:])


def assigned(u, x):
    z = torch.zeros_like(x[:, :1]) + 2.0
    return torch.where(x[:, 1:2] > 0.4, z * u["u"] ** 2, u["v"] * x[:, 2:])


EXPRESSIONS = {
    "square": lambda u, x: u["u"] ** 2,
    "a power that is not whole": lambda u, x: u["u"] ** 1.7,
    "powers of all kinds": lambda u, x: (
        u["u"] ** -1 + u["v"] ** 1 + u["u"] ** 0 + 2.0 ** u["v"] + u["u"] ** u["v"]
    ),
    "flux": lambda u, x: k(x) * u["u"].d("x"),
    "nonlinear flux": lambda u, x: (1 + u["u"] ** 2) * u["u"].d("y"),
    "sums and differences": lambda u, x: 1 - u["u"] + x[:, :1] - 3 * u["v"] - (-u["u"]) * 2,
    "wider than one operand": lambda u, x: u["u"] + x - u["v"] * x - (1 - x),
    "quotients": lambda u, x: 1 / u["u"] + u["v"] / 3 - x[:, 1:2] / u["v"] + u["u"] / (1 + x[:, :1]),
    "functions": lambda u, x: (
        torch.exp(u["u"]) + torch.log(u["v"]) + torch.sqrt(u["u"]) + torch.tanh(u["v"] * x[:, :1])
    ),
    "waves": lambda u, x: torch.sin(u["u"]) * torch.cos(x[:, 2:]) + u["u"].square(),
    "functions without a rule": lambda u, x: (
        torch.atan(u["u"]) + F.softplus(u["v"]) + torch.erf(x[:, :1] * u["u"])
    ),
    "join": lambda u, x: torch.cat([u["u"] * x[:, 1:2], u["v"], k(x)], 1),
    "stack": lambda u, x: torch.stack([u["u"][:, 0], (u["v"] * x)[:, 1], x[:, 0]], dim=1),
    "pick": lambda u, x: torch.cat([u["u"], u["v"]], 1)[:, [1, 0, 1]] * x,
    "all unknowns": lambda u, x: u.d("x") * u.value,
    "where": assigned,
    "clamp": lambda u, x: torch.clamp(u["u"], max=1.7) * torch.maximum(u["v"], x[:, :1]),
    "einsum": lambda u, x: torch.einsum("ni,nj->nij", u.value, x).reshape(len(x), -1),
    "matmul": lambda u, x: (
        torch.cat([u["u"], u["v"]], 1) @ torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=x.dtype)
    ),
    "sum and norm": lambda u, x: (
        (x * u["u"]).sum(1, keepdim=True) + torch.linalg.norm(x, dim=1, keepdim=True)
    ),
    "several results": lambda u, x: (
        torch.cat(torch.split(u.value * x[:, :1], 1, dim=1)[::-1], 1) + x.unbind(1)[0][:, None]
    ),
    "order two": lambda u, x: k(x) * u["u"].laplacian() + u["v"].d("x", "y"),
    "constants": lambda u, x: u["u"] * torch.full_like(x[:, :1], 3.0) * torch.ones(len(x), 1, dtype=x.dtype),
    "no field": lambda u, x: k(x) * torch.exp(x[:, :1]),
    "no points": lambda u, x: torch.ones_like(x[:, :1]),
    "a row of numbers": lambda u, x: (u["u"] * torch.tensor([1.0, 2.0, 3.0], dtype=x.dtype)) * x,
    "transpose": lambda u, x: (x.T * u["u"].value.T).T,
}


@pytest.mark.parametrize("axes", [(1,), (0,), (1, 2), (2, 2)], ids=str)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_derivatives(name, axes):
    expression = EXPRESSIONS[name]
    wanted = by_autograd(expression, axes)

    def residual(u, x):
        e = expression(u, x)
        return (e if isinstance(e, torch.Tensor) else e.value).d(*axes)

    found = traced(residual)
    assert type(found) is torch.Tensor
    torch.testing.assert_close(found.detach(), wanted, rtol=1e-10, atol=1e-10)


OPERATORS = {
    "div": (lambda u, x: sciml.div(k(x) * u["u"].grad()), lambda u, x: [k(x) * u["u"].d(i) for i in (1, 2)]),
    "div of a scaled one": (
        lambda u, x: sciml.div(-(2 * u["u"].grad() * k(x)) / u["v"] + x[:, 1:]),
        lambda u, x: [-(2 * u["u"].d(i) * k(x)) / u["v"].value + x[:, i : i + 1] for i in (1, 2)],
    ),
    "div of a matrix times a gradient": (
        lambda u, x: sciml.div(torch.einsum("ij,nj->ni", MATRIX, u["u"].grad())),
        lambda u, x: [sum(MATRIX[i - 1, j - 1] * u["u"].d(j) for j in (1, 2)) for i in (1, 2)],
    ),
    "div of a stack": (
        lambda u, x: sciml.div(torch.stack([u["u"][:, 0], (k(x) * u["v"])[:, 0]], -1)),
        lambda u, x: [u["u"].value, k(x) * u["v"].value],
    ),
    "div of a field": (lambda u, x: sciml.div(u), lambda u, x: [u["u"].value, u["v"].value]),
}
MATRIX = torch.tensor([[2.0, 0.3], [-0.1, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize("name", OPERATORS)
def test_divergences(name):
    residual, columns = OPERATORS[name]
    wanted = sum(by_autograd(lambda u, x, i=i: columns(u, x)[i], (SPACE[i],)) for i in (0, 1))
    torch.testing.assert_close(traced(residual).detach(), wanted, rtol=1e-10, atol=1e-10)


def test_shapes_of_operators():
    n = 6

    def shapes(u, x):
        e, both = u["u"] * k(x), u.value * k(x)
        tensor = both[:, :, None] * x[:, None, 1:]
        got = [sciml.grad(e), sciml.grad(both), sciml.div(sciml.grad(e)), sciml.div(tensor), sciml.curl(both)]
        got += [
            sciml.laplacian(e),
            sciml.laplacian(both),
            sciml.grad(u["u"]),
            sciml.laplacian(u),
            sciml.curl(u),
        ]
        assert [tuple(g.shape) for g in got] == [
            (n, 2), (n, 2, 2), (n, 1), (n, 2), (n, 1), (n, 1), (n, 2), (n, 2), (n, 2), (n, 1)
        ]  # fmt: skip
        torch.testing.assert_close(sciml.div(sciml.grad(e)), sciml.laplacian(e))
        row = sciml.div(both[:, 1:] * x[:, 1:])
        torch.testing.assert_close(sciml.div(tensor)[:, 1:], row)
        return sciml.curl(both)

    wanted = by_autograd(lambda u, x: u["v"] * k(x), (1,)) - by_autograd(lambda u, x: u["u"] * k(x), (2,))
    torch.testing.assert_close(traced(shapes).detach(), wanted, rtol=1e-10, atol=1e-10)


def test_curl_in_three_dimensions():
    """curl (k grad u) = grad k x grad u."""
    x = points()
    source = AutogradSource(functions, x)
    field = Field(source, ("x", "y", "z"), (0, 1, 2), ("u", "v"))

    def residual(u, x):
        factor = torch.sin(x[:, :1]) * x[:, 1:2] + x[:, 2:]
        left = sciml.curl(factor * u["u"].grad())
        return left - torch.linalg.cross(sciml.grad(factor), u["u"].grad())

    assert float(evaluate_residual(Owner(), residual, field, x).detach().abs().max()) < 1e-12


def test_a_divergence_asks_for_no_mixed_derivative():
    source = RecordingSource(AutogradSource(functions, points()))
    traced(lambda u, x: sciml.div(k(x) * u["u"].grad() * u["v"]), source=source)
    assert source.seconds == {((1, 1),), ((2, 2),)} and source.highers == set()


def test_higher_orders_are_asked_of_the_source():
    source = RecordingSource(AutogradSource(functions, points()))
    traced(lambda u, x: sciml.laplacian(k(x) * u["u"].laplacian()), source=source)
    assert (1, 1, 1, 1) in source.highers and (1, 1, 2, 2) in source.highers


def test_plain_residuals_are_run_as_they_are():
    seen = []

    def residual(u, x):
        seen.append((type(u), type(x)))
        return u.d("x") + x[:, :1]

    traced(residual)
    assert seen == [(Field, torch.Tensor)]


def test_an_owner_is_traced_at_once_from_the_second_time_on():
    seen, owner = [], Owner()

    def residual(u, x):
        seen.append(type(x).__name__)
        return (u["u"] * x[:, :1]).d("x")

    for _ in range(2):
        x = points()
        evaluate_residual(owner, residual, Field(AutogradSource(functions, x), NAMES, SPACE, ("u", "v")), x)
    assert seen == ["Tensor", "Traced", "Traced"]


def test_gradients_reach_parameters_through_a_derivative():
    """The reverse pass through the tangents, against that through nested autograd."""
    x, w = points(), torch.ones(3, dtype=torch.float64, requires_grad=True)

    def scaled(y):
        return functions(y * w)

    found = traced(
        lambda u, x: torch.atan((1 + u["u"] ** 2) * u["v"].d("x")).d("y"),
        source=AutogradSource(scaled, x),
        x=x,
    )
    (slope,) = torch.autograd.grad(found.square().sum(), w)
    shifts = []
    for i in range(3):
        values = []
        for h in (1e-6, -1e-6):
            moved = w.detach().clone()
            moved[i] += h
            values.append(
                traced(
                    lambda u, x: torch.atan((1 + u["u"] ** 2) * u["v"].d("x")).d("y"),
                    source=AutogradSource(lambda y, moved=moved: functions(y * moved), x),
                    x=x,
                )
                .square()
                .sum()
            )
        shifts.append((values[0] - values[1]) / 2e-6)
    torch.testing.assert_close(slope, torch.stack(shifts).detach(), rtol=1e-6, atol=1e-8)


def table(x):
    return torch.from_numpy(np.interp(x[:, 1].detach().numpy(), [0, 0.5, 1], [1.0, 2.0, 1.0]))[:, None]


def written(u, x):
    z = u["u"] * 1.0
    z[:, 0] = x[:, 1]
    return z


def view_written(u, x):
    z = u["u"] * 1.0
    e = z * 2
    z[:, 0].mul_(3.0)
    return e + z


def no_rule(u, x):
    where = torch.zeros(1, 2, 3, 2, dtype=x.dtype)
    return F.grid_sample(u["u"].value.reshape(1, 1, 2, 3), where, align_corners=False).reshape(-1, 1)


REFUSED = {
    "a NumPy table": (lambda u, x: table(x) * u["u"].d("x"), "made outside torch"),
    "an array": (lambda u, x: torch.as_tensor(np.sin(np.asarray(x[:, :1]))) * u["u"], "made outside torch"),
    "detached": (lambda u, x: x.detach()[:, :1] * u["u"], "got detach"),
    "data": (lambda u, x: x.data[:, :1] * u["u"], "got data"),
    "an assignment": (written, "__setitem__"),
    "an assignment to a view": (view_written, "written into"),
    "no forward rule": (no_rule, "grid_sample"),
    "an unknown coordinate": (lambda u, x: u["u"] * x[:, :1], "coordinate needs one of t, x, y, got 'q'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_differentiated_is_named(name):
    expression, words = REFUSED[name]
    with pytest.raises(SciMLError, match=words):
        traced(lambda u, x: expression(u, x).d("q" if name == "an unknown coordinate" else "x"))


WRONG = {
    "a number": (lambda u, x: sciml.div(1.0), "needs an expression of the field and the points, got float"),
    "another width": (
        lambda u, x: sciml.div(k(x) * u["u"]),
        r"one component for each space coordinate \(x, y\)",
    ),
    "a vector": (lambda u, x: sciml.grad((u["u"] * x)[:, 0]), r"needs shape \(n, m\)"),
    "no coordinate": (lambda u, x: (u["u"] * 2).d(), "at least one coordinate"),
    "values from elsewhere": (lambda u, x: sciml.grad(torch.ones(3, 1)), "do not know how they were made"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_operators_refuse(name):
    residual, words = WRONG[name]
    with pytest.raises(SciMLError, match=words):
        traced(residual)


def test_outside_a_residual_there_is_nothing_to_follow():
    with pytest.raises(ArgumentError, match="inside a residual"):
        sciml.div(torch.ones(3, 2))
    field = Field(AutogradSource(functions, points()), NAMES, SPACE, ("u", "v"))
    assert sciml.grad(field["u"]).shape == (6, 2)


def test_an_attribute_that_no_tensor_has_is_reported_as_it_is():
    with pytest.raises(AttributeError, match="dx"):
        traced(lambda u, x: (u["u"] * 2).dx)


def test_constant_tensors_of_many_rows_are_constants():
    e = traced(lambda u, x: (torch.full((6, 1), math.pi, dtype=x.dtype) * u["u"]).d("x"))
    torch.testing.assert_close(e, math.pi * by_autograd(lambda u, x: u["u"].value, (1,)))
