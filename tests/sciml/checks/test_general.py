"""General conditions: what is refused, and for what they count."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Condition, Data, Dirichlet, Initial, Neumann, Periodic
from sciml.checks.equation import Equation
from sciml.checks.general import General
from sciml.errors import SciMLError
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, heat, notes, poisson, stated

FLOW = sciml.TimeInterval(0, 1) * SQUARE
REST = Dirichlet(0.0, on=["y=0", "y=1", "x=0"])


def beam(u, x):
    return u.d("x", "x", "x", "x") - 1.0


def elasticity(u, x):
    return u["u"].laplacian(), u["v"].laplacian()


def traction(u, x, n):
    shear = u["u"].d("y") + u["v"].d("x")
    return (
        u["u"].d("x") * n[:, :1] + shear * n[:, 1:],
        shear * n[:, :1] + u["v"].d("y") * n[:, 1:],
    )


def oscillator(u, x):
    return u["u"].d("t") - u["v"], u["v"].d("t") + u["u"]


TRAINABLE = torch.nn.Parameter(torch.ones(1))
REFUSED = {
    "ignores the field": (lambda u, x: x[:, :1], "needs to depend on the field"),
    "one column ignores it": (lambda u, x: torch.cat([u.value, x[:, :1]], 1), "column 1 of it"),
    "a row met a column": (lambda u, x: u - x[:, 0], r"Did you mean x\[:, :1\]"),
    "a number": (lambda u, x: 1.0, "needs to return tensors, got float"),
    "nothing": (lambda u, x: None, "needs to return tensors, got NoneType"),
    "no parts": (lambda u, x: (), "at least one term"),
    "too few rows": (lambda u, x: u.value[1:], "one row a point"),
    "float32": (lambda u, x: u.value.float(), "needs dtype torch.float64"),
    "nan": (lambda u, x: u * math.nan, "needs finite numbers"),
    "nan at a place": (lambda u, x: u / (x[:, 1:] > 0.5), "needs finite numbers"),
    "a mean": (lambda u, x: u - u.value.mean(), "For a mean over the place write mean=True"),
    "random": (lambda u, x: u * torch.rand(()), "something random"),
    "it fails": (lambda u, x: u.d("q"), "coordinate needs one of x, y, got 'q'"),
    "it divides by zero": (lambda u, x: 1 // 0, "got ZeroDivisionError"),
    "it writes": (lambda u, x: u * x.mul_(2.0)[:, :1], "leave its argument x as it is"),
    "trainable": (lambda u, x, k=TRAINABLE: u * k, "needs to be fixed"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_residuals_that_cannot_be_used_are_named(case):
    residual, words = case
    with pytest.raises(SciMLError, match=words):
        notes(SQUARE, [REST, Condition("x=1", lambda u, x: residual(u, x))], poisson)


def test_an_unknown_component_is_named():
    with pytest.raises(SciMLError, match="'w' is not one of u"):
        notes(SQUARE, [REST, Condition("x=1", lambda u, x: u, component="w")], poisson)
    with pytest.raises(SciMLError, match="condition:nowhere: on needs a part"):
        notes(SQUARE, [REST, Condition("nowhere", lambda u, x: u)], poisson)


DETERMINED = {
    "radiation": (
        SQUARE,
        [REST, Condition("x=1", lambda u, x, n: u.d("x") * n[:, :1] + u**4 - 1.0)],
        poisson,
        ("u",),
    ),
    "a beam's ends": (
        LINE,
        [
            Dirichlet(0.0),
            Condition("x=0", lambda u, x: u.d("x")),
            Condition("x=1", lambda u, x: u.d("x", "x")),
        ],
        beam,
        ("u",),
    ),
    "traction": (
        SQUARE,
        [
            Dirichlet(0.0, component="u", on=["x=0", "y=0", "y=1"]),
            Dirichlet(0.0, component="v", on=["x=0", "y=0", "y=1"]),
            Condition("x=1", traction),
        ],
        elasticity,
        ("u", "v"),
    ),
    "a mean fixes the constant": (
        SQUARE,
        [Neumann(0.0), Condition("inside", lambda u, x: u - 2.0, mean=True)],
        lambda u, x: -u.laplacian() - torch.cos(math.pi * x[:, :1]),
        ("u",),
    ),
    "a point fixes the constant": (
        SQUARE,
        [Neumann(0.0), Condition([[0.5, 0.5]], lambda u, x: u - 2.0)],
        lambda u, x: -u.laplacian() - torch.cos(math.pi * x[:, :1]),
        ("u",),
    ),
    "a last instant": (
        TIME_LINE,
        [Dirichlet(0.0), Condition("end", lambda u, x: u - 1.0)],
        lambda u, x: u.d("t") + u.d("x", "x"),
        ("u",),
    ),
    "a general start": (
        TIME_LINE,
        [Dirichlet(0.0), Condition("start", lambda u, x: u**3 - 1.0)],
        heat,
        ("u",),
    ),
    "periodic in time": (
        TIME_LINE,
        [Dirichlet(lambda x: torch.sin(2 * math.pi * x[:, :1])), Periodic("t")],
        heat,
        ("u",),
    ),
    "coupled at the start": (
        sciml.TimeInterval(0, 1),
        [Condition("start", lambda u, x: (u["u"] * u["v"] - 1.0, u["u"] - 0.5))],
        oscillator,
        ("u", "v"),
    ),
    "points instead of sides": (
        SQUARE,
        [Condition(torch.rand(20, 2), lambda u, x: u - x[:, :1])],
        poisson,
        ("u",),
    ),
}


@pytest.mark.parametrize("case", DETERMINED.values(), ids=DETERMINED.keys())
def test_what_they_determine_gets_no_note(case):
    assert notes(*case) == []


LACKING = {
    "another side": (
        SQUARE,
        [Condition("x=1", lambda u, x: u)],
        poisson,
        ("u",),
        "no condition on u at x=0, y=0, y=1",
    ),
    "one of two at an end": (
        LINE,
        [Dirichlet(0.0), Condition("x=1", lambda u, x: u.d("x", "x"))],
        beam,
        ("u",),
        "3 conditions on u at both ends of x",
    ),
    "half a traction": (
        SQUARE,
        [
            Dirichlet(0.0, component="u", on=["x=0", "y=0", "y=1"]),
            Dirichlet(0.0, component="v", on=["x=0", "y=0", "y=1"]),
            Condition("x=1", lambda u, x, n: traction(u, x, n)[0]),
        ],
        elasticity,
        ("u", "v"),
        "no condition on v at x=1",
    ),
    "a mean is no side": (
        SQUARE,
        [Condition("x=1", lambda u, x: u, mean=True)],
        poisson,
        ("u",),
        "no condition on u at x=0",
    ),
    "slopes leave a constant": (
        SQUARE,
        [Condition(None, lambda u, x, n: n[:, :1] * u.d("x") + n[:, 1:] * u.d("y"))],
        lambda u, x: -u.laplacian() - torch.cos(math.pi * x[:, :1]),
        ("u",),
        "a constant is free in u",
    ),
    "one of two initial values": (
        TIME_LINE,
        [Dirichlet(0.0), Condition("start", lambda u, x: u - 1.0)],
        lambda u, x: u.d("t", "t") - u.d("x", "x"),
        ("u",),
        "no initial condition on u for its velocity",
    ),
}


@pytest.mark.parametrize("case", LACKING.values(), ids=LACKING.keys())
def test_what_they_leave_open_is_noted(case):
    *parts, words = case
    assert any(words in note for note in notes(*parts)), notes(*parts)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("on", ["x=1", "x=0"])
@pytest.mark.parametrize("power", [1, 4])
def test_a_flux_that_grows_the_wrong_way_is_noted(on, sign, power):
    rest = Dirichlet(1.0, on="x=0" if on == "x=1" else "x=1")
    outward = 1.0 if on == "x=1" else -1.0
    found = notes(
        LINE,
        [rest, Condition(on, lambda u, x: sign * outward * u.d("x") + u**power - 0.5)],
        lambda u, x: u.d("x", "x"),
    )
    assert [("Is the sign of the normal derivative right?" in note) for note in found] == (
        [] if sign > 0 else [True]
    )


def test_the_report_names_the_unknowns_that_they_use():
    problem = stated(
        sciml.TimeInterval(0, 1),
        [
            Condition("start", lambda u, x: (u["u"] * u["v"] - 1.0, u["u"] - 0.5)),
            Data([[0.5]], [1.0], component="u"),
        ],
        oscillator,
        ("u", "v"),
    )
    assert sciml.check(problem).conditions[0] == ("condition:start", "u, v", "penalty")
    assert [other.label for other in Equation(problem).others] == ["condition:start"]


def test_each_column_counts_for_one_unknown():
    problem = stated(SQUARE, [Condition("x=1", traction)], elasticity, ("u", "v"))
    assert General(problem, problem.conditions[0], "traction").counts == {0: 1, 1: 1}


def test_a_parameter_of_a_condition_is_not_idle():
    import dataclasses

    @dataclasses.dataclass(frozen=True)
    class Radiating(sciml.PDE):
        loss: float = 1.0
        domain = LINE

        @property
        def conditions(self):
            return [Dirichlet(1.0, on="x=0"), Condition("x=1", lambda u, x: u.d("x") + self.loss * u**4)]

        def residual(self, u, x):
            return u.d("x", "x")

    assert sciml.check(Radiating()).notes == []


def test_an_initial_condition_makes_periodicity_in_time_a_penalty():
    problem = stated(
        TIME_LINE,
        [Dirichlet(0.0), Initial(0.0), Periodic("t")],
        lambda u, x: u.d("t", "t") - u.d("x", "x") - 1.0,
    )
    assert problem.periodic_axes == () and problem.inputs == 2
    (note,) = sciml.check(problem).notes
    assert "periodic:t is a penalty term" in note


def product(u, x):
    return u["m"] * u["v"] - 2.0


@pytest.mark.parametrize("given", ["m", "v"])
def test_a_condition_on_two_unknowns_counts_for_the_one_that_lacks_it(given):
    growth = lambda u, x: (u["m"].d("t") - u["m"], u["v"].d("t") + u["v"])  # noqa: E731
    conditions = [Initial(1.0, component=given), Condition("start", product)]
    assert notes(sciml.TimeInterval(0, 1), conditions, growth, ("m", "v")) == []
    line = lambda u, x: (u["m"].d("x") - u["m"], u["v"].d("x") + u["v"])  # noqa: E731
    conditions = [Dirichlet(1.0, on="x=0", component=given), Condition("x=0", product)]
    assert notes(sciml.Interval(0, 1), conditions, line, ("m", "v")) == []
    with pytest.raises(sciml.ArgumentError, match="something that determines"):
        notes(sciml.TimeInterval(0, 1), [Initial(1.0, component=given)], growth, ("m", "v"))
