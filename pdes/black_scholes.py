"""The Black-Scholes equation for a European call option."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Initial
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.problem import PDE

TINY = 1e-30  # keeps derivatives with respect to √t finite at t = 0


@dataclass(frozen=True, repr=False)
class BlackScholes(PDE):
    """``V_t = sigma²/2 S² V_SS + rate (S V_S - V) + f`` on ``t in [0, maturity]``, ``S in [0, 2 strike]``.

    V is the price of a call, S that of the share, t the time LEFT to maturity, in years, so that the payoff
    ``max(S - strike, 0)`` is the start. Its kink makes it a penalty: built into the
    trial function, it would stay for all times. ``V = 0`` at ``S = 0``; the value at ``S = 2 strike`` is
    that of the solution on the whole half-line. The residual is that of the equation as it stands, in units of
    money a year.

    Attributes:
        sigma: Volatility, per root of a year, 0.05..1. Good values: 0.2; 0.05 keeps the kink sharp.
        rate: Interest, per year, 0..0.5. Good value: 0.05.
        strike: Price at which the option may be exercised, in units of money, 1e-3..1e6. Good value: 100.
        maturity: Years, 0.1..10. Good value: 1.

    Source of the solution: Black and Scholes (1973), J. Political Economy 81.
    """

    registry_name: ClassVar[str] = "black-scholes"
    unknowns = ("V",)

    sigma: float = 0.2
    rate: float = 0.05
    strike: float = 100.0
    maturity: float = 1.0

    def __post_init__(self) -> None:
        check_float(self, "sigma", 0.05, 1.0)
        check_float(self, "rate", 0.0, 0.5)
        check_float(self, "strike", 1e-3, 1e6)
        check_float(self, "maturity", 0.1, 10.0)

    @cached_property
    def domain(self) -> Domain:
        """The time to maturity times share prices up to twice the strike."""
        return TimeInterval(0.0, self.maturity) * Interval(0.0, 2 * self.strike, name="S")

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Worthless without a share price; the solution where the price is high; the payoff."""
        high = f"S={2 * self.strike:.12g}"
        return [
            Dirichlet(0.0, on="S=0"),
            Dirichlet(partial(_high, self.sigma, self.rate, self.strike), on=high),
            Initial(partial(_payoff, self.strike), hard=False),
        ]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``V_t - sigma²/2 S² V_SS - rate (S V_S - V) - f``."""
        price = x[:, 1:]
        spread = self.sigma**2 / 2 * price**2 * u.d("S", "S")
        return u.d("t") - spread - self.rate * (price * u.d("S") - u) - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """``V``, ``(n, 1)``."""
        return _call(self.sigma, self.rate, self.strike, x)


def _call(sigma: float, rate: float, strike: float, x: Tensor) -> Tensor:
    t, price = x[:, :1], x[:, 1:]
    deviation = sigma * torch.sqrt(t.clamp(min=TINY))
    middle = (torch.log(price / strike) + rate * t) / deviation
    up, down = middle + deviation / 2, middle - deviation / 2
    return price * torch.special.ndtr(up) - strike * torch.exp(-rate * t) * torch.special.ndtr(down)


def _payoff(strike: float, x: Tensor) -> Tensor:
    return (x[:, 1:] - strike).clamp(min=0)


def _high(sigma: float, rate: float, strike: float, x: Tensor) -> Tensor:
    return _call(sigma, rate, strike, torch.cat([x[:, :1], torch.full_like(x[:, 1:], 2 * strike)], dim=1))
