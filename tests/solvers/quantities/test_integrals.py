"""Integrals and fluxes of solutions against closed forms, over the inside, sides and moments."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

import sciml
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.solvers.report import Report
from tests.solvers.plots.known import CENTRED, DOMAINS, SQUARE, Known, Turning, exactly, solved

HOLE = SQUARE - sciml.Disk([1.0, 0.5], 0.3)


class Decay(sciml.PDE):
    """``exp(-t) sin(pi x)``."""

    domain = sciml.TimeInterval(0, 2) * sciml.Interval(0, 1)
    conditions = ()

    def residual(self, u, x):
        return u.value - self.exact(x)

    def exact(self, x):
        return torch.exp(-x[:, :1]) * torch.sin(math.pi * x[:, 1:])


class Harmonic(sciml.PDE):
    """``exp(x) sin(y)``, whose flux through any closed curve is zero."""

    conditions = ()

    def __init__(self, domain):
        self.domain = domain

    def residual(self, u, x):
        return u.laplacian()

    def exact(self, x):
        return torch.exp(x[:, :1]) * torch.sin(x[:, 1:])


def test_over_the_domain():
    solution = solved(Known(SQUARE))
    found = solution.integrate()
    assert float(found) == pytest.approx(2 * (1 + 1 + 5), rel=1e-12)  # the mean of 1 + x + 10 y
    assert found.error < 1e-12 and found.points > 0
    assert repr(found).startswith("14 ± ")
    assert found + 1 == pytest.approx(15.0)
    again = pickle.loads(pickle.dumps(found))
    assert (again, again.error, again.points) == (found, found.error, found.points)


def test_of_a_function_and_of_derivatives():
    solution = solved(Known(HOLE))
    area = 2 - 0.09 * math.pi
    assert solution.integrate(lambda u, x: u.d("y")) == pytest.approx(10 * area, rel=1e-9)
    assert solution.integrate(lambda u, x: u.d("x") ** 2 + u.d("y") ** 2) == pytest.approx(
        101 * area, rel=1e-9
    )
    assert solution.integrate(lambda u, x: x[:, 0]) == pytest.approx(area, rel=1e-9)
    assert solution.integrate(lambda u, x: 1.0) == pytest.approx(area, rel=1e-9)
    assert solution.integrate(lambda u, x: u) == pytest.approx(7 * area, rel=1e-9)
    assert solution.integrate(lambda u, x: np.ones(len(x))) == pytest.approx(area, rel=1e-9)


def test_over_sides_and_moments():
    solution = exactly(Decay())
    assert solution.integrate() == pytest.approx((1 - math.exp(-2)) * 2 / math.pi, rel=1e-9)
    assert solution.integrate(time=1.0) == pytest.approx(math.exp(-1) * 2 / math.pi, rel=1e-9)
    assert solution.flux("x=1") == pytest.approx(-math.pi * (1 - math.exp(-2)), rel=1e-9)
    assert solution.flux("x=1", time=0) == pytest.approx(-math.pi, rel=1e-9)
    assert solution.flux("left", coefficient=2.0, time=0) == pytest.approx(-2 * math.pi, rel=1e-9)
    assert solution.integrate(on="x=1") == pytest.approx(0.0, abs=1e-12)
    half = solved(Known(SQUARE))
    assert half.integrate(on="x=2") == pytest.approx(1 + 2 + 5, rel=1e-12)
    assert half.integrate(on=lambda x: x[:, 0] == 2) == pytest.approx(8.0, rel=1e-9)


def test_the_flux_of_a_scalar_is_that_of_its_gradient():
    solution = exactly(Harmonic(HOLE))
    whole = solution.flux()
    assert abs(whole) < 1e-9 and whole.error < 1e-8
    parts = [solution.flux(on) for on in ("circle", "x=0", "x=2", "y=0", "y=1")]
    assert sum(parts) == pytest.approx(0.0, abs=1e-9)
    x = torch.linspace(0, 1, 2001, dtype=torch.float64)
    assert parts[1] == pytest.approx(-float(torch.trapezoid(torch.sin(x), x)), abs=1e-6)
    weighted = solution.flux("x=2", coefficient=lambda x: 1 + x[:, 1])
    assert weighted == pytest.approx(float(torch.trapezoid(math.e**2 * torch.sin(x) * (1 + x), x)), rel=1e-6)


def test_the_flux_of_a_vector_is_through_its_components():
    solution = exactly(Turning(CENTRED - sciml.Disk([0, 0], 0.5)))
    assert solution.flux("circle") == pytest.approx(0.0, abs=1e-12)  # a rotation
    assert solution.flux("x=1", vector=("v", "u")) == pytest.approx(2 * 1.0, rel=1e-9)  # (x, -y)
    assert solution.flux("x=1", unknown="p") == pytest.approx(4.0, rel=1e-9)  # d/dx of x^2 + y^2
    assert solution.integrate("p", on="x=1") == pytest.approx(2 + 2 / 3, rel=1e-9)


def test_a_solution_of_many_coordinates_says_how_far_it_is_off():
    problem = Known(sciml.Box([0] * 5, [1] * 5, names=("x", "y", "z", "t", "s")))
    problem.exact = lambda x: torch.exp(x.sum(1, keepdim=True))  # type: ignore[method-assign]
    found = exactly(problem).integrate()
    assert abs(found - (math.e - 1) ** 5) <= 1.5 * found.error
    assert 0 < found.error < 1e-2


def test_single_precision_and_adapted_solutions():
    problem = sciml.pdes.Poisson(2)
    solution = sciml.solve(problem, progress=False, max_steps=4, points=80, dtype=torch.float32)
    double = sciml.solve(problem, progress=False, max_steps=4, points=80)
    assert math.isfinite(solution.integrate())
    tuned = double.finetune(problem.with_source(lambda x: x[:, :1]), "head", max_steps=2, progress=False)
    x = torch.rand(20000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert tuned.integrate() == pytest.approx(
        float(tuned(x).mean()), abs=0.02 * abs(float(tuned(x).abs().mean()))
    )


def test_windows_up_to_where_they_ended():
    problem = sciml.pdes.Burgers(nu=0.1)
    whole = sciml.solve(problem, windows=2, max_steps=1, progress=False, points=60)
    first = sciml.Solution(problem, type(whole.trial)(problem, whole.trial.windows[:1]), [], Report())
    until = first.trial.until
    mass = first.integrate(lambda u, x: 1.0)
    assert mass == pytest.approx(2 * until, rel=1e-9)
    with pytest.raises(ArgumentError, match="time needs a number"):
        first.integrate(time=(until + 1) / 2)


@pytest.mark.parametrize(
    "call, error, match",
    [
        (
            lambda s: s.integrate("w"),
            ArgumentError,
            "f needs one of the unknowns u, v, p or a function, got 'w'",
        ),
        (lambda s: s.integrate(), ArgumentError, "f needs one of the unknowns u, v, p or a function"),
        (lambda s: s.integrate(3), ArgumentTypeError, r"f needs a function f\(u, x\)"),
        (
            lambda s: s.integrate(lambda u, x: u.value),
            ArgumentError,
            "f needs one number a point, .*, got shape",
        ),
        (lambda s: s.integrate("u", on="x=7"), ArgumentError, "on needs a part of the boundary"),
        (lambda s: s.integrate("u", time=0), ArgumentError, "time needs a problem in time and space"),
        (lambda s: s.integrate("u", accuracy=-1), ArgumentError, "accuracy needs"),
        (lambda s: s.flux("x=1", unknown="q"), ArgumentError, "unknown needs one of u, v, p, got 'q'"),
        (
            lambda s: s.flux("x=1", unknown="u", vector=("u", "v")),
            ArgumentError,
            "vector needs to be left out",
        ),
        (lambda s: s.flux("x=1", coefficient="k"), ArgumentTypeError, "coefficient needs"),
    ],
)
def test_what_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call(exactly(Turning(CENTRED)))


def test_a_system_that_names_no_vector():
    with pytest.raises(ArgumentError, match="vector needs one of the unknowns for each coordinate x, y"):
        solved(Known(SQUARE, ("u", "v"))).flux("x=2")
    with pytest.raises(ArgumentError, match="on needs a domain in space"):
        solved(Known(DOMAINS["time"])).flux()
