"""Steep coefficients and sources on a line: resolved and told, or named; never right by what no point sees."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml.checks.equation import Equation
from sciml.solvers.placed.cells import steep_of
from tests.solvers.placed.cases import stated

AT = 0.3137
ENDS = (sciml.Dirichlet(0.0, on="x=0"), sciml.Dirichlet(1.0, on="x=1"))


def conducting(width):
    """``(k u')' = 0`` with ``k`` from 1 to 3 within a width around ``AT``."""

    def residual(u, x):
        k = torch.tanh((x - AT) / width)
        return -(2 + k) * u.d("x", "x") - (1 - k**2) / width * u.d("x")

    return stated(residual, ENDS)


def flux_is_continuous(x, width):
    """Closed form: ``1 / (2 + tanh s)`` has the integral ``2 s / 3 - log(3 e^s + e^-s) / 3``."""

    def rise(y):
        s = (y - AT) / width
        grown = s.abs() + torch.log(
            torch.where(s > 0, 3 + torch.exp(-2 * s.abs()), 1 + 3 * torch.exp(-2 * s.abs()))
        )
        return width * (2 * s - grown) / 3

    ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    low, high = rise(ends)
    return (rise(x) - low) / (high - low)


@pytest.mark.parametrize(("width", "bar"), [(1e-4, 1e-6), (1e-5, 1e-5), (1e-6, 1e-4)])
def test_a_steep_coefficient_keeps_the_flux(width, bar):
    solution = sciml.solve(conducting(width), progress=False)
    x = torch.linspace(0, 1, 1001, dtype=torch.float64)[:, None]
    expected = flux_is_continuous(x, width)
    error = float((solution(x) - expected).norm() / expected.norm())
    assert error < bar
    assert any("rise or peak" in note for note in solution.stats.notes)
    estimate = solution.stats.error_estimate
    assert estimate is None or estimate > 0.1 * error  # at 1e-5 a sixth of it is told


@pytest.mark.parametrize("width", [1e-9, 1e-12])
def test_one_that_rounding_hides_has_no_error_that_is_known(width):
    solution = sciml.solve(conducting(width), progress=False, max_steps=60)
    assert any("thinner than rounding" in note for note in solution.stats.notes)
    assert solution.stats.error_estimate is None


@pytest.mark.parametrize("width", [1e-5, 1e-7])
def test_a_source_that_rises(width):
    solution = sciml.solve(
        stated(lambda u, x: -u.d("x", "x") - torch.tanh((x - AT) / width), ENDS), progress=False
    )
    x = torch.linspace(0, 1, 1001, dtype=torch.float64)[:, None]

    def bent(y):  # what a jump leaves, within the square of the width
        return -(y - AT) * (y - AT).abs() / 2

    ends = bent(torch.tensor([0.0, 1.0], dtype=torch.float64))
    expected = bent(x) - ends[0] * (1 - x) + (1 - ends[1]) * x
    assert float((solution(x) - expected).norm() / expected.norm()) < 1e-6


@pytest.mark.parametrize("width", [1e-4, 1e-6, 1e-8])
def test_the_place_and_width_of_a_slope(width):
    jumps, ((place, found),) = steep_of(Equation(conducting(width)))
    assert jumps == []
    assert place == pytest.approx(2 * AT - 1, abs=0.1 * width)
    assert width < found < 3 * width  # the spread of 1 / cosh^2 is 0.91, and the line is 2 long
