"""Layers that coefficients allow: widths against closed forms, and what is left alone."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml import Box, Dirichlet, Initial, Interval, TimeInterval

SQUARE, ROD = Box([0, 0], [1, 2]), TimeInterval(0, 4) * Interval(0, 1)


def stated(space, equation, names=("u",)):
    class Stated(sciml.PDE):
        domain = space
        unknowns = names
        conditions = tuple(
            condition
            for name in names
            for condition in (
                Dirichlet(0.0, component=name),
                *([Initial(0.0, component=name)] if space.time_axis is not None else []),
            )
        )

        def residual(self, u, x):
            return equation(u, x)

    return Stated()


def notes(problem):
    return [note for note in sciml.check(problem).notes if "coefficients allow" in note]


@pytest.mark.parametrize(
    ("space", "equation", "said"),
    [
        # the root of the diffusion over the decay, over the length 2
        (
            SQUARE,
            lambda u, x: -1e-14 * u.laplacian() + u.value - 1.0,
            "u layers of 5e-08 of the length along y",
        ),
        (
            SQUARE,
            lambda u, x: -1e-7 * u.laplacian() + u.d("x") - 1.0,
            "u layers of 1e-07 of the length along x",
        ),
        (
            SQUARE,
            lambda u, x: 5e4 * u.laplacian() - 5e12 * (u.value - x[:, :1]),
            "5e-05 of the length along y",
        ),
        (ROD, lambda u, x: 1e-7 * u.d("t") - 1e-7 * u.laplacian() + u.value, "2e-08 of the length along t"),
        (ROD, lambda u, x: u.d("t") - 1e6 * u.laplacian(), "2e-07 of the length along t"),
        (ROD, lambda u, x: u.d("t") - 1e-8 * u.laplacian() + (1 + x[:, 1:]) * u.d("x"), "along x"),
    ],
    ids=["reaction", "drift", "in large numbers", "in time", "fast diffusion", "a coefficient that varies"],
)
def test_a_layer_that_points_cannot_see_is_named(space, equation, said):
    (note,) = notes(stated(space, equation))
    assert said in note and "thinner than points" in note


@pytest.mark.parametrize(
    "equation",
    [
        lambda u, x: u.laplacian() + torch.log(1 - u.value),  # a value of one is out of its range
        lambda u, x: u.laplacian() - 1.0 / (1 - u.value),
    ],
)
def test_an_equation_of_a_narrow_range_has_none(equation):
    assert not notes(stated(SQUARE, equation))


def test_of_a_system_the_unknown_is_named():
    problem = stated(
        SQUARE,
        lambda u, x: (u["a"].laplacian() - 1.0, 1e-12 * u["b"].laplacian() - u["b"].value + u["a"].value),
        ("a", "b"),
    )
    (note,) = notes(problem)
    assert "allow b layers of" in note


@pytest.mark.parametrize(
    "problem",
    [
        stated(SQUARE, lambda u, x: -1e-3 * u.laplacian() + u.d("x") - 1.0),
        stated(SQUARE, lambda u, x: 1e-9 * (u.laplacian() + u.value - 1.0)),
        stated(ROD, lambda u, x: u.d("t") + u.d("x") - 1.0),
        stated(ROD, lambda u, x: 1e8 * (u.d("t") - u.laplacian())),
        stated(ROD, lambda u, x: u.d("t", "t") - u.laplacian()),
        stated(ROD, lambda u, x: u.d("t") - 0.01 * u.laplacian() + u.value * u.d("x")),
    ],
    ids=["a wide one", "small units", "no diffusion", "large units", "waves", "a front of the solution"],
)
def test_what_is_left_alone(problem):
    assert notes(problem) == []


@pytest.mark.parametrize("name", sciml.pdes.names())
def test_entries_of_the_catalogue_have_none(name):
    problem = sciml.pdes.build(name)
    if problem.domain.dim <= 3:
        assert notes(problem) == []
