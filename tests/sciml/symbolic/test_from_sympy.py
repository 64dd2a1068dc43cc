"""Equations of SymPy as problems: the residual against SymPy's own derivatives, at any order; what is refused by name."""

from __future__ import annotations

import pytest
import sympy
import torch
from sympy import Eq, Function, Rational, cos, exp, pi, sin, sqrt, symbols

import sciml
from sciml import nn
from sciml.derivatives import AutogradSource
from sciml.errors import ArgumentError, ArgumentTypeError, MissingPackageError
from sciml.symbolic import translate

x, y, t, k = symbols("x y t k")
u, v = Function("u"), Function("v")
SQUARE = sciml.Box([0, 0], [1, 1], names=("x", "y"))
FIXED = [sciml.Dirichlet(0.0)]

EQUATIONS = [
    -u(x, y).diff(x, 2) - u(x, y).diff(y, 2) + k * u(x, y) ** 3 - sqrt(2) * exp(1),
    u(x, y).diff(x, 3).diff(y) + u(x, y) * u(x, y).diff(y) - k * sin(pi * x) * cos(y),
    u(x, y).diff(y, 2, x, 2) + 2 * u(x, y).diff(x, 4) - sympy.Abs(u(x, y)) / (1 + x**2),
    (k * (1 + x) * u(x, y).diff(x)).diff(x) + u(x, y).diff(y),
    (u(x, y) ** 2 * u(x, y).diff(y)).diff(x) - Rational(1, 3) * sympy.tanh(u(x, y)),
    u(x, y).diff(x) - sympy.Piecewise((x, x < Rational(1, 2)), (y * u(x, y), True)),
]


def at(problem, function, points):
    """The residual of a torch function at points."""
    terms = problem.residual_terms(problem.field(AutogradSource(function, points)), points)
    return torch.cat(list(terms.values()), dim=1).detach()


@pytest.mark.parametrize("equation", EQUATIONS, ids=str)
def test_the_residual_is_that_of_sympy(equation):
    """A smooth function is put in: by SymPy in its equation, by autograd in float64 in ours."""
    smooth = sin(2 * x + y) + x**3 * y**2 + 2
    problem = sciml.from_sympy(Eq(equation, 0), SQUARE, FIXED, {"k": 0.7} if equation.has(k) else None)
    points = problem.domain.sample(7, seed=1)
    put = equation.subs(k, 0.7).subs(u(x, y), smooth).doit()
    expected = [float(put.subs({x: a, y: b})) for a, b in points.tolist()]

    def function(z):
        a, b = z[:, :1], z[:, 1:]
        return torch.sin(2 * a + b) + a**3 * b**2 + 2

    assert at(problem, function, points)[:, 0].tolist() == pytest.approx(expected, rel=1e-11, abs=1e-11)


def test_a_system_has_an_equation_each_and_its_order_can_be_given():
    one, other = u(t, x).diff(t) - v(t, x), v(t, x).diff(t) - u(t, x).diff(x, 2)
    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    problem = sciml.from_sympy([one, other], domain, [], unknowns=("v", "u"))
    assert problem.unknowns == ("v", "u")
    points = domain.sample(5)

    def function(z):  # v, u
        a, b = z[:, :1], z[:, 1:]
        return torch.cat([a * b, a**2 * b**3], dim=1)

    a, b = points[:, 0], points[:, 1]
    expected = torch.stack([2 * a * b**3 - a * b, b - 6 * a**2 * b], dim=1)
    assert torch.allclose(at(problem, function, points), expected, rtol=1e-12, atol=1e-13)


def test_it_is_solved_as_the_same_problem_in_python():
    class Reaction(sciml.PDE):
        domain = SQUARE
        conditions = FIXED

        def residual(self, field, points):
            return -field.laplacian() + 2.0 * field**3 - 1.0

    symbolic = sciml.from_sympy(
        -u(x, y).diff(x, 2) - u(x, y).diff(y, 2) + k * u(x, y) ** 3 - 1, SQUARE, FIXED, {"k": 2}
    )
    options = {"points": 40, "max_steps": 8, "progress": False}
    one = sciml.solve(symbolic, nn.MLP([2, 6, 1]), **options)
    other = sciml.solve(Reaction(), nn.MLP([2, 6, 1]), **options)
    z = SQUARE.sample(20)
    assert torch.allclose(one(z), other(z), rtol=1e-6, atol=1e-9)
    assert r"\frac{\partial^{2}}{\partial x^{2}}" in one.card()
    assert one.card() == one._repr_html_()
    assert "equation" not in other.card()


