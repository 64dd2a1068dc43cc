"""Regular singular points make no layers: the rates there are a number over the distance."""

from __future__ import annotations

import pytest

import sciml
from sciml import Dirichlet, Neumann
from sciml.solvers.placed.placed import placed_of
from tests.sciml.checks.cases import LINE, stated

LEFT = [Dirichlet(1.0, on="x=0"), Neumann(0.0, on="x=0")]
POLES = {
    "Lane and Emden": (sciml.Interval(0, 5), LEFT, lambda u, x: u.d("x", "x") + 2 / x * u.d("x") + u**5),
    "the same times x": (
        sciml.Interval(0, 5),
        LEFT,
        lambda u, x: x * u.d("x", "x") + 2 * u.d("x") + x * u**5,
    ),
    "at the right end": (
        sciml.Interval(-2, 0),
        [Dirichlet(0.0, on="x=-2"), Neumann(0.0, on="x=0")],
        lambda u, x: u.d("x", "x") + 3 / x * u.d("x") - 1,
    ),
    "Bessel, a pole of second order": (
        LINE,
        [Dirichlet(0.0, on="x=0"), Dirichlet(1.0, on="x=1")],
        lambda u, x: u.d("x", "x") + u.d("x") / x + (25 - 1 / x**2) * u,
    ),
    "Legendre, at both ends": (
        sciml.Interval(-1, 1),
        [Dirichlet(-1.0, on="x=-1"), Dirichlet(1.0, on="x=1")],
        lambda u, x: (1 - x**2) * u.d("x", "x") - 2 * x * u.d("x") + 12 * u,
    ),
    "a system": (
        LINE,
        [Dirichlet(1.0, on="x=0", component="u"), Dirichlet(0.0, on="x=0", component="v")],
        lambda u, x: (u["u"].d("x") - u["v"], u["v"].d("x") + 2 * u["v"] / x + u["u"]),
        ("u", "v"),
    ),
}


@pytest.mark.parametrize("parts", POLES.values(), ids=POLES)
def test_a_pole_is_no_layer(parts):
    assert placed_of(stated(*parts)) is None


@pytest.mark.parametrize("width", [1e-3, 1e-5])
def test_a_layer_beside_a_pole_stays(width):
    problem = stated(
        LINE,
        [Dirichlet(0.0, on="x=1"), Neumann(0.0, on="x=0")],
        lambda u, x: width**2 * (u.d("x", "x") + u.d("x") / x) - u + 1,
    )
    placed = placed_of(problem)
    assert placed is not None
    at_right = [layer.width for layer in placed.layers if layer.place == 1.0]
    assert at_right == [pytest.approx(2 * width, rel=0.05)]
