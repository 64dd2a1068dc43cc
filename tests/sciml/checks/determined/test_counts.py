"""What is stated twice determines nothing more."""

from __future__ import annotations

import pytest

from sciml import Condition, Dirichlet, Initial, Neumann, Robin
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, notes, poisson

MISSING = "may not be determined"


def beam(u, x):
    return u.d("x", "x", "x", "x") - 1.0


def bent(u, x):
    return u.d("x", "x")


def cubic(u, x):
    return u.value**3 + u.d("x", "x")


COMPLETE = [
    [Dirichlet(0.0), Neumann(0.0)],
    [Dirichlet(0.0), Condition(["x=0", "x=1"], bent)],
    [Neumann(0.0), Robin(1.0, 1.0, 0.0)],  # value and slope, from two sums of them
    [Dirichlet(0.0), Condition(["x=0", "x=1"], cubic)],
]
TWICE = [
    [Dirichlet(0.0), Dirichlet(0.0)],
    [Dirichlet(0.0), Robin(2.0, 0.0, 0.0)],
    [Dirichlet(0.0), Condition(["x=0", "x=1"], lambda u, x: 3.0 * u.value)],
    [Condition(["x=0", "x=1"], bent), Condition(["x=0", "x=1"], lambda u, x: -2.0 * bent(u, x))],
    [Condition(["x=0", "x=1"], cubic), Condition(["x=0", "x=1"], cubic)],
]


@pytest.mark.parametrize("conditions", COMPLETE)
def test_a_beam_with_two_conditions_at_each_end_is_determined(conditions):
    assert not [n for n in notes(LINE, conditions, beam) if MISSING in n]


@pytest.mark.parametrize("conditions", TWICE)
def test_a_beam_with_one_condition_stated_twice_is_not(conditions):
    found = notes(LINE, conditions, beam)
    assert any("2 conditions on u at both ends of x, where its equation has order 4" in n for n in found)
    assert any(
        "state the same twice" in n or "states what other conditions state already" in n for n in found
    )


@pytest.mark.parametrize("again", [Dirichlet(0.0, on="x=0"), Condition("x=0", lambda u, x: u.value)])
def test_one_end_held_twice_leaves_the_other_bare(again):
    found = notes(LINE, [Dirichlet(0.0, on="x=0"), again], lambda u, x: u.d("x", "x") - 1.0)
    assert any("no condition on u at x=1" in n for n in found)


def test_value_slope_and_a_sum_of_both_are_two():
    found = notes(
        LINE,
        [Dirichlet(0.0), Neumann(0.0), Robin(1.0, 1.0, 0.0)],
        lambda u, x: u.d("x", "x", "x", "x", "x", "x"),
    )
    assert any("4 conditions on u at both ends of x, where its equation has order 6" in n for n in found)


def test_a_side_that_a_mask_holds_twice():
    twice = Dirichlet(0.0, on=lambda x: x[:, 0] < 1e-9)
    found = notes(SQUARE, [Dirichlet(0.0, on=["x=0", "y=0", "y=1"]), twice], poisson)
    assert any("no condition on u at x=1" in n for n in found)


def test_a_system_counts_each_unknown():
    def pair(u, x):
        return {"a": u["a"].d("x", "x") - u["b"].value, "b": u["b"].d("x", "x") - 1.0}

    twice = [Dirichlet(0.0, component="a"), Dirichlet(0.0, component="a")]
    found = notes(LINE, twice, pair, unknowns=("a", "b"))
    assert any("no condition on b at x=0, x=1" in n for n in found)


def test_a_vibrating_beam_with_its_ends_held_twice_has_no_known_error():
    """Any bending at the ends solves it, so that a small correction says nothing of the error."""

    def vibrating(u, x):
        return u.d("t", "t") + u.d("x", "x", "x", "x")

    ends = [
        Dirichlet(0.0),
        Dirichlet(0.0),
        Initial(lambda x: x[:, 1:] * (1 - x[:, 1:])),
        Initial(0.0, order=1),
    ]
    assert any(MISSING in n for n in notes(TIME_LINE, ends, vibrating))