def test_parameters_are_fields_and_may_be_unknown():
    equation = -u(x, y).diff(x, 2) - k * u(x, y) - 1
    problem = sciml.from_sympy(equation, SQUARE, FIXED, {"k": 2.0}, name="Helmholtz")
    assert repr(problem) == "Helmholtz(k=2.0)"
    assert problem.with_parameters(k=3.0).parameters() == {"k": 3.0}
    assert set(problem.family(k=[1.0, 2.0])) == {"k=1.0", "k=2.0"}
    inverse = sciml.from_sympy(equation, SQUARE, FIXED, {"k": sciml.Unknown(1.0)}).with_data(
        sciml.Data([[0.5, 0.5], [0.25, 0.5], [0.1, 0.2]], [[0.1], [0.08], [0.03]], noise=0.01)
    )
    solution = sciml.solve(inverse, nn.MLP([2, 4, 1]), points=25, max_steps=2, progress=False)
    assert set(solution.unknown) == {"k"}


def test_symbols_are_known_by_their_names():
    s = symbols("x", positive=True)
    problem = sciml.from_sympy(u(s, y).diff(s) - s, SQUARE, FIXED)
    points = SQUARE.sample(3)
    found = at(problem, lambda z: z[:, :1] ** 2, points)
    assert torch.allclose(found, points[:, :1])


@pytest.mark.parametrize(
    ("equation", "options", "message"),
    [
        ("u_xx = 1", {}, "needs equations or expressions of SymPy"),
        ([], {}, "at least one equation"),
        (x - 1, {}, "unknowns needs the functions of the equations (none)"),
        (u(x).diff(x) - 1, {}, "needs u(x, y), the coordinates of the domain in their order, got u(x)"),
        (u(y, x).diff(x) - 1, {}, "needs u(x, y)"),
        (u(x, y).diff(x) - u(x - 1, y), {}, "got u(x - 1, y)"),
        (u(x, y).diff(x) - symbols("kapa"), {"parameters": {"kappa": 1.0}}, "'kappa', which is in none"),
        (u(x, y).diff(x) - symbols("kapa") * k, {"parameters": {"k": 1.0}}, "got kapa in"),
        (u(x, y).diff(x) - k, {}, "symbols that are coordinates or parameters (x, y), got k"),
        (u(x, y).diff(x) - sympy.besselj(0, x), {}, "got besselj: besselj(0, x)"),
        (u(x, y).diff(x) - sympy.I, {}, "got ImaginaryUnit"),
        (u(x, y).diff(x) - sympy.Integral(u(x, y), x), {}, "got Integral"),
        (u(x, y).diff(x).subs(x, 0) - 1, {}, "got Subs"),
        (u(x, y).diff(x) - k, {"parameters": {"k": "2"}}, "needs numbers, got k = '2'"),
        (u(x, y).diff(x) - x, {"parameters": {"x": 2.0}}, "got 'x', which has a meaning already"),
        (u(x, y).diff(x) - 1, {"unknowns": ("v",)}, "functions of the equations (u), got v"),
    ],
    ids=str,
)
def test_what_cannot_be_translated_is_named(equation, options, message):
    with pytest.raises((ArgumentError, ArgumentTypeError)) as refused:
        sciml.from_sympy(equation, SQUARE, FIXED, **options)
    assert message in str(refused.value)


def test_without_sympy_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(translate, "sympy", None)
    with pytest.raises(MissingPackageError, match=r'pip install "sciml-kan\[symbolic\]"'):
        sciml.from_sympy(u(x, y).diff(x), SQUARE, FIXED)
