"""A value that is nothing but rounding contradicts nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import sciml
from sciml import Dirichlet, Initial, Periodic
from sciml.ansatz import Ansatz
from sciml.errors import ArgumentError
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, heat, notes, poisson, stated


def sine(x):
    return torch.sin(math.pi * x[:, -1:])  # 1.2e-16 at 1


def table(x):
    return np.sin(math.pi * np.asarray(x)[:, -1:])


@pytest.mark.parametrize("value", [sine, table])
def test_a_sine_that_vanishes_at_an_end_agrees_with_zero(value):
    conditions = [Dirichlet(0.0), Dirichlet(value, on="x=1")]
    found = notes(LINE, conditions, lambda u, x: u.d("x", "x") - 1.0)
    assert any("state the same twice" in n for n in found)


@pytest.mark.parametrize("size", [1e-12, 1e-5, 1.0])
def test_a_value_above_rounding_still_contradicts(size):
    conditions = [Dirichlet(0.0), Dirichlet(lambda x: size + 0 * x, on="x=1")]
    with pytest.raises(ArgumentError, match="need one value"):
        notes(LINE, conditions, lambda u, x: u.d("x", "x") - 1.0)


def test_small_data_are_no_rounding():
    """Sizes of 1e-17 everywhere, as of a charge in coulombs."""
    conditions = [Dirichlet(0.0), Dirichlet(lambda x: 1e-17 * torch.exp(x), on="x=1")]
    with pytest.raises(ArgumentError, match="need one value"):
        notes(LINE, conditions, lambda u, x: u.d("x", "x") - 1e-17)


def test_what_is_steep_elsewhere_is_no_rounding_here():
    """e^(50 x) is one at x = 0, whatever it is inside."""
    conditions = [Dirichlet(lambda x: torch.exp(50 * x), on="x=0"), Dirichlet(1.001, on="x=0")]
    with pytest.raises(ArgumentError, match="need one value"):
        notes(LINE, conditions, lambda u, x: u.d("x", "x") - 1.0)


def test_sides_that_vanish_but_for_rounding_stay_exact():
    conditions = [
        Dirichlet(lambda x: torch.sin(math.pi * x[:, :1]), on=["x=0", "x=1"]),
        Dirichlet(0.0, on=["y=0", "y=1"]),
    ]
    ansatz = Ansatz(stated(SQUARE, conditions, poisson))
    assert len(ansatz.hard) == 2 and not ansatz.notes


def test_a_start_of_zero_meets_ends_that_vanish_but_for_rounding():
    problem = stated(TIME_LINE, [Dirichlet(sine), Initial(0.0)], lambda u, x: heat(u, x) - 1.0)
    assert len(Ansatz(problem).hard) == 2


def test_an_unknown_without_data_has_no_jump_that_comes_from_rounding():
    """b rises from nothing by what a has: at x = 1 that is a sine's rounding."""

    def exchange(u, x):
        a, b = u["a"], u["b"]
        return {
            "a": a.d("t") - 0.1 * a.d("x", "x") + 2 * (a - b),
            "b": b.d("t") - 0.1 * b.d("x", "x") - 2 * (a - b),
        }

    conditions = [Dirichlet(0.0, component=c) for c in "ab"]
    conditions += [Initial(sine, component="a"), Initial(0.0, component="b")]
    ansatz = Ansatz(stated(TIME_LINE, conditions, exchange, unknowns=("a", "b")))
    assert len(ansatz.hard) == 4 and not ansatz.carries and not ansatz.notes


def test_a_jump_of_the_rate_is_still_carried():
    problem = stated(TIME_LINE, [Dirichlet(0.0), Initial(0.0)], lambda u, x: heat(u, x) - 1.0)
    ansatz = Ansatz(problem)
    assert ansatz.carries and len(ansatz.hard) == 2


def test_a_seam_that_differs_by_rounding_is_periodic():
    start = Initial(lambda x: torch.sin(2 * math.pi * x[:, 1:]) * 1e3)
    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    assert not [n for n in notes(domain, [Periodic("x"), start], heat) if "not periodic" in n]
