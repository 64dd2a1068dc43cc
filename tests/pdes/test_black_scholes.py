"""The call option: a textbook's price, bounds, and an expectation computed another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

import sciml
from sciml import pdes


def test_price_of_a_textbook_option():
    """Hull, Options, Futures and Other Derivatives, example 15.6: a call worth 4.76."""
    problem = pdes.BlackScholes(sigma=0.2, rate=0.1, strike=40.0, maturity=0.5)
    assert problem.exact(torch.tensor([[0.5, 42.0]]).double()).item() == pytest.approx(4.76, abs=5e-3)


@pytest.mark.parametrize(("t", "price"), [(1.0, 100.0), (0.25, 80.0), (0.01, 101.0), (1.0, 190.0)])
def test_price_is_the_discounted_expectation(t, price):
    problem = pdes.BlackScholes(sigma=0.3)

    def payoff(z):
        end = price * math.exp((0.05 - 0.045) * t + 0.3 * math.sqrt(t) * z)
        return max(end - 100, 0) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    kink = (math.log(100 / price) - (0.05 - 0.045) * t) / (0.3 * math.sqrt(t))
    expected = math.exp(-0.05 * t) * quad(payoff, max(kink, -12), 12, epsabs=1e-12)[0]
    assert problem.exact(torch.tensor([[t, price]]).double()).item() == pytest.approx(expected, abs=1e-7)


def test_limits():
    problem = pdes.BlackScholes()
    price = torch.tensor([0.0, 50.0, 100.0, 150.0, 200.0]).double()
    now = problem.exact(torch.stack([torch.zeros(5).double(), price], dim=1))[:, 0]
    np.testing.assert_allclose(now, [0, 0, 0, 50, 100], atol=1e-12)
    later = problem.exact(torch.stack([torch.ones(5).double(), price], dim=1))[:, 0]
    assert (later >= price - 100 * math.exp(-0.05) - 1e-12).all()
    assert (later <= price).all()


def test_the_kink_is_a_penalty():
    report = sciml.check(pdes.BlackScholes())
    assert report.notes == []
    assert {label: how for label, _, how in report.conditions}["initial"] == "penalty"
