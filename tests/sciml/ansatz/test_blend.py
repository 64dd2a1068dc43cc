"""Several boundary values as one function: exact on each side, and with bounded second derivatives at corners."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from sciml.ansatz import Ansatz, Trial
from sciml.conditions import Dirichlet, Initial
from sciml.domains import Box, Disk, Interval, Polygon, TimeInterval
from tests.sciml.test_jets import Everything, network


def smooth(x):
    """A function of all coordinates, not harmonic."""
    weights = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)
    return torch.sin(x @ weights[:, None]) + 0.3 * (x**2).sum(1, keepdim=True)


def frozen(function, axis, value):
    """The function on a face alone: elsewhere it repeats the values of the face."""

    def on_face(x):
        columns = [
            torch.full_like(x[:, :1], value) if i == axis else x[:, i : i + 1] for i in range(x.shape[1])
        ]
        return function(torch.cat(columns, 1))

    return on_face


def faces(domain, chosen=None):
    axes = domain.space_axes
    out = []
    for k, side in chosen or itertools.product(range(len(axes)), (0, 1)):
        value = float((domain.lower, domain.upper)[side][axes[k]])
        on = f"{domain.names[axes[k]]}={value}"
        out.append(Dirichlet(frozen(smooth, axes[k], value), on=on))
    return out


SQUARE = Box([0, -1], [2, 1])
CUBE = Box([0, 0, 1], [1, 2, 2])
CASES = {
    "interval": (Interval(-1, 2), None),
    "square": (SQUARE, None),
    "two sides": (SQUARE, [(0, 0), (1, 1)]),
    "three sides": (SQUARE, [(0, 0), (1, 1), (0, 1)]),
    "cube": (CUBE, None),
    "four faces": (CUBE, [(0, 0), (2, 1), (1, 0), (1, 1)]),
    "moving square": (TimeInterval(1, 2) * SQUARE, None),
    "moving sides": (TimeInterval(1, 2) * SQUARE, [(0, 1), (1, 0)]),
}


def laplacian(function, x, axes, h):
    """By a difference quotient of the values."""
    total = 0
    for i in axes:
        step = torch.zeros(x.shape[1], dtype=x.dtype)
        step[i] = h
        total = total + (function(x + step) - 2 * function(x) + function(x - step)) / h**2
    return total


@pytest.mark.parametrize("case", CASES)
def test_every_side_takes_its_values(case):
    domain, chosen = CASES[case]
    problem = Everything(domain, faces(domain, chosen))
    trial = Trial(problem, network("tanh", problem))
    assert trial.ansatz.notes == [] and len(trial.ansatz.hard) == len(problem.conditions)
    for condition in problem.conditions:
        x = domain.boundary(condition.on).sample(37, seed=3)
        assert torch.allclose(trial(x), condition.value(x), atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_stay_bounded_where_sides_meet(case):
    domain, chosen = CASES[case]
    ansatz = Ansatz(Everything(domain, faces(domain, chosen)))
    axes = domain.space_axes
    low, high = domain.lower, domain.upper
    largest = []
    for r in (1e-1, 1e-2, 1e-3):
        near = []
        for corner in itertools.product((0, 1), repeat=domain.dim):
            away = (
                r
                * (high - low)
                * (0.2 + 0.8 * torch.rand(20, domain.dim, generator=torch.Generator().manual_seed(1)))
            )
            near.append(torch.where(torch.tensor(corner) == 1, high - away, low + away))
        x = torch.cat(near)
        largest.append(float(laplacian(ansatz.offset, x, axes, 1e-2 * r).abs().max()))
    assert largest[2] < 1.5 * largest[0] + 1


def test_the_blend_is_the_function_itself_where_it_is_bilinear():
    def plane(x):
        return 2 + x[:, :1] - 3 * x[:, 1:] + x[:, :1] * x[:, 1:]

    sides = [("x=0", 0, 0.0), ("x=2", 0, 2.0), ("y=-1", 1, -1.0), ("y=1", 1, 1.0)]
    ansatz = Ansatz(Everything(SQUARE, [Dirichlet(frozen(plane, a, v), on=on) for on, a, v in sides]))
    x = SQUARE.sample(50)
    assert torch.allclose(ansatz.offset(x), plane(x), atol=1e-13)


def test_values_are_needed_on_their_side_alone():
    root = Dirichlet(
        lambda x: torch.sqrt(torch.where(x[:, :1] == 2.0, 4 - x[:, 1:] ** 2, torch.nan)), on="x=2"
    )
    rest = [Dirichlet(3**0.5, on=["x=0"]), Dirichlet(3**0.5, on="y=-1"), Dirichlet(3**0.5, on="y=1")]
    ansatz = Ansatz(Everything(SQUARE, [root, *rest]))
    assert ansatz.notes == [] and torch.isfinite(ansatz.offset(SQUARE.sample(40))).all()


@pytest.mark.parametrize("lid_first", [True, False])
def test_sides_that_differ_at_their_corners(lid_first):
    lid = Dirichlet(1.0, on="y=1", name="lid")
    walls = Dirichlet(0.0, on=["x=0", "x=2", "y=-1"], name="walls")
    ansatz = Ansatz(Everything(SQUARE, [lid, walls] if lid_first else [walls, lid]))
    assert [c.label for c in ansatz.hard] == ["walls"]  # the smaller part gives way
    assert "differ from those of walls by 1.0e+00 relative where they meet, at (x=" in ansatz.notes[0]
    apart = Ansatz(Everything(SQUARE, [Dirichlet(1.0, on="y=1"), Dirichlet(0.0, on="y=-1")]))
    assert apart.notes == []


def test_sides_that_part_in_the_course_of_time():
    domain = TimeInterval(0, 1) * SQUARE
    sides = [Dirichlet(lambda x: x[:, :1], on="x=0"), Dirichlet(0.0, on="y=1")]
    ansatz = Ansatz(Everything(domain, [*sides, Initial(0.0)]))
    assert len(ansatz.soft) == 1 and "where they meet, at (t=" in ansatz.notes[0]


def test_one_function_object_serves_all_sides_as_it_is():
    problem = Everything(SQUARE, [Dirichlet(smooth, on=on) for on in ("x=0", "x=2", "y=-1", "y=1")])
    x = SQUARE.sample(30)
    assert torch.equal(Ansatz(problem).offset(x), smooth(x))


def test_values_of_a_polygon_s_edges():
    corners = [(0, 0), (1, 0), (1.2, 1), (0, 1)]
    same = Ansatz(
        Everything(
            Polygon(corners), [Dirichlet(lambda x, k=k: smooth(x) + 0 * k, on=f"edge{k}") for k in range(4)]
        )
    )
    assert same.notes == [] and len(same.hard) == 4
    values = [lambda x: x[:, :1] * (1 - x[:, :1]), 0.0, 0.0, 0.0]
    mixed = Ansatz(Everything(Polygon(corners), [Dirichlet(v, on=f"edge{k}") for k, v in enumerate(values)]))
    assert [c.label for c in mixed.soft] == ["dirichlet:edge0"] and "corner" in mixed.notes[0]
    clash = Ansatz(Everything(Polygon(corners), [Dirichlet(0.0, on="edge0"), Dirichlet(1.0, on="edge1")]))
    assert len(clash.soft) == 1 and "where they meet, at (x=1, y=0)" in clash.notes[0]


def test_values_of_a_hole_and_its_frame():
    hole = Disk([1, 0], 0.3)
    domain = SQUARE - hole
    ansatz = Ansatz(Everything(domain, [Dirichlet(smooth, on=hole), Dirichlet(2.0, on=SQUARE)]))
    assert ansatz.notes == []
    rim = domain.boundary(hole).sample(30)
    assert np.allclose(ansatz.offset(rim), smooth(rim))
