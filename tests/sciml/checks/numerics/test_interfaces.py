"""Corners of interfaces are named, and the error is unknown there; smooth ones are not."""

from __future__ import annotations

import pytest

import sciml
from sciml import Dirichlet, Interface
from sciml.checks.findings import undetermined
from tests.sciml.checks.cases import SQUARE, notes, stated

WIDE = sciml.Box([-1, -1], [1, 1])
TIMED = sciml.TimeInterval(0, 1) * WIDE
CUBE = sciml.Box([-1, -1, -1], [1, 1, 1])
INNER = sciml.Box([-0.5, -0.5], [0.5, 0.5])


def flux(u, x):
    return u.grad()


def poisson(u, x):
    return -u.laplacian() - 1.0


def heat(u, x):
    return u.d("t") - u.laplacian()


CORNERS = {
    "a square": (WIDE, [Interface(INNER, flux)], poisson, "near x = -0.5, y = -0.5:"),
    "a quadrant": (WIDE, [Interface(sciml.Box([0, 0], [2, 2]), flux)], poisson, "near x = 0, y = 0:"),
    "two planes": (WIDE, [Interface("x=0.25", flux), Interface("y=0", flux)], poisson, "near x = 0.25, y ="),
    "a function and a disk": (
        WIDE,
        [Interface(lambda x: x[:, :1] - x[:, 1:], flux), Interface(sciml.Disk([0, 0], 0.5), flux)],
        poisson,
        "crosses another",
    ),
    "with time": (TIMED, [Interface(INNER, flux), sciml.Initial(0.0)], heat, "x = -0.5, y = -0.5:"),
    "a solid": (CUBE, [Interface(sciml.Box([-0.5] * 3, [0.5] * 3), flux)], poisson, "has a corner"),
}
SMOOTH = {
    "a disk": (WIDE, [Interface(sciml.Disk([0, 0], 0.5), flux)], poisson),
    "a plane": (SQUARE, [Interface("x=0.5", flux)], poisson),
    "a strip": (WIDE, [Interface("x=-0.5", flux), Interface("x=0.5", flux)], poisson),
    "corners outside": (WIDE, [Interface(sciml.Box([-2, 0], [2, 3]), flux)], poisson),
    "on a line": (sciml.Interval(0, 1), [Interface("x=0.5", flux)], poisson),
}


@pytest.mark.parametrize("name", CORNERS)
def test_a_corner_is_named_and_the_error_unknown(name):
    domain, interfaces, equation, place = CORNERS[name]
    held = [Dirichlet(0.0), *interfaces]
    (note,) = [n for n in notes(domain, held, equation) if "an interface has a corner" in n]
    assert place in note
    assert "interface" in (undetermined(stated(domain, held, equation)) or "")


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_interfaces_are_not(name):
    domain, interfaces, equation = SMOOTH[name]
    held = [Dirichlet(0.0), *interfaces]
    assert not [n for n in notes(domain, held, equation) if "interface has a corner" in n]
    assert undetermined(stated(domain, held, equation)) is None


def test_unknowns_of_their_own():
    both = ("a", "b")
    interfaces = [Interface("x=0.5", flux, component="a"), Interface("y=0.5", flux, component="b")]
    held = [Dirichlet(0.0, component="a"), Dirichlet(0.0, component="b"), *interfaces]
    found = notes(SQUARE, held, lambda u, x: (u["a"].laplacian(), u["b"].laplacian()), both)
    assert not [n for n in found if "interface has a corner" in n]
