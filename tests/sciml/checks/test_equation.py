"""What a residual returns, and what it asks for."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import sciml
from sciml import Dirichlet, Initial
from sciml.checks.equation import Equation
from sciml.checks.probe import Waves
from sciml.derivatives import AutogradSource
from sciml.errors import ArgumentError, ArgumentTypeError, SciMLError
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, notes, poisson, stated

ZERO = [Dirichlet(0.0)]


def writes(u, x):
    x[:, 0] += 1.0
    return u.laplacian() - x[:, :1]


COLUMNS = {
    "flat coordinate": lambda u, x: u.laplacian() + x[:, 0],
    "flat sine": lambda u, x: torch.sin(x[:, 1]) * u - u.laplacian(),
    "flat unknown": lambda u, x: u.value[:, 0] - u.laplacian(),
    "one of several terms": lambda u, x: (u.laplacian(), u.d("x") * x[:, 1]),
}


@pytest.mark.parametrize("residual", COLUMNS.values(), ids=COLUMNS.keys())
def test_columns_that_met_rows_are_named(residual):
    with pytest.raises(
        ArgumentError, match=r"got shapes \(7, 7\) and \(11, 11\).*mean x\[:, :1\] where it says x\[:, 0\]"
    ):
        stated(SQUARE, ZERO, residual).validate()


def test_a_flat_source_is_named():
    flat = stated(SQUARE, ZERO, poisson, source=lambda self, x: x[:, 0])
    type(flat).residual = lambda self, u, x: -u.laplacian() - self.source(x)
    with pytest.raises(ArgumentError, match=r"source returns shape \(n,\) where it needs \(n, 1\)"):
        flat.validate()


FAILING = {
    "two lengths": (
        lambda u, x: u.laplacian() + torch.ones(3, 1),
        r"needs to run at points of shape \(7, 2\), got RuntimeError",
    ),
    "third coordinate": (lambda u, x: u.laplacian() + x[:, 2], "got IndexError"),
    "a function of math": (
        lambda u, x: u.laplacian() - math.sin(x[:, :1]),
        r"Functions of math take one number: write torch\.sin",
    ),
    "if": (lambda u, x: u.laplacian() - (1.0 if x[:, :1] > 0.5 else 0.0), r"Write torch\.where"),
    "a call": (lambda u, x: u(x) - 1.0, r"write u in the place of u\(x\)\.$"),
    "torch.autograd": (
        lambda u, x: torch.autograd.grad(u.sum(), x)[0],
        r'Derivatives of the unknown are u\.d\("x"\)',
    ),
    "no such attribute": (lambda u, x: u.laplace(), "got AttributeError"),
    "a key": (lambda u, x: {}["k"], "got KeyError"),
    "a number": (lambda u, x: 1.0, "needs to return tensors.*float"),
    "a list of numbers": (lambda u, x: [1.0], "needs to return tensors"),
    "nothing": (lambda u, x: None, "needs to return tensors.*NoneType"),
    "one value": (lambda u, x: u.laplacian().sum(), "one row a point"),
    "a fixed number of rows": (lambda u, x: u.laplacian()[:3], "one row a point"),
    "two more axes": (lambda u, x: u.laplacian()[:, None, None], "one row a point"),
    "terms by the number of points": (lambda u, x: [u.laplacian()] * len(x), "same terms"),
    "the unknown left out": (lambda u, x: x[:, :1], "does not depend on the unknown"),
    "writing into x": (writes, "writes into it"),
}


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING.keys())
def test_what_cannot_be_used_is_named(case):
    residual, words = case
    with pytest.raises(SciMLError, match="residual of Stated.*" + words):
        stated(SQUARE, ZERO, residual).validate()


@pytest.mark.parametrize(
    "residual",
    [
        lambda self, u, x, y: u.value,
        lambda self, u: u.value,
        lambda u, x: u.value,
        lambda self, u, x, *, k: u.value,
    ],
)
def test_a_wrong_signature_is_named(residual):
    problem = type("Wrong", (sciml.PDE,), {"domain": SQUARE, "conditions": ZERO, "residual": residual})()
    with pytest.raises(ArgumentTypeError, match=r"needs the signature residual\(self, u, x\)"):
        problem.validate()


@pytest.mark.parametrize(
    "residual",
    [
        lambda u, x: u.laplacian() - u.value.mean(),
        lambda u, x: u.laplacian() - torch.cumsum(u.value, 0),
        lambda u, x: u.laplacian() * x.max(),
    ],
)
def test_rows_that_follow_other_rows_are_noted(residual):
    assert any("depends on which other points come along" in n for n in notes(SQUARE, ZERO, residual))


@pytest.mark.parametrize("w", range(1, 14))
def test_a_maximum_is_noted_wherever_it_lies(w):
    found = notes(SQUARE, ZERO, lambda u, x: u.laplacian() * (2 + torch.sin(w * x[:, :1] * 3)).max())
    assert any("depends on which other points come along" in n for n in found)


def test_chance_in_a_residual_is_noted():
    found = notes(SQUARE, ZERO, lambda u, x: u.laplacian() - torch.rand_like(x[:, :1]))
    assert any("random" in n for n in found)


@pytest.mark.parametrize("m", [1e-15, 1e-6, 1.0, 1e9, 1e15, 1e20])
def test_the_size_of_a_source_does_not_matter(m):
    assert notes(LINE, ZERO, lambda u, x: -u.d("x", "x") - m) == []
    assert notes(LINE, ZERO, lambda u, x: m * u.d("x", "x") + m) == []


@pytest.mark.parametrize(
    "domain", [sciml.Interval(0, 1e-6), sciml.Interval(-1e6, 1e6), sciml.Interval(1e3, 1e3 + 1)]
)
def test_the_size_of_a_domain_does_not_matter(domain):
    assert notes(domain, ZERO, lambda u, x: -u.d("x", "x") - 1) == []


@pytest.mark.parametrize(
    "residual",
    [
        lambda u, x: u.laplacian() + torch.log(1 - u.value),
        lambda u, x: u.laplacian() - torch.sqrt(u.value - 2),
        lambda u, x: u.laplacian() + torch.where(u.value > 0.3, torch.nan, 1.0),
    ],
)
def test_a_residual_with_a_narrow_range_raises_no_alarm(residual):
    assert notes(SQUARE, ZERO, residual) == []


def test_orders_are_those_of_each_unknown():
    def residual(u, x):
        a, b = u["a"], u["b"]
        return a.d("t") - b.d("x", "x", "x"), b.d("t", "t") + a * b + 0 * a.d("x", "x")

    problem = stated(
        TIME_LINE, [Initial(0.0, component="a"), Initial(0.0, component="b")], residual, ("a", "b")
    )
    report = sciml.check(problem)
    assert report.orders == {"a": {"t": 1, "x": 0}, "b": {"t": 2, "x": 3}}
    assert report.equations == 2


def test_many_dimensions_are_grouped():
    ball = sciml.Ball([0.0] * 40, 1.0)
    problem = stated(ball, ZERO, lambda u, x: u.laplacian() + (x * u.grad()).sum(1, keepdim=True) - 1)
    equation = Equation(problem)
    assert len(equation.questions) == 3
    assert equation.space_order(0) == 2
    assert notes(ball, ZERO, lambda u, x: u.laplacian() + (x * u.grad()).sum(1, keepdim=True) - 1) == []


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (1, 1), (0, 0, 1), (1, 1, 1, 1)])
def test_the_probe_knows_its_derivatives(axes):
    low, high = torch.tensor([0.0, -2.0]).double(), torch.tensor([0.5, 3.0]).double()
    x = low + (high - low) * torch.rand(13, 2, generator=torch.Generator().manual_seed(0)).double()
    exact = AutogradSource(lambda y: Waves(y, low, high, 2, seed=3).value, x)
    got = Waves(x, low, high, 2, seed=3)
    torch.testing.assert_close(got.higher(axes), exact.higher(axes).detach(), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(got.second(((0, 0), (1, 1))), exact.second(((0, 0), (1, 1))).detach())


# ---- tensors that wait to be trained

GLOBAL = nn.Parameter(torch.tensor(2.0))


class Held(sciml.PDE):
    domain = SQUARE
    conditions = ZERO

    def __init__(self, k):
        self.k = k

    def residual(self, u, x):
        return -u.laplacian() - 1.0


class Used(Held):
    def residual(self, u, x):
        return -self.k * u.laplacian() - 1.0


def parameter():
    return nn.Parameter(torch.tensor(1.0))


def scaled(k):
    return lambda u, x: -k * u.laplacian() - 1.0


TRAINABLE = {
    "attribute": lambda: Used(parameter()),
    "not even used": lambda: Held(parameter()),
    "plain tensor": lambda: Used(torch.ones(1, requires_grad=True)),
    "module": lambda: Held(nn.Linear(2, 1)),
    "in a list": lambda: Held([1.0, parameter()]),
    "in a dict": lambda: Held({"k": nn.ParameterList([parameter()])}),
    "class attribute": lambda: type("Of", (Held,), {"D": parameter()})(1.0),
    "closure": lambda: stated(SQUARE, ZERO, scaled(parameter())),
    "global": lambda: stated(SQUARE, ZERO, lambda u, x: -GLOBAL * u.laplacian() - 1),
    "condition": lambda: stated(SQUARE, [Dirichlet(nn.Linear(2, 1).double())], poisson),
    "value of a condition": lambda: stated(SQUARE, [Dirichlet(lambda x: GLOBAL * x[:, :1])], poisson),
    "source": lambda: type("S", (Held,), {"residual": lambda self, u, x: u.laplacian() - self.source(x)})(
        1.0
    ).with_source(lambda x: GLOBAL * x[:, :1]),
}


@pytest.mark.parametrize("make", TRAINABLE.values(), ids=TRAINABLE.keys())
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_what_no_solve_would_train_is_refused(make, mode):
    problem = make()
    with mode(), pytest.raises(ArgumentTypeError, match=r"needs to be fixed, got.*one more unknown"):
        problem.validate()


def frozen():
    return nn.Linear(2, 1).double().requires_grad_(False)


def test_fixed_tensors_and_own_derivatives_are_fine():
    Used(torch.tensor(2.0)).validate()
    Used(nn.Parameter(torch.tensor(2.0), requires_grad=False)).validate()
    net = frozen()
    stated(SQUARE, [Dirichlet(net)], lambda u, x: -u.laplacian() - net(x)).validate()

    def own_gradient(u, x):
        y = x.detach().requires_grad_(True)
        (k,) = torch.autograd.grad((y**3).sum(), y, create_graph=True)
        return -u.laplacian() - k[:, :1]

    stated(SQUARE, ZERO, own_gradient).validate()
