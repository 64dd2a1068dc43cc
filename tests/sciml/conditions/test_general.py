"""What a general condition takes and refuses, and where it holds."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

import sciml
from sciml import Condition
from sciml.conditions.places import place_of
from sciml.errors import ArgumentError, ArgumentTypeError, SciMLError

SQUARE = sciml.Box([0, 0], [1, 2])
FLOW = sciml.TimeInterval(0, 3) * sciml.Box([0, 0], [1, 2])
PLATE = SQUARE - sciml.Disk((0.5, 0.5), 0.2)
TIME = sciml.TimeInterval(0, 3)


def value(u, x):
    return u


WRONG = {
    "no residual": (lambda: Condition("x=0"), r"residual needs a function \(u, x\) or \(u, x, n\), got None"),
    "the residual first": (lambda: Condition(value), "The place comes first"),
    "a number": (lambda: Condition("x=0", 1.0), "residual needs a function.*got 1.0"),
    "a class": (lambda: Condition("x=0", dict), "got the class dict"),
    "one argument": (lambda: Condition("x=0", lambda u: u), r"signature \(u, x\) or \(u, x, n\), got \(u\)"),
    "four arguments": (lambda: Condition("x=0", lambda u, x, n, t: u), r"got \(u, x, n, t\)"),
    "mean": (lambda: Condition("x=0", value, mean=1), "mean needs True or False"),
    "hard": (lambda: Condition("x=0", value, hard=True), "Condition conditions are penalty terms"),
    "nan among points": (lambda: Condition([[math.nan, 0.0]], value), "on needs finite numbers"),
    "ragged points": (lambda: Condition([[0.0, 1.0], [0.0]], value), "on needs an array of numbers"),
    "flat points": (lambda: Condition(np.zeros(3), value), r"on needs shape \(n, d\)"),
    "no points": (lambda: Condition(np.zeros((0, 2)), value), r"on needs shape \(n, d\)"),
    "weight": (lambda: Condition("x=0", value, weight=0.0), "weight needs"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_used_is_named(case):
    make, words = case
    with pytest.raises(SciMLError, match=words):
        make()


NOWHERE = {
    "no such part": (SQUARE, "x=7", "on needs a part of the boundary"),
    "an empty list": (SQUARE, [], "on needs at least one part, got an empty list"),
    "an empty mask": (SQUARE, lambda x: x[:, 0] > 9, "has no boundary"),
    "no time": (SQUARE, "start", "on='start' needs a domain with time"),
    "another width": (
        SQUARE,
        [[0.5, 0.5, 0.5]],
        "on needs points with 2 coordinates, got 3. A row holds x, y",
    ),
    "outside": (SQUARE, [[0.5, 0.5], [0.5, 2.5]], "1 of 2 outside it"),
    "in a hole": (PLATE, [[0.5, 0.5]], "1 of 1 outside it"),
    "no boundary": (TIME, None, "has no boundary"),
    "a number": (SQUARE, 3, "on needs None"),
}


@pytest.mark.parametrize("case", NOWHERE.values(), ids=NOWHERE.keys())
def test_places_that_do_not_exist_are_named(case):
    domain, on, words = case
    with pytest.raises(SciMLError, match=words):
        Condition(on, value).place(domain)


@pytest.mark.parametrize("on", ["inside", [[0.5, 0.5]]])
def test_a_normal_needs_a_boundary(on):
    with pytest.raises(ArgumentError, match="no outward normal: write residual"):
        Condition(on, lambda u, x, n: u).place(SQUARE)


def test_places_and_their_normals():
    for on, t, direction in (("start", 0.0, -1.0), ("t=0", 0.0, -1.0), ("end", 3.0, 1.0), ("t=3", 3.0, 1.0)):
        place = Condition(on, lambda u, x, n: u).place(FLOW)
        x = place.draw(17, 1)
        assert x.shape == (17, 3) and bool((x[:, 0] == t).all())
        expected = torch.tensor([direction, 0.0, 0.0], dtype=torch.float64)
        assert torch.equal(place.normal(x), expected.expand(17, 3))
    side = place_of(FLOW, "y=2")
    assert bool((side.draw(9, 0)[:, 2] == 2).all()) and side.covers(side.draw(9, 0)).all()
    points = place_of(SQUARE, np.array([[0, 1], [1, 2]]))
    assert points.draw(5, 0).tolist() == [[0, 1], [1, 2]] and not points.covers(points.points).any()
    assert place_of(SQUARE, "inside").draw(5, 0).shape == (5, 2)
    for on in (["x=0", lambda x: x[:, 1] > 1], [PLATE, "x=0"][1], None):
        assert place_of(SQUARE, on).kind == "boundary"
    hole = place_of(PLATE, sciml.Disk((0.5, 0.5), 0.2))
    x = hole.draw(11, 0)
    inward = (torch.tensor([0.5, 0.5]) - x) / 0.2
    torch.testing.assert_close(hole.normal(x), inward.double())


POLYNOMIALS = {
    "line": (sciml.Interval(0, 2), "inside", lambda x: x[:, 0] ** 5, 32 / 6),
    "ends of a line": (sciml.Interval(0, 2), None, lambda x: x[:, 0], 1.0),
    "square": (SQUARE, "inside", lambda x: x[:, 0] ** 3 * x[:, 1] ** 2, 1 / 3),
    "side": (SQUARE, "x=1", lambda x: x[:, 0] * x[:, 1] ** 3, 2.0),
    "whole boundary": (SQUARE, None, lambda x: x[:, 1], (0 + 2 * 1 + 2 + 2 * 1) / 6),
    "time": (TIME, "inside", lambda x: x[:, 0] ** 2, 3.0),
    "last instant of time alone": (TIME, "end", lambda x: x[:, 0], 3.0),
    "space and time": (FLOW, "inside", lambda x: x[:, 0] * x[:, 1] * x[:, 2], 1.5 * 0.5 * 1),
    "last instant": (FLOW, "end", lambda x: x[:, 0] * x[:, 1] ** 3, 0.75),
    "side at all times": (FLOW, "x=1", lambda x: x[:, 0] ** 2 * x[:, 2], 3.0),
    "circle": (PLATE, sciml.Disk((0.5, 0.5), 0.2), lambda x: x[:, 0] ** 2, 0.25 + 0.02),
    "points": (SQUARE, [[0.0, 0.0], [1.0, 1.0]], lambda x: x[:, 0], 0.5),
}


@pytest.mark.parametrize("case", POLYNOMIALS.values(), ids=POLYNOMIALS.keys())
def test_means_are_exact_on_smooth_pieces(case):
    domain, on, f, expected = case
    x, weights = place_of(domain, on).nodes()
    assert float(weights.sum()) == pytest.approx(1.0, rel=1e-12)
    assert float(weights @ f(x)) == pytest.approx(expected, rel=1e-12)


HEIGHT = (2 - 0.5 * math.pi * 0.04) / (2 - math.pi * 0.04)  # mean y of the plate


@pytest.mark.parametrize(
    ("domain", "on", "f", "expected"),
    [
        (PLATE, "inside", lambda x: x[:, 1], HEIGHT),
        (SQUARE, lambda x: x[:, 1] > 1.0, lambda x: x[:, 1], (2 * 1.5 + 2) / 3),
        (sciml.TimeInterval(0, 1) * PLATE, "end", lambda x: x[:, 2], HEIGHT),
    ],
)
def test_means_elsewhere_are_right_to_three_digits(domain, on, f, expected):
    x, weights = place_of(domain, on).nodes()
    assert float(weights @ f(x)) == pytest.approx(expected, rel=2e-3)


def test_labels():
    assert Condition("x=0", value).label == "condition:x=0"
    assert Condition(None, value, mean=True, component="v").label == "mean:v"
    assert Condition("start", value, name="begin").label == "begin"
    assert Condition([[0.0]], value).label == "condition"


def test_points_are_copied_and_pickled():
    points = np.array([[0.25, 0.5]])
    condition = Condition(points, value)
    points[0] = 9
    assert condition.on.tolist() == [[0.25, 0.5]]
    assert pickle.loads(pickle.dumps(condition)).on.tolist() == [[0.25, 0.5]]


def test_a_class_is_a_residual_where_its_instances_are():
    class Flux:
        def __call__(self, u, x, n):
            return u

    assert Condition("x=0", Flux()).wants_normal
    with pytest.raises(ArgumentTypeError, match="got the class Flux"):
        Condition("x=0", Flux)
