"""Shapes of a solution that its equation leaves free have no error estimate; problems that are only stiff have one."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Dirichlet, Neumann, Robin, nn
from sciml.ansatz import Trial
from sciml.solvers.estimate.free import weak_shapes
from tests.sciml.checks.cases import LINE, SQUARE, stated

PI = math.pi


def helmholtz(k2, source):
    return lambda u, x: u.laplacian() + k2 * u - source(x)


def second(x):
    return torch.sin(2 * PI * x).prod(1, keepdim=True)


def solved(problem, steps=12):
    return sciml.solve(problem, max_steps=steps, max_time=120, progress=False)


FREE = {
    "a string": (LINE, [Dirichlet(0.0)], helmholtz(PI**2, second), "a shape"),
    "a string, forced at its own frequency": (
        LINE,
        [Dirichlet(0.0)],
        helmholtz(PI**2, lambda x: torch.sin(PI * x)),
        "a shape",
    ),
    "no flux": (LINE, [Neumann(0.0)], helmholtz(PI**2, lambda x: torch.cos(3 * PI * x)), "a shape"),
    "a square, two at once": (
        SQUARE,
        [Dirichlet(0.0)],
        helmholtz(5 * PI**2, lambda x: torch.sin(PI * x).prod(1, keepdim=True)),
        "2 shapes",
    ),
    "a Robin condition that feeds": (
        LINE,
        [Dirichlet(0.0, on="x=0"), Robin(-1.0, 1.0, 0.0, on="x=1")],
        lambda u, x: u.d("x", "x") - (x - 2 / 3) * x,
        "a shape",
    ),
}


@pytest.mark.parametrize("case", FREE.values(), ids=FREE)
def test_a_resonance_has_no_estimate(case):
    domain, conditions, residual, words = case
    s = solved(stated(domain, conditions, residual))
    assert s.stats.error_estimate is None
    assert any(f"leaves {words} of the solution free" in note for note in s.stats.notes)


class Pair(sciml.PDE):
    """One of two unknowns at a resonance, at a size of 1e-6 beside the other."""

    domain = LINE
    unknowns = ("u", "v")
    conditions = (Dirichlet(0.0, component="u"), Dirichlet(0.0, component="v"))

    def residual(self, u, x):
        v = u["v"].d("x", "x") + PI**2 * u["v"] - 1e-6 * torch.sin(2 * PI * x)
        return u["u"].d("x", "x") + 1, v


def test_one_unknown_of_several_is_enough():
    assert solved(Pair()).stats.error_estimate is None


@pytest.mark.parametrize("shift", [-0.5, 0.5, 5.0])
def test_beside_a_resonance_the_estimate_holds(shift):
    exact = lambda x: torch.sin(PI * x) + torch.sin(2 * PI * x)  # noqa: E731
    k2 = PI**2 + shift

    def source(x):
        return (k2 - PI**2) * torch.sin(PI * x) + (k2 - 4 * PI**2) * torch.sin(2 * PI * x)

    s = solved(stated(LINE, [Dirichlet(0.0)], helmholtz(k2, source), exact=lambda self, x: exact(x)))
    assert s.stats.error_estimate is not None
    assert 1 / 3 < s.stats.error_estimate / s.error() < 3


STIFF = {
    "sizes of 1e-8 and 1e8": (
        LINE,
        [Dirichlet(0.0, component="u"), Dirichlet(0.0, component="v")],
        lambda u, x: (u["u"].d("x", "x") + 1e-8, 1e8 * u["v"].d("x", "x") + 1),
        ("u", "v"),
    ),
    "a clamped beam": (
        LINE,
        [Dirichlet(0.0), Neumann(0.0)],
        lambda u, x: u.d("x", "x", "x", "x") - 1,
        ("u",),
    ),
    "a layer": (LINE, [Dirichlet(0.0)], lambda u, x: -0.05 * u.d("x", "x") + u.d("x") - 1, ("u",)),
    "rates of 1 and 1e4": (
        sciml.Interval(0, 1, name="t"),
        [Dirichlet(1.0, on="t=0", component="u"), Dirichlet(0.0, on="t=0", component="v")],
        lambda u, x: (u["u"].d("t") + u["u"], 1e-4 * u["v"].d("t") + u["v"] - 1e-4 * u["u"]),
        ("u", "v"),
    ),
}


@pytest.mark.parametrize("case", STIFF.values(), ids=STIFF)
def test_stiff_problems_leave_nothing_free(case):
    domain, conditions, residual, unknowns = case
    s = solved(stated(domain, conditions, residual, unknowns))
    assert not any("free" in note for note in s.stats.notes)


def test_functions_of_which_half_are_zero_leave_nothing_to_compare_with():
    class Halved:
        count = 6

        def values(self, x):
            return torch.cat([torch.zeros_like(x), torch.sin(x), *(torch.zeros_like(x), torch.cos(x)) * 2], 1)

    problem = stated(LINE, (Dirichlet(0.0),), lambda u, x: u.d("x", "x"))
    trial = Trial(problem, nn.MLP([1, 4, 1]))
    R = torch.diag(torch.tensor([1.0, 1.0, 1.0, 1e-2, 1.0, 1.0], dtype=torch.float64))
    weak = weak_shapes(problem, trial, Halved(), R, torch.ones(1, dtype=torch.float64))
    assert weak.gain > 0 and not weak.falls
