"""Acceptance and the rules of the weight against exact arithmetic and the formulas of their sources."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch

from sciml.optim.steps.acceptance import (
    Acceptance,
    Fixed,
    Interpolation,
    Nielsen,
    Proposal,
    Published,
    Verdict,
    square_fall,
)

STEP = torch.zeros(3, dtype=torch.float64)
RULES = (Nielsen(), Nielsen(1.0 / 3.0), Interpolation(), Published(), Published(0.5), Fixed())


def proposal(fall=0.5, predicted=1.0, loss=1.0, **more):
    return Proposal(STEP, loss, fall, predicted, **more)


def verdict(ratio, taken=True, grad_norm=1.0, **more):
    return Verdict(taken, ratio, proposal(**more), grad_norm)


def test_the_fall_of_a_sum_of_squares_keeps_the_digits_that_both_losses_share():
    generator = torch.Generator().manual_seed(0)
    r = 1e4 + torch.rand(1001, generator=generator, dtype=torch.float64)
    r_new = r - 1e-9 * torch.rand(1001, generator=generator, dtype=torch.float64)
    exact = sum(
        (Fraction(a) ** 2 - Fraction(b) ** 2 for a, b in zip(r.tolist(), r_new.tolist(), strict=True))
    )
    assert square_fall(r, r_new) == pytest.approx(float(exact / 2), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("unit, loss", [(1.0, 1e-9), (0.0, 1e-9), (1.0, 300.0)])
def test_decreases_below_the_rounding_of_the_loss_count_as_what_was_predicted(dtype, unit, loss):
    size = torch.finfo(dtype).eps * max(unit, loss)
    tiny = Proposal(STEP.to(dtype), loss, -0.01 * size, 0.01 * size)
    rule = Acceptance(least=0.9, unit=unit)
    assert rule.ratio(tiny, loss) == pytest.approx(1.0, abs=0.01)
    assert rule.takes(tiny, rule.ratio(tiny, loss), loss)
    rise = Proposal(STEP.to(dtype), loss, -1e3 * size, 0.01 * size)
    assert not rule.takes(rise, rule.ratio(rise, loss), loss)


def test_the_ratio_is_bounded_and_a_model_that_rises_counts_as_a_failure():
    rule = Acceptance()
    assert rule.ratio(proposal(fall=0.25), 1.0) == pytest.approx(0.25)
    assert rule.ratio(proposal(fall=1e6), 1.0) == 10.0
    assert rule.ratio(proposal(fall=-1e6), 1.0) == -10.0
    assert rule.ratio(proposal(predicted=-1e-3), 1.0) == -1.0
    assert Acceptance(unit=0.0).ratio(proposal(fall=0.0, predicted=0.0), 0.0) == -1.0
    assert rule.ratio(proposal(predicted=math.nan), 1.0) == -1.0


def test_a_loss_that_is_not_finite_is_not_taken_and_a_monotone_rule_takes_no_rise():
    for least in (-math.inf, 0.1):
        for loss in (math.inf, math.nan):
            assert not Acceptance(least).takes(proposal(loss=loss), 1.0, 1.0)
    above = proposal(loss=math.nextafter(1.0, 2.0))
    assert Acceptance().takes(above, 1.0, 1.0)
    assert not Acceptance(monotone=True).takes(above, 1.0, 1.0)


@pytest.mark.parametrize("least", [0.2, 1.0 / 3.0])
@pytest.mark.parametrize(
    "ratio, factor", [(0.5, 1.0), (0.25, 1.125), (1.0, 0.0), (0.75, 0.875), (0.1, 1.512)]
)
def test_nielsen_is_his_formula(least, ratio, factor):
    assert Nielsen(least).weight(3.0, 2.0, verdict(ratio)) == pytest.approx(
        3.0 * max(factor, least), rel=1e-6
    )


def test_nielsen_grows_by_nu_and_is_held_back_by_corrections_that_hardly_shrank():
    rule = Nielsen()
    assert rule.weight(3.0, 8.0, verdict(-1.0, taken=False)) == 24.0
    held = [rule.weight(1.0, 2.0, verdict(1.0, contraction=c)) for c in (0.0, 0.5, 0.6, 0.99, 1.0)]
    assert held == [0.2, 0.2, 0.7, 0.7, 1.0]
    assert rule.weight(1.0, 2.0, verdict(0.1, contraction=1.0)) > 1.0


@pytest.mark.parametrize(
    "taken, ratio, fitted, factor",
    [
        (True, 0.95, 0.5, 0.5),
        (True, 0.95, 1e-3, 0.1),
        (True, 0.95, 4.0, 1.0),
        (True, 0.5, 4.0, 4.0),
        (True, 0.5, 40.0, 10.0),
        (False, 0.0, 5.0, 5.0),
        (False, 0.0, 1.0, 2.0),
        (False, 0.0, 1e4, 100.0),
    ],
)
def test_interpolation_takes_the_fitted_weight_within_bounds(taken, ratio, fitted, factor):
    found = Interpolation().weight(3.0, 2.0, verdict(ratio, taken, fitted=3.0 * fitted))
    assert found == pytest.approx(3.0 * factor)


def test_the_published_rule_and_the_classic_one():
    for shrink in (1.0, 0.5):
        rule = Published(shrink)
        assert rule.weight(4.0, 8.0, verdict(0.0, taken=False)) == 8.0
        assert rule.weight(4.0, 2.0, verdict(0.5)) == 4.0
        assert rule.weight(4.0, 2.0, verdict(0.95, grad_norm=100.0)) == 4.0 * shrink
        assert rule.weight(4.0, 2.0, verdict(0.95, grad_norm=1e-3)) == 1e-3


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_nu_doubles_with_each_rejection_in_a_row(rule):
    nu, seen = 2.0, []
    for _ in range(4):
        nu = rule.nu(nu, False)
        seen.append(nu)
    assert seen == [4.0, 8.0, 16.0, 32.0]
    assert rule.nu(nu, True) == (nu if isinstance(rule, Fixed) else 2.0)
    assert rule.nu(1e10, False) == 1e10
