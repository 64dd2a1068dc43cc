"""Coefficients from measurements: two numbers, and a field from noisy values."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor

import sciml
from benchmarks.words.case import Words
from sciml import pdes
from sciml.conditions import Data, Dirichlet, Initial

COUNT, NOISE = 2500, 0.1


class Conductor(sciml.PDE):
    """``u_t = (a u')' + f`` with the diffusivity a(x) unknown inside, from 2500 values of u with noise.

    ``u = exp(-t) sin πx``, ``a = 1 + sin(2πx) / 4``.
    """

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    unknowns = ("u", "a")

    @property
    def conditions(self) -> Any:
        """Both ends of u and of a, the start, the measurements."""
        x = self.domain.sample(COUNT, seed=1)
        noise = NOISE * torch.randn(COUNT, 1, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
        return (
            Dirichlet(0.0, component="u"),
            Initial(lambda x: torch.sin(math.pi * x[:, 1:]), component="u"),
            Dirichlet(1.0, component="a"),
            Data(x, self.exact(x)[:, :1] + noise, component="u", noise=NOISE),
        )

    def residual(self, u: Any, x: Tensor) -> Any:
        """Heat, and a diffusivity that does not change in time."""
        v, a = u["u"], u["a"]
        t, y = x[:, :1], math.pi * x[:, 1:]
        true, slope = 1 + torch.sin(2 * y) / 4, math.pi / 2 * torch.cos(2 * y)
        f = torch.exp(-t) * ((math.pi**2 * true - 1) * torch.sin(y) - slope * math.pi * torch.cos(y))
        return v.d("t") - a.d("x") * v.d("x") - a * v.d("x", "x") - f, a.d("t")

    def exact(self, x: Tensor) -> Tensor:
        """``u`` and ``a``."""
        y = math.pi * x[:, 1:]
        return torch.cat([torch.exp(-x[:, :1]) * torch.sin(y), 1 + torch.sin(2 * y) / 4], 1)


def _diffusivity(solution: Any) -> float:
    x = solution.problem.domain.sample(4000, seed=987_654)
    expected = Conductor.exact(solution.problem, x)[:, 1:]
    with torch.no_grad():
        return float((solution.trial(x)[:, 1:] - expected).norm() / expected.norm())


def _worst(solution: Any) -> float:
    truth = pdes.InverseReaction.truth
    return max(
        abs(float(solution.unknown[name]) / v - 1) for name, v in zip(("nu", "rho"), truth, strict=True)
    )


PROBLEMS = (
    Words(
        "reaction",
        "a reaction with diffusion whose two rates are unknown",
        lambda: pdes.InverseReaction(**{name: cast(Any, sciml.Unknown(1.0)) for name in ("nu", "rho")}),
        0.19,
        0.06,
        _worst,
        "larger relative error of the two",
    ),
    Words(
        "diffusivity",
        "a field of diffusivity from values with noise 0.1",
        Conductor,
        0.082,
        0.05,
        _diffusivity,
        "relative L2 of the diffusivity",
    ),
)
