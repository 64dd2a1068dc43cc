"""Sides, first instants and unknowns that nothing is stated about."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml import Data, Dirichlet, Initial, Neumann, Periodic, Robin
from sciml.errors import ArgumentError
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, heat, notes, poisson, stated

DISK = sciml.Disk((0.5, 0.5), 0.2)
TIME = sciml.TimeInterval(0, 1)
FLOW = sciml.TimeInterval(0, 1) * sciml.Box([0, 0], [1, 1])
XT = sciml.Box([0, 0], [1, 1], names=("t", "x"))  # time as a coordinate like any other
BAR = sciml.Box([0, 0], [3, 1])
CAN = sciml.Disk((0, 0), 1) * sciml.Interval(0, 2, "z")
TRIANGLE = sciml.Polygon([[0, 0], [1, 0], [0, 1]])


def upper_half(x):
    return x[:, 1] > 0.5


def wave(u, x):
    return u.d("t", "t") - u.d("x", "x")


def beam(u, x):
    return u.d("x", "x", "x", "x") - 1.0


def mixed_beam(u, x):
    return u["w"].d("x", "x") - u["m"].value, u["m"].d("x", "x") - 1.0


def stokes(u, x):
    return (
        -u["u"].laplacian() + u["p"].d("x") - x[:, 1:],
        -u["v"].laplacian() + u["p"].d("y"),
        u["u"].d("x") + u["v"].d("y"),
    )


def plane_poisson(u, x):
    return u.d("x", "x") + u.d("y", "y") - x[:, 2:]


def marching(u, x):
    return u.d("z") - u.d("x", "x") - u.d("y", "y")


def both(name, value=0.0, **more):
    return Dirichlet(value, component=name, **more)


DETERMINED = {
    "a parameter beside a disk": (CAN, [Dirichlet(0.0, on="circle")], plane_poisson),
    "a parameter beside an interval": (
        sciml.Box([0, 1], [1, 2], names=("x", "k")),
        [Dirichlet(0.0, on=["x=0", "x=1"])],
        lambda u, x: u.d("x", "x") - x[:, 1:],
    ),
    "first order along a cylinder": (
        CAN,
        [Dirichlet(0.0, on="circle"), Dirichlet(0.0, on="z=0")],
        marching,
    ),
    "square": (SQUARE, [Dirichlet(0.0)], poisson),
    "square, one side by its slope": (
        SQUARE,
        [Dirichlet(0.0, on=["x=0", "y=0", "y=1"]), Neumann(1.0, on="x=1")],
        poisson,
    ),
    "Robin around": (SQUARE, [Robin(1.0, 1.0, 0.0)], poisson),
    "masks that fill a side": (
        SQUARE,
        [
            Dirichlet(0.0, on=["x=0", "y=0", "y=1"]),
            Dirichlet(0.0, on=lambda x: (x[:, 0] == 1) & (x[:, 1] < 0.5)),
            Neumann(0.0, on=lambda x: (x[:, 0] == 1) & (x[:, 1] >= 0.5)),
        ],
        poisson,
    ),
    "periodic one way": (SQUARE, [Periodic("x"), Dirichlet(0.0, on=["y=0", "y=1"])], poisson),
    "square minus disc": (
        SQUARE - DISK,
        [Dirichlet(0.0, on=SQUARE), Neumann(0.0, on="circle")],
        poisson,
    ),
    "triangle": (TRIANGLE, [Dirichlet(0.0)], poisson),
    "first order at its start": (LINE, [Dirichlet(1.0, on="x=0")], lambda u, x: u.d("x") + u),
    "first order at its end": (LINE, [Dirichlet(1.0, on="x=1")], lambda u, x: u.d("x") + u),
    "second order from one end": (LINE, [Dirichlet(0.0, on="x=0"), Neumann(1.0, on="x=0")], poisson),
    "beam": (
        LINE,
        [Dirichlet(0.0), Neumann(0.0)],
        beam,
    ),
    "ordinary in time": (TIME, [Initial(1.0)], lambda u, x: u.d("t") + u),
    "oscillator": (TIME, [Initial(1.0), Initial(0.0, order=1)], lambda u, x: u.d("t", "t") + u),
    "heat": (TIME_LINE, [Dirichlet(0.0), Initial(0.0)], heat),
    "heat, time as a coordinate": (XT, [Dirichlet(0.0, on=["t=0", "x=0", "x=1"])], heat),
    "wave": (TIME_LINE, [Dirichlet(0.0), Initial(0.0), Initial(0.0, order=1)], wave),
    "wave, time as a coordinate": (
        XT,
        [Dirichlet(0.0, on=["x=0", "x=1"]), Dirichlet(0.0, on="t=0"), Neumann(0.0, on="t=0")],
        wave,
    ),
    "advection with a free outflow": (
        TIME_LINE,
        [Dirichlet(0.0, on="x=0"), Initial(0.0)],
        lambda u, x: u.d("t") + 2 * u.d("x"),
    ),
    "advection to the left": (
        TIME_LINE,
        [Dirichlet(0.0, on="x=1"), Initial(0.0)],
        lambda u, x: u.d("t") - 2 * u.d("x"),
    ),
    "inviscid Burgers": (
        TIME_LINE,
        [Dirichlet(0.0, on="x=0"), Initial(0.0)],
        lambda u, x: u.d("t") + u * u.d("x"),
    ),
    "advection in a plane": (
        FLOW,
        [Dirichlet(0.0, on=["x=0", "y=1"]), Initial(0.0)],
        lambda u, x: u.d("t") + u.d("x") - u.d("y"),
    ),
    "third order": (
        TIME_LINE,
        [Dirichlet(0.0), Neumann(0.0, on="x=1"), Initial(0.0)],
        lambda u, x: u.d("t") + u * u.d("x") + u.d("x", "x", "x"),
    ),
    "measurements alone": (
        SQUARE,
        [Data(torch.rand(30, 2).numpy(), torch.rand(30).numpy())],
        poisson,
    ),
    "a fit": (SQUARE, [], lambda u, x: u - x[:, :1]),
}
DETERMINED_SYSTEMS = {
    "cantilever": (
        LINE,
        [
            both("w", on="x=0"),
            Neumann(0.0, on="x=0", component="w"),
            both("m", on="x=1"),
            Neumann(0.0, on="x=1", component="m"),
        ],
        mixed_beam,
        ("w", "m"),
    ),
    "clamped, all on one unknown": (
        LINE,
        [both("w"), Neumann(0.0, component="w")],
        mixed_beam,
        ("w", "m"),
    ),
    "clamped plate": (
        SQUARE,
        [both("w"), Neumann(0.0, component="w")],
        lambda u, x: (u["w"].laplacian() - u["m"].value, u["m"].laplacian() - 1.0),
        ("w", "m"),
    ),
    "clamped plate, with an unknown of first order": (
        SQUARE,
        [both("w"), Neumann(0.0, component="w"), Data([[0.0, 0.0]], [0.0], component="p")],
        lambda u, x: (
            u["w"].laplacian() - u["m"].value,
            u["m"].laplacian() - u["p"].d("x"),
            u["p"].d("x") + u["p"].d("y") - u["w"].value,
        ),
        ("w", "m", "p"),
    ),
    "Stokes": (
        SQUARE,
        [both("u"), both("v"), Data([[0.0, 0.0]], [0.0], component="p")],
        stokes,
        ("u", "v", "p"),
    ),
    "Stokes in a triangle": (
        TRIANGLE,
        [both("u"), both("v"), Data([[0.0, 0.0]], [0.0], component="p")],
        stokes,
        ("u", "v", "p"),
    ),
    "first-order system": (
        LINE,
        [both("u")],
        lambda u, x: (u["s"] - u["u"].d("x"), u["s"].d("x") - 1.0),
        ("u", "s"),
    ),
    "first-order waves": (
        TIME_LINE,
        [both("u"), Initial(0.0, component="u"), Initial(0.0, component="v")],
        lambda u, x: (u["u"].d("t") - u["v"].d("x"), u["v"].d("t") - u["u"].d("x")),
        ("u", "v"),
    ),
    "unknown coefficient": (
        TIME_LINE,
        [
            both("u"),
            Initial(0.0, component="u"),
            Data(torch.rand(30, 2).numpy(), torch.rand(30).numpy(), component="u"),
        ],
        lambda u, x: (
            u["u"].d("t") - u["D"] * u["u"].d("x", "x"),
            u["D"].d("x"),
            u["D"].d("t"),
        ),
        ("u", "D"),
    ),
    "differential and algebraic": (
        TIME,
        [Initial(1.0, component="u")],
        lambda u, x: (u["u"].d("t") + u["v"].value, u["v"] - u["u"].value),
        ("u", "v"),
    ),
}


@pytest.mark.parametrize("case", DETERMINED.values(), ids=DETERMINED.keys())
def test_no_alarm_where_a_problem_is_determined(case):
    assert notes(*case) == []


@pytest.mark.parametrize("case", DETERMINED_SYSTEMS.values(), ids=DETERMINED_SYSTEMS.keys())
def test_no_alarm_where_a_system_is_determined(case):
    assert notes(*case) == []


BARE = {
    "a disk's rim beside a parameter": (
        CAN,
        [Dirichlet(0.0, on=["z=0", "z=2"])],
        plane_poisson,
        "no condition on u at circle (67 %",
    ),
    "a lid of a cylinder": (
        CAN,
        [Dirichlet(0.0, on=["circle", "z=0"])],
        poisson,
        "no condition on u at z=2",
    ),
    "a cylinder that nothing enters": (
        CAN,
        [Dirichlet(0.0, on="circle")],
        marching,
        "no condition on u at z=0, z=2",
    ),
    "one side of a square": (
        SQUARE,
        [Dirichlet(0.0, on=["x=0", "y=0", "y=1"])],
        poisson,
        "no condition on u at x=1 (25 % of the boundary)",
    ),
    "a short side counts by its length": (
        BAR,
        [Dirichlet(0.0, on=["x=0", "y=0", "y=1"])],
        poisson,
        "no condition on u at x=3 (12 % of the boundary)",
    ),
    "left side alone": (SQUARE, [Dirichlet(0.0, on="left")], poisson, "no condition on u at x=1"),
    "half of a side": (
        SQUARE,
        [Dirichlet(0.0, on=["x=0", "y=0", "y=1"]), Neumann(0.0, on=lambda x: (x[:, 0] == 1) & upper_half(x))],
        poisson,
        "at part of x=1 (1",
    ),
    "second order with one condition": (LINE, [Dirichlet(0.0, on="x=0")], poisson, "at x=1 (50 %"),
    "a hole": (SQUARE - DISK, [Dirichlet(0.0, on=SQUARE)], poisson, "no condition on u at circle (24 %"),
    "an edge of a triangle": (
        TRIANGLE,
        [Dirichlet(0.0, on=list(TRIANGLE.parts[:2]))],
        poisson,
        TRIANGLE.parts[2],
    ),
    "a disc by measurements of one point": (
        DISK,
        [Data([[0.5, 0.5]], [1.0])],
        poisson,
        "no condition on u at circle (100 %",
    ),
    "heat with one end": (
        TIME_LINE,
        [Dirichlet(0.0, on="x=0"), Initial(0.0)],
        heat,
        "no condition on u at x=1 (50 %",
    ),
    "heat, time as a coordinate, no start": (
        XT,
        [Dirichlet(0.0, on=["x=0", "x=1"])],
        heat,
        "no condition on u at t=0, t=1",
    ),
    "beam with two conditions": (LINE, [Dirichlet(0.0)], beam, "2 conditions on u at both ends of x"),
    "nothing where the flow enters": (
        TIME_LINE,
        [Dirichlet(0.0, on="x=1"), Initial(0.0)],
        lambda u, x: u.d("t") + 2 * u.d("x"),
        "no condition on u at x=0, where the flow enters",
    ),
    "a flow with no side given": (
        TIME_LINE,
        [Initial(0.0)],
        lambda u, x: u.d("t") + 2 * u.d("x"),
        "no condition on u at x=0",
    ),
    "no initial condition": (
        TIME_LINE,
        [Dirichlet(0.0)],
        lambda u, x: heat(u, x) - 1.0,
        "no initial condition on u for its value",
    ),
    "no initial velocity": (TIME_LINE, [Dirichlet(0.0), Initial(0.0)], wave, "its velocity (order=1)"),
    "no initial value beside a velocity": (
        TIME_LINE,
        [Dirichlet(0.0), Initial(0.0, order=1)],
        wave,
        "for its value,",
    ),
    "mixed derivative in time": (
        TIME_LINE,
        [Dirichlet(0.0)],
        lambda u, x: u.d("t", "x") - u.d("x", "x"),
        "no initial condition on u",
    ),
    "two values for first order": (
        LINE,
        [Dirichlet(0.0, on="x=0"), Dirichlet(5.0, on="x=1")],
        lambda u, x: u.d("x") - 1.0,
        "2 conditions on u, whose equation has order 1: they may contradict",
    ),
    "a velocity for heat": (
        TIME_LINE,
        [Dirichlet(0.0), Initial(0.0), Initial(1.0, order=1)],
        heat,
        "they may contradict",
    ),
}


@pytest.mark.parametrize("case", BARE.values(), ids=BARE.keys())
def test_what_lacks_a_condition_is_noted(case):
    *problem, words = case
    found = notes(*problem)
    assert any(words in note for note in found), found


def test_each_unknown_of_a_system_is_looked_at():
    pair = lambda u, x: (u["a"].laplacian() - u["b"].value, u["b"].laplacian() - 1.0)  # noqa: E731
    (found,) = notes(SQUARE, [both("a"), both("b", on=["x=0", "x=1", "y=0"])], pair, ("a", "b"))
    assert "no condition on b at y=1 (25 %" in found
    (found,) = notes(
        TIME,
        [Initial(0.0, component="a")],
        lambda u, x: (u["a"].d("t") - u["b"].value, u["b"].d("t") + u["a"].value),
        ("a", "b"),
    )
    assert "no initial condition on b" in found


def test_one_note_names_all_sides():
    (found,) = notes(SQUARE, [Dirichlet(0.0, on="left")], poisson)
    assert found.startswith("no condition on u at x=1, y=0, y=1 (75 % of the boundary)")


@pytest.mark.parametrize("shift", [0.3, 0.62, 0.9])
def test_the_share_is_that_of_the_part(shift):
    on = lambda x: (x[:, 0] < 1) | (x[:, 1] < shift)  # noqa: E731
    (found,) = notes(SQUARE, [Dirichlet(0.0, on=on)], poisson)
    share = float(found.split("(")[1].split(" %")[0])
    assert share == pytest.approx(25 * (1 - shift), abs=1.5)


@pytest.mark.parametrize("domain", [LINE, SQUARE, TRIANGLE, TIME_LINE, SQUARE - DISK], ids=repr)
def test_nothing_at_all_is_refused(domain):
    with pytest.raises(ArgumentError, match="determines u, got no boundary or initial condition and no Data"):
        stated(domain, [], poisson).validate()


def test_an_unknown_by_itself_needs_conditions_of_its_own():
    apart = lambda u, x: (u["a"].laplacian() - 1.0, u["b"].laplacian() - 1.0)  # noqa: E731
    with pytest.raises(ArgumentError, match="determines b, got"):
        stated(SQUARE, [both("a")], apart, ("a", "b")).validate()


def test_unknowns_and_equations_are_counted():
    with pytest.raises(ArgumentError, match="uses 'b', which no condition names"):
        stated(SQUARE, [both("a")], lambda u, x: u["a"].laplacian() - 1.0, ("a", "b")).validate()
    found = notes(SQUARE, [both("a"), both("b")], lambda u, x: u["a"].laplacian() - 1.0, ("a", "b"))
    assert any("no equation uses the unknown 'b'" in n for n in found)
    found = notes(
        SQUARE,
        [both("a"), both("b")],
        lambda u, x: (u["a"] * u["b"]).value if 0 else u["a"].laplacian() + u["b"].laplacian(),
        ("a", "b"),
    )
    assert any("1 equation(s) for 2 unknowns" in n for n in found)
    with pytest.raises(ArgumentError, match="term 'second' does not depend on the unknown"):
        stated(SQUARE, [Dirichlet(0.0)], lambda u, x: {"first": poisson(u, x), "second": x[:, :1]}).validate()


@pytest.mark.parametrize(
    ("space", "held", "equation", "named"),
    [
        (SQUARE, [Dirichlet(0.0), Neumann(1.0, on="x=0")], poisson, ["dirichlet and neumann:x=0", "at x=0,"]),
        (
            SQUARE,
            [
                Dirichlet(0.0, on=["x=0", "x=1", "y=0"]),
                Robin(1.0, 1.0, 0.0, on="y=1"),
                Neumann(0.0, on="y=1"),
            ],
            poisson,
            ["robin:y=1 and neumann:y=1", "at y=1,"],
        ),
        (
            TRIANGLE,
            [Dirichlet(0.0), Neumann(1.0, on="edge1")],
            poisson,
            ["dirichlet and neumann:edge1", "at edge1,"],
        ),
        (
            SQUARE,
            [Dirichlet(0.0), Neumann(1.0, on=lambda x: x[:, 0] + x[:, 1] < 0.5)],
            poisson,
            ["x=0, y=0,"],
        ),
        (SQUARE, [Dirichlet(0.0, on=["x=0", "x=1"]), Neumann(0.0, on=["y=0", "y=1"])], poisson, None),
        (SQUARE, [Dirichlet(0.0), Neumann(0.0)], lambda u, x: u.biharmonic() - 1.0, None),
        (SQUARE, [Dirichlet(0.0, on="x=0"), Dirichlet(0.0, on="x=0")], poisson, None),
    ],
    ids=["value and slope", "robin", "triangle", "mask", "one each", "plate", "twice the same"],
)
def test_several_conditions_at_one_place(space, held, equation, named):
    found = [n for n in notes(space, held, equation) if "hold together" in n]
    assert len(found) == (named is not None)
    assert all(part in found[0] for part in named or [])
