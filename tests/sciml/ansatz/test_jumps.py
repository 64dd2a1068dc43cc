"""Data that contradict each other: what carries them, where nothing does, and that conditions stay exact."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Box, Dirichlet, Disk, Initial, Interval, Neumann, Polygon, Robin, TimeInterval
from sciml.ansatz import Ansatz
from sciml.ansatz.corners import corners, growing
from sciml.corners.jumps import AngleJump, StartJump
from sciml.derivatives import AutogradSource, DetachedSource

LINE = TimeInterval(0, 0.5) * Interval(0, 1)
PLANE = TimeInterval(0, 0.5) * Box([0, 0], [1, 2])
SQUARE = Box([0, 0], [1, 1])


def stated(space, held, equation=None, names=("u",)):
    class Stated(sciml.PDE):
        domain = space
        conditions = tuple(held)
        unknowns = names

        def residual(self, u, x):
            if equation is not None:
                return equation(u, x)
            return u.laplacian() if space.time_axis is None else u.d("t") - u.laplacian()

    return Stated()


def jump(problem):
    return Ansatz(problem)._parts[0].jump


@pytest.mark.parametrize(
    "held",
    [
        [Initial(0.0), Dirichlet(1.0)],
        [
            Initial(lambda x: torch.sin(x[:, 1:])),
            Dirichlet(lambda x: 2 + x[:, :1], on="x=0"),
            Dirichlet(0.5, on="x=1"),
        ],
        [Initial(1.0), Dirichlet(0.0, on="x=0"), Neumann(0.0, on="x=1")],
    ],
)
def test_conditions_on_a_line_are_exact(held):
    problem = stated(LINE, held)
    ansatz = Ansatz(problem)
    assert isinstance(ansatz._parts[0].jump, StartJump)
    assert not [c for c in ansatz.soft if not isinstance(c, Neumann)]
    t = torch.tensor([[1e-4], [0.2], [0.5]], dtype=torch.float64)
    for c in held:
        if isinstance(c, Initial):
            x = torch.tensor([[0.0, 0.1], [0.0, 0.77]], dtype=torch.float64)
        elif isinstance(c, Dirichlet):
            ends = [0.0, 1.0] if c.on is None else [float(c.on[2:])]
            x = torch.cat([torch.cat([t, torch.full_like(t, end)], 1) for end in ends])
        else:
            continue
        expected = c.value(x) if callable(c.value) else torch.full_like(x[:, :1], c.value)
        torch.testing.assert_close(ansatz.offset(x), expected, rtol=0, atol=1e-12)
        assert float(ansatz.factor(x).abs().max()) < 1e-12


def test_what_is_left_of_the_equation_is_bounded_in_the_corner():
    """Drift and decay too: the half-space knows them."""
    problem = stated(
        LINE,
        [Initial(0.0), Dirichlet(1.0)],
        lambda u, x: 2.0 * (u.d("t") - 0.3 * u.d("x", "x") + 0.8 * u.d("x") + 0.5 * u.value),
    )
    left, right = (rise for rise in jump(problem).rises if rise.kind == "step")
    assert (left.space.diffusion, left.space.drift, left.space.decay) == pytest.approx((0.3, 0.8, 0.5))
    assert right.space.drift == pytest.approx(-0.8)
    x = torch.tensor([[10.0**-k, 0.4 * 10.0 ** (-k / 2)] for k in range(2, 8)], dtype=torch.float64)
    u = problem.field(DetachedSource(AutogradSource(Ansatz(problem).offset, x)))
    (found,) = problem.residual_terms(u, x).values()
    assert float(found.abs().max()) < 10.0


def test_a_quadrant():
    """All sides of a box at one: near a corner ``1 - erf erf``, the solution in a quadrant."""
    held = jump(stated(PLANE, [Initial(0.0), Dirichlet(1.0)]))
    x = torch.tensor([[1e-3, 0.05, 0.02], [2e-3, 0.01, 0.1]], dtype=torch.float64)
    root = 2 * x[:, :1].sqrt()
    expected = 1 - torch.erf(x[:, 1:2] / root) * torch.erf(x[:, 2:] / root)
    torch.testing.assert_close(held(x), expected, rtol=1e-12, atol=0)


def test_weaker_jumps():
    source = stated(LINE, [Initial(0.0), Dirichlet(0.0)], lambda u, x: u.d("t") - u.d("x", "x") - 3.0)
    found = {(r.kind, r.space.at): float(r.height(torch.zeros(1, 2).double())) for r in jump(source).rises}
    assert found == pytest.approx({("ramp", 0.0): -3.0, ("ramp", 1.0): -3.0})
    flux = stated(LINE, [Initial(lambda x: x[:, 1:]), Neumann(2.0, on="x=0"), Robin(1.0, 2.0, 3.0, on="x=1")])
    found = {(r.kind, r.space.at): float(r.height(torch.zeros(1, 2).double())) for r in jump(flux).rises}
    assert found == pytest.approx({("flux", 0.0): 3.0})  # (3 - 1) / 2 is the slope 1 at the other end
    fits = stated(LINE, [Initial(lambda x: torch.sin(math.pi * x[:, 1:])), Dirichlet(0.0)])
    assert jump(fits) is None


@pytest.mark.parametrize(
    ("space", "held", "equation", "why"),
    [
        (LINE, [Initial(0.0), Dirichlet(1.0)], lambda u, x: u.d("t") + u.d("x"), "not of second order"),
        (
            LINE,
            [Initial(0.0), Dirichlet(1.0)],
            lambda u, x: u.d("t", "t") - u.d("x", "x"),
            "first order in time",
        ),
        (
            LINE,
            [Initial(0.0), Dirichlet(1.0)],
            lambda u, x: u.d("t") - (1 + u.value) * u.d("x", "x"),
            "depends on the solution",
        ),
        (
            PLANE,
            [Initial(0.0), Dirichlet(1.0, on="x=0"), Dirichlet(0.0, on=["x=1", "y=0", "y=2"])],
            None,
            "the values of two sides differ",
        ),
        (
            PLANE,
            [Initial(0.0), Dirichlet(1.0, on="x=0")],
            lambda u, x: u.d("t") - u.laplacian() - u.d("x", "y"),
            "oblique",
        ),
        (SQUARE, [Dirichlet(1.0, on="y=1"), Dirichlet(0.0, on="x=0")], lambda u, x: u.d("x"), "second order"),
        (
            SQUARE,
            [Dirichlet(1.0, on="y=1"), Dirichlet(0.0, on="x=0")],
            lambda u, x: u.d("x", "x") - u.d("y", "y"),
            "not elliptic",
        ),
    ],
)
def test_what_nothing_carries_is_named(space, held, equation, why):
    ansatz = Ansatz(stated(space, held, equation))
    assert not ansatz.carries
    assert any("which nothing carries" in note and why in note for note in ansatz.notes)


def test_a_slope_in_another_equation():
    """The second unknown is a slope of the first, which has no bound at the corner; and no flow that could carry both."""

    def heat_and_flux(u, x):
        return (
            u["u"].laplacian() + u["p"].d("x") - u["p"].d("y"),
            u["p"] - u["u"].d("x"),
        )

    held = [
        Dirichlet(1.0, on="y=1", component="u"),
        Dirichlet(0.0, on=["x=0", "x=1", "y=0"], component="u"),
    ]
    ansatz = Ansatz(stated(SQUARE, held, heat_and_flux, ("u", "p")))
    assert not ansatz.carries and any(
        "another equation has the unknown's slope" in note for note in ansatz.notes
    )


def test_a_slow_flow_is_carried_with_its_pressure_where_a_lid_meets_its_walls():
    def stokes(u, x):
        return (
            u["u"].laplacian() - u["p"].d("x"),
            u["v"].laplacian() - u["p"].d("y"),
            u["u"].d("x") + u["v"].d("y"),
        )

    held = [
        Dirichlet(1.0, on="y=1", component="u"),
        Dirichlet(0.0, on=["x=0", "x=1", "y=0"], component="u"),
        Dirichlet(0.0, component="v"),
    ]
    ansatz = Ansatz(stated(SQUARE, held, stokes, ("u", "v", "p")))
    assert ansatz.carries and not ansatz.soft
    assert any("carries the slow flow there" in note for note in ansatz.notes)
    assert Ansatz(stated(SQUARE, held, stokes, ("u", "v", "p")), False, False).carries is False


def test_values_of_a_square_that_differ_are_exact():
    held = [Dirichlet(lambda x: 1 + x[:, :1], on="y=1"), Dirichlet(0.0, on=["x=0", "x=1", "y=0"])]
    ansatz = Ansatz(stated(SQUARE, held))
    assert isinstance(ansatz._parts[0].jump, AngleJump) and not ansatz.soft
    s = torch.linspace(0.01, 0.99, 7, dtype=torch.float64)[:, None]
    top = torch.cat([s, torch.ones_like(s)], 1)
    torch.testing.assert_close(ansatz.offset(top), 1 + s, rtol=0, atol=1e-12)
    for side in (torch.cat([0 * s, s], 1), torch.cat([0 * s + 1, s], 1), torch.cat([s, 0 * s], 1)):
        torch.testing.assert_close(ansatz.offset(side), 0 * s, rtol=0, atol=1e-12)
    assert growing(ansatz.offset, SQUARE, corners(SQUARE)) is None


@pytest.mark.parametrize(
    ("space", "one", "two"),
    [
        (Polygon([(0, 0), (1, 0), (0.3, 0.8)]), "edge0", ["edge1", "edge2"]),
        (Disk((0, 0), 1.0) & Box([-1, 0], [1, 1]), "y=0", "circle"),
        (
            Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)]),
            ["edge1"],
            [f"edge{k}" for k in (0, 2, 3, 4, 5)],
        ),
    ],
    ids=["triangle", "half disk", "L-shape"],
)
def test_at_other_corners_the_laplacian_stays_bounded(space, one, two):
    found = jump(stated(space, [Dirichlet(2.0, on=one), Dirichlet(5.0, on=two)]))
    assert len(found.fans) == 2 and all(abs(fan.height) == 3.0 for fan in found.fans)
    assert growing(found, space, corners(space)) is None


def test_switched_off():
    problem = stated(SQUARE, [Dirichlet(1.0, on="y=1"), Dirichlet(0.0, on=["x=0", "x=1", "y=0"])])
    ansatz = Ansatz(problem, jumps=False)
    assert not ansatz.carries and [c.label for c in ansatz.soft] == ["dirichlet:y=1"]
    assert not ansatz.like(problem).carries
