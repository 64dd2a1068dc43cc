"""Two values at one place, values that cannot be used, and corners."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Dirichlet, Initial, Neumann, Periodic, Robin
from sciml.errors import ArgumentError, ArgumentTypeError
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, heat, notes, poisson, stated

DISK = sciml.Disk((0.5, 0.5), 0.2)
HOLED = SQUARE - DISK
XX = lambda x: x[:, :1] ** 2  # noqa: E731


def left_part(x):
    return (x[:, 0] == 0) & (x[:, 1] < 0.3)


CONTRADICTIONS = {
    "whole and side": (
        SQUARE,
        [Dirichlet(0.0), Dirichlet(1.0, on="x=0")],
        poisson,
        r"0 from dirichlet .*1 from dirichlet:x=0 at x = 0,",
    ),
    "one name, two ways to say it": (
        SQUARE,
        [Dirichlet(0.0, on="left"), Dirichlet(1.0, on="x=0")],
        poisson,
        "at x = 0",
    ),
    "an end of an interval": (
        LINE,
        [Dirichlet(0.0), Dirichlet(2.0, on="x=1")],
        poisson,
        "0 from .*2 from .* at x = 1",
    ),
    "function and number": (SQUARE, [Dirichlet(0.0), Dirichlet(XX, on="y=1")], poisson, "y = 1"),
    "masks that overlap a little": (
        SQUARE,
        [
            Dirichlet(0.0, on=lambda x: x[:, 1] < 0.5),
            Dirichlet(1e-3, on=lambda x: x[:, 1] > 0.48),
            Neumann(0.0),
        ],
        poisson,
        "0.001 from",
    ),
    "mask on a side": (SQUARE, [Dirichlet(0.0), Dirichlet(1.0, on=left_part)], poisson, "x = 0, y = 0.[0-2]"),
    "a hole": (HOLED, [Dirichlet(0.0), Dirichlet(1.0, on=DISK)], poisson, "1 from dirichlet"),
    "penalties contradict as well": (
        SQUARE,
        [Dirichlet(0.0, hard=False), Dirichlet(1.0, on="x=0", hard=False)],
        poisson,
        "1 from",
    ),
    "two slopes": (
        SQUARE,
        [Dirichlet(0.0, on=["x=0", "y=0", "y=1"]), Neumann(0.0, on="x=1"), Neumann(1.0, on="right")],
        poisson,
        "neumann",
    ),
    "Robin that is a slope": (
        SQUARE,
        [Dirichlet(0.0, on=["x=0", "y=0", "y=1"]), Neumann(1.0, on="x=1"), Robin(0.0, 2.0, 1.0, on="x=1")],
        poisson,
        "robin",
    ),
    "one Robin condition, scaled wrongly": (
        SQUARE,
        [Robin(1.0, 2.0, 3.0), Robin(-2.0, -4.0, 6.0, on="x=0")],
        poisson,
        "robin",
    ),
    "two initial values": (
        TIME_LINE,
        [Dirichlet(0.0), Initial(0.0), Initial(lambda x: x[:, 1:])],
        heat,
        r"initial \(conditions\[1\]\).*t = 0",
    ),
    "two velocities": (
        TIME_LINE,
        [Dirichlet(0.0), Initial(0.0), Initial(0.0, order=1), Initial(1.0, order=1)],
        lambda u, x: u.d("t", "t") - u.d("x", "x"),
        "initial_t",
    ),
    "periodic and two ends": (
        SQUARE,
        [Periodic("x"), Dirichlet(0.0, on="x=0"), Dirichlet(1.0, on="x=1")],
        poisson,
        "periodic ends",
    ),
    "periodic and one function around": (SQUARE, [Periodic("x"), Dirichlet(XX)], poisson, "periodic ends"),
    "periodic and slopes": (
        SQUARE,
        [Periodic("x"), Neumann(1.0, on=["x=0", "x=1"]), Dirichlet(0.0, on=["y=0", "y=1"])],
        poisson,
        "periodic ends",
    ),
    "very small": (SQUARE, [Dirichlet(1e-12), Dirichlet(1.1e-12, on="x=0")], poisson, "1.1e-12"),
    "very large": (SQUARE, [Dirichlet(1e12), Dirichlet(1.0001e12, on="x=0")], poisson, r"1\.0001e\+12"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_two_values_at_one_place_are_refused(case):
    *problem, words = case
    with pytest.raises(ArgumentError, match="conditions need one value on one part.*" + words):
        stated(*problem).validate()


FINE = {
    "other unknowns": (SQUARE, [Dirichlet(0.0, component="a"), Dirichlet(1.0, component="b")]),
    "rounding": (SQUARE, [Dirichlet(lambda x: 0.1 + 0.2 + 0 * x[:, :1]), Dirichlet(0.3, on="x=0")]),
    "values and slopes": (LINE, [Dirichlet(0.0, on="x=0"), Neumann(1.0, on="x=0")]),
    "periodic slopes that fit": (
        SQUARE,
        [Periodic("x"), Neumann(1.0, on="x=1"), Neumann(-1.0, on="x=0"), Dirichlet(0.0, on=["y=0", "y=1"])],
    ),
    "disjoint masks": (
        SQUARE,
        [Dirichlet(0.0, on=lambda x: x[:, 1] < 0.5), Dirichlet(1.0, on=lambda x: x[:, 1] >= 0.5)],
    ),
    "inner and outer": (HOLED, [Dirichlet(0.0, on=SQUARE), Dirichlet(1.0, on=DISK)]),
    "sides of a box": (SQUARE, [Dirichlet(0.0, on=["x=0", "x=1", "y=0"]), Dirichlet(1.0, on="y=1")]),
    "one unknown, Robin and value apart": (
        SQUARE,
        [Robin(1.0, 1.0, 5.0, on="x=0"), Dirichlet(0.0, on=["x=1", "y=0", "y=1"])],
    ),
}


@pytest.mark.parametrize("case", FINE.values(), ids=FINE.keys())
def test_other_values_elsewhere_are_fine(case):
    domain, conditions = case
    if conditions[0].component:
        pair = lambda u, x: (u["a"].laplacian() - 1.0, u["b"].laplacian() - u["a"].value)  # noqa: E731
        stated(domain, conditions, pair, ("a", "b")).validate()
    else:
        stated(domain, conditions, poisson).validate()


@pytest.mark.parametrize("jump", [1e-9, 1e-3, 1.0])
@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_the_limit_is_relative_to_the_size_of_the_data(jump, size):
    problem = stated(SQUARE, [Dirichlet(size), Dirichlet(size * (1 + jump), on="x=0")], poisson)
    if jump < 1e-6:
        problem.validate()
    else:
        with pytest.raises(ArgumentError, match="one value"):
            problem.validate()


@pytest.mark.parametrize(
    "conditions",
    [
        [Dirichlet(0.0), Dirichlet(0.0, on="x=0")],
        [Dirichlet(XX), Dirichlet(lambda x: x[:, :1] * x[:, :1], on="y=1")],
        [Dirichlet(0.0, on=["x=0", "y=0", "y=1"]), Neumann(2.0, on="x=1"), Robin(0.0, 1.0, 2.0, on="right")],
        [Robin(1.0, 2.0, 3.0), Robin(-2.0, -4.0, -6.0, on="x=0")],
    ],
)
def test_the_same_twice_is_noted(conditions):
    assert any("state the same twice" in n for n in notes(SQUARE, conditions, poisson))


def test_corners_are_noted():
    lid = [Dirichlet(0.0, on=["x=0", "x=1", "y=0"], name="walls"), Dirichlet(1.0, on="y=1", name="lid")]
    (found,) = notes(SQUARE, lid, poisson)
    assert "walls (0) and lid (1) differ where their parts meet" in found
    assert "y = 1" in found
    triangle = sciml.Polygon([[0, 0], [1, 0], [0, 1]])
    first, *rest = triangle.parts
    (found,) = notes(triangle, [Dirichlet(2.0, on=first), Dirichlet(0.0, on=rest)], poisson)
    assert "differ where their parts meet" in found
    cube = sciml.Box([0, 0, 0], [1, 1, 1])
    sides = ["x=0", "x=1", "y=0", "y=1", "z=0"]
    (found,) = notes(
        cube, [Dirichlet(0.0, on=sides), Dirichlet(lambda x: x[:, :1] * x[:, 1:2], on="z=1")], poisson
    )
    assert "z = 1" in found
    meets = Dirichlet(lambda x: x[:, :1] * (1 - x[:, :1]), on="y=1")
    assert notes(SQUARE, [Dirichlet(0.0, on=["x=0", "x=1", "y=0"]), meets], poisson) == []


def test_initial_values_that_are_not_periodic_are_noted():
    (found,) = notes(TIME_LINE, [Periodic("x"), Initial(lambda x: x[:, 1:])], heat)
    assert "initial is not periodic in x: 0 at t = 0, x = 0 and 1 at t = 0, x = 1" in found


def writes(x):
    x[:, 0] = 0.0
    return x[:, :1]


def asks_for_three(x):
    first, _, _ = x.T
    return first


BAD = {
    "nan on a part": (
        lambda x: torch.where(x[:, :1] > 0.5, math.nan, 0.0),
        ArgumentError,
        "needs finite numbers, got .*nan",
    ),
    "infinite": (lambda x: 1 / (x[:, :1] * 0), ArgumentError, "needs finite numbers"),
    "two columns": (lambda x: x, ArgumentError, "shape"),
    "a fixed table": (lambda x: torch.zeros(7, 1, dtype=torch.float64), ArgumentError, "shape"),
    "rows by columns": (lambda x: x[:, :1] + x[:, 0], ArgumentError, "shape"),
    "failing": (asks_for_three, (ArgumentError, ArgumentTypeError), "ValueError|three|unpack"),
    "a word": (lambda x: "one", (ArgumentError, ArgumentTypeError), "dirichlet"),
    "nothing": (lambda x: None, (ArgumentError, ArgumentTypeError), "dirichlet"),
    "writing": (writes, ArgumentError, "writes into it"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_functions_that_cannot_be_used_are_named(case):
    value, error, words = case
    with pytest.raises(error, match="dirichlet.*" + words if words != "dirichlet" else words):
        stated(SQUARE, [Dirichlet(value)], poisson).validate()


@pytest.mark.parametrize("key", ["alpha", "beta", "value"])
def test_every_function_of_a_condition_is_called(key):
    with pytest.raises(ArgumentError, match=f"robin.*{key}.*finite"):
        stated(SQUARE, [Robin(**{key: lambda x: x[:, :1] * math.nan})], poisson).validate()
    with pytest.raises(ArgumentError, match=r"neumann.*finite"):
        stated(SQUARE, [Neumann(lambda x: x[:, :1] * math.nan)], poisson).validate()
    with pytest.raises(ArgumentError, match=r"initial.*finite"):
        stated(TIME_LINE, [Dirichlet(0.0), Initial(lambda x: x[:, :1] * math.inf)], heat).validate()


@pytest.mark.parametrize(
    "value", [lambda x: x[:, 0], lambda x: 0.5, lambda x: torch.tensor(0.5), lambda x: torch.zeros(1, 1)]
)
def test_flat_and_single_values_are_taken(value):
    stated(SQUARE, [Dirichlet(value)], poisson).validate()


@pytest.mark.parametrize(
    "condition", [Dirichlet(0.0), Neumann(0.0), Robin(1.0, 1.0, 0.0), Dirichlet(0.0, on="x=1")]
)
def test_a_condition_at_periodic_ends_is_noted(condition):
    """The whole boundary includes the periodic ends: u = 0 there is another problem than a periodic one."""
    found = [n for n in notes(SQUARE, [Periodic("x"), condition], poisson) if "ends of x, too" in n]
    assert len(found) == 1 and "on=['y=0', 'y=1']" in found[0]


@pytest.mark.parametrize(
    "domain, conditions, residual",
    [
        (SQUARE, [Periodic("x"), Dirichlet(0.0, on=["y=0", "y=1"])], poisson),
        (TIME_LINE, [Periodic("x"), Initial(0.0)], heat),
        (TIME_LINE, [Periodic("t"), Dirichlet(0.0)], heat),
        (
            LINE,
            [Periodic("x"), Dirichlet(0.0, on="x=0")],
            lambda u, x: u.d("x", "x") + torch.sin(2 * math.pi * x),
        ),
    ],
)
def test_a_condition_elsewhere_is_not(domain, conditions, residual):
    assert not any("too, where" in n for n in notes(domain, conditions, residual))
