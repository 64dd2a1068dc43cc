"""Narrow spots and fast coefficients are named where evenly drawn points miss them."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Dirichlet, Initial
from sciml.checks.findings import refuse, undetermined
from sciml.checks.resolution import unseen
from sciml.derivatives import recording_gradients
from tests.sciml.checks.cases import LINE, SQUARE, stated

PLACE = torch.tensor([0.371, 0.617, 0.293], dtype=torch.float64)
CUBE = sciml.Box([0, 0, 0], [1, 1, 1])
STRIP = sciml.TimeInterval(0, 1) * sciml.Box([0, 0], [1, 1])


def bell(x, width, center=PLACE):
    return torch.exp(-(((x - center[: x.shape[1]].to(x)) / width) ** 2).sum(1, keepdim=True) / 2)


def heated(domain, width, height=None):
    height = width**-2 if height is None else height
    return stated(domain, [Dirichlet(0.0)], lambda u, x: -u.laplacian() - 1.0 - height * bell(x, width))


def found(problem) -> list[str]:
    with recording_gradients():
        equation, statements, _ = refuse(problem)
        return unseen(equation, statements)


@pytest.mark.parametrize(
    ("domain", "width"), [(SQUARE, 0.002), (SQUARE, 0.004), (SQUARE, 0.009), (CUBE, 0.02)]
)
def test_a_spot_of_the_source_is_named_with_its_place(domain, width):
    notes = found(heated(domain, width))
    assert len(notes) == 1 and notes[0].startswith("the source is concentrated on 0.")
    assert "x = 0.37" in notes[0] and "y = 0.61" in notes[0]


@pytest.mark.parametrize(("domain", "width"), [(SQUARE, 0.04), (SQUARE, 0.3), (CUBE, 0.15)])
def test_a_wide_one_is_not(domain, width):
    assert found(heated(domain, width)) == []


def test_a_spot_of_a_coefficient_and_of_a_start():
    reacting = stated(SQUARE, [Dirichlet(1.0)], lambda u, x: -u.laplacian() + 1e5 * bell(x, 0.005) * u)
    assert found(reacting)[0].startswith("a coefficient is concentrated")
    start = Initial(lambda x: bell(x[:, 1:], 0.006))
    hot = stated(STRIP, [Dirichlet(0.0), start], lambda u, x: u.d("t") - u.laplacian())
    assert found(hot)[0].startswith("initial is concentrated")


def test_a_source_without_bound_is_no_spot():
    def pole(x):
        return ((x - PLACE[:2]) ** 2).sum(1, keepdim=True) ** -0.25

    assert found(stated(SQUARE, [Dirichlet(0.0)], lambda u, x: -u.laplacian() - pole(x))) == []


@pytest.mark.parametrize(("periods", "named"), [(3, False), (32, True), (64, True), (501, True)])
def test_a_coefficient_that_swings(periods, named):
    def conductivity(x):
        return 1 + 0.8 * torch.sin(2 * math.pi * periods * x[:, :1])

    notes = found(stated(SQUARE, [Dirichlet(0.0)], lambda u, x: -u.laplacian() * conductivity(x) - 1))
    assert bool(notes) is named
    if named:
        assert notes[0].startswith("a coefficient turns") and "along x" in notes[0]


def test_a_source_that_swings_is_followed_by_the_estimate():
    def source(x):
        return torch.sin(2 * math.pi * 64 * x[:, :1])

    assert found(stated(SQUARE, [Dirichlet(0.0)], lambda u, x: -u.laplacian() - source(x))) == []


def test_a_line_has_its_spline():
    assert found(heated(LINE, 1e-3)) == []


def test_no_error_is_claimed():
    reason = undetermined(heated(SQUARE, 0.004))
    assert reason is not None and "concentrated" in reason and not reason.endswith(".")
