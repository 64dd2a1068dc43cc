"""Problems that are ill-posed after Hadamard are named; their well-posed relatives and the catalogue are not."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Dirichlet, Initial, Neumann
from sciml.checks.findings import refuse, undetermined
from sciml.checks.numerics.growth import growing_waves
from sciml.derivatives import recording_gradients
from tests.sciml.checks.cases import SQUARE, TIME_LINE, stated

START = Initial(lambda x: torch.sin(math.pi * x[:, 1:]))
PAIR = ("u", "v")


def pair_of(**more):
    return [c(0.0, component=name, **more) for c in (Dirichlet, Initial) for name in PAIR]


def found(problem) -> list[str]:
    with recording_gradients():
        equation, statements, _ = refuse(problem)
        return growing_waves(equation, statements)


ILL = {
    "heat, backwards": (TIME_LINE, [Dirichlet(0.0), START], lambda u, x: u.d("t") + u.d("x", "x")),
    "a weak backward diffusion": (
        TIME_LINE,
        [Dirichlet(0.0), START],
        lambda u, x: u.d("t") + u.d("x") + 1e-3 * u.d("x", "x") - u,
    ),
    "a fourth derivative of the wrong sign": (
        TIME_LINE,
        [Dirichlet(0.0), Neumann(0.0), START],
        lambda u, x: u.d("t") - u.d("x", "x", "x", "x"),
    ),
    "an elliptic equation with initial values": (
        TIME_LINE,
        [Dirichlet(0.0), START, Initial(0.0, order=1)],
        lambda u, x: u.d("t", "t") + u.d("x", "x"),
    ),
    "Laplace from one side": (
        SQUARE,
        [Dirichlet(0.0, on=["y=0", "x=0", "x=1"]), Neumann(1.0, on="y=0")],
        lambda u, x: u.laplacian(),
    ),
    "Laplace from the upper side": (
        SQUARE,
        [Dirichlet(0.0, on=["y=1", "x=0", "x=1"]), Neumann(1.0, on="y=1")],
        lambda u, x: u.laplacian(),
    ),
    "diffusion along y from its end": (
        SQUARE,
        [Dirichlet(1.0, on=["y=1", "x=0", "x=1"])],
        lambda u, x: u.d("y") - u.d("x", "x"),
    ),
    "diffusion backwards in a half of the domain": (
        TIME_LINE,
        [Dirichlet(0.0), START],
        lambda u, x: u.d("t") - (0.5 - x[:, 1:]) * u.d("x", "x") + u**3,
    ),
    "the same, whatever the field": (
        TIME_LINE,
        [Dirichlet(0.0), START],
        lambda u, x: u.d("t") - (1 + u**2) * (0.9 - x[:, 1:]) * u.d("x", "x"),
    ),
    "a wave of negative stiffness at late times": (
        TIME_LINE,
        [Dirichlet(0.0), START, Initial(0.0, order=1)],
        lambda u, x: u.d("t", "t") - (0.8 - x[:, :1]) * u.d("x", "x"),
    ),
    "one of two equations": (
        TIME_LINE,
        pair_of(),
        lambda u, x: (u["u"].d("t") - u["u"].d("x", "x") - 1, u["v"].d("t") + u["v"].d("x", "x") - u["u"]),
        PAIR,
    ),
    "Cauchy and Riemann": (
        TIME_LINE,
        pair_of(),
        lambda u, x: (u["u"].d("t") - u["v"].d("x"), u["v"].d("t") + u["u"].d("x") - 1),
        PAIR,
    ),
}

WELL = {
    "heat": (TIME_LINE, [Dirichlet(0.0), START], lambda u, x: u.d("t") - u.d("x", "x")),
    "a plate": (
        TIME_LINE,
        [Dirichlet(0.0), Neumann(0.0), START],
        lambda u, x: u.d("t") + u.d("x", "x", "x", "x"),
    ),
    "a wave": (
        TIME_LINE,
        [Dirichlet(0.0), START, Initial(0.0, order=1)],
        lambda u, x: u.d("t", "t") - u.d("x", "x"),
    ),
    "growth, with a bound": (
        TIME_LINE,
        [Dirichlet(0.0), START],
        lambda u, x: u.d("t") - u.d("x", "x") - 500 * u,
    ),
    "dispersion": (
        TIME_LINE,
        [Dirichlet(0.0), Neumann(0.0, on="x=1"), START],
        lambda u, x: u.d("t") + u.d("x", "x", "x"),
    ),
    "nonlinear diffusion": (
        TIME_LINE,
        [Dirichlet(1.0), Initial(1.0)],
        lambda u, x: u.d("t") - u * u.d("x", "x") - u.d("x") ** 2,
    ),
    "diffusion that ceases in a half of the domain": (
        TIME_LINE,
        [Dirichlet(0.0), START],
        lambda u, x: u.d("t") - (0.5 - x[:, 1:]).clamp(min=0.0) * u.d("x", "x"),
    ),
    "diffusion of a sign that the field decides": (
        TIME_LINE,
        [Dirichlet(1.0), Initial(1.0)],
        lambda u, x: u.d("t") - u.d("x") * u.d("x", "x"),
    ),
    "backwards diffusion, held by a fourth derivative": (
        TIME_LINE,
        [Dirichlet(0.0), Neumann(0.0), START],
        lambda u, x: u.d("t") + (0.5 - x[:, 1:]) * u.d("x", "x") + u.d("x", "x", "x", "x"),
    ),
    "diffusion along y": (
        SQUARE,
        [Dirichlet(1.0, on=["y=0", "x=0", "x=1"])],
        lambda u, x: u.d("y") - u.d("x", "x"),
    ),
    "values on all sides": (SQUARE, [Dirichlet(0.0)], lambda u, x: u.laplacian() - 1),
}


@pytest.mark.parametrize("parts", ILL.values(), ids=ILL)
def test_an_ill_posed_problem_is_named(parts):
    problem = stated(*parts)
    notes = found(problem)
    assert len(notes) == 1 and "ill-posed" in notes[0]
    assert any("ill-posed" in note for note in sciml.check(problem).notes)


@pytest.mark.parametrize("parts", WELL.values(), ids=WELL)
def test_a_well_posed_problem_is_not(parts):
    assert found(stated(*parts)) == []


def test_the_place_is_told_where_it_is_not_everywhere():
    (half,) = found(stated(*ILL["diffusion backwards in a half of the domain"]))
    place = half.split("in a part of the domain, as near t = ")[1]
    assert float(place.split("x = ")[1].split(",")[0]) > 0.5
    assert "in a part" not in found(stated(*ILL["heat, backwards"]))[0]


def test_no_error_is_claimed():
    reason = undetermined(stated(*ILL["heat, backwards"]))
    assert reason is not None and "ill-posed" in reason and not reason.endswith(".")
