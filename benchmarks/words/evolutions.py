"""Evolutions: transport, shocks, solitons, flames, prices, heat, a control problem."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

import sciml
from benchmarks.rows import higher_order
from benchmarks.rows.case import table
from benchmarks.trust_cases.equations import Membrane, Mixed
from benchmarks.words.case import Words, of_trial
from sciml import pdes
from sciml.ansatz import Trial

MODES, STEPS, EVERY = 1024, 12_800, 200  # of the split-step solution; 8e-7 from twice the modes and the steps


class Front(sciml.PDE):
    """``u_t + u_x = 0`` from a step."""

    domain = sciml.TimeInterval(0, 0.5) * sciml.Interval(0, 2)
    conditions = (sciml.Dirichlet(1.0, on="x=0"), sciml.Initial(lambda x: (x[:, 1:] < 0.5).to(x)))

    def residual(self, u: Any, x: Tensor) -> Any:
        """The equation."""
        return u.d("t") + u.d("x")

    def exact(self, x: Tensor) -> Tensor:
        """The step, moved."""
        return (x[:, 1:] - x[:, :1] < 0.5).to(x)


class Call(sciml.PDE):
    """Black-Scholes call, volatility 0.3, rate 0.05, strike 1; time runs backwards from the expiry."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 3)
    conditions = (
        sciml.Initial(lambda x: torch.relu(x[:, 1:] - 1)),
        sciml.Dirichlet(0.0, on="x=0"),
        sciml.Dirichlet(lambda x: 3 - torch.exp(-0.05 * x[:, :1]), on="x=3"),
    )

    def residual(self, u: Any, x: Tensor) -> Any:
        """The equation."""
        S = x[:, 1:]
        return u.d("t") - 0.045 * S**2 * u.d("x", "x") - 0.05 * S * u.d("x") + 0.05 * u.value

    def exact(self, x: Tensor) -> Tensor:
        """The formula of Black and Scholes."""
        t, S = x[:, :1].clamp(min=1e-12), x[:, 1:].clamp(min=1e-300)
        width = 0.3 * t.sqrt()
        d = (torch.log(S) + 0.095 * t) / width
        return S * torch.special.ndtr(d) - torch.exp(-0.05 * t) * torch.special.ndtr(d - width)


class Bound(sciml.PDE):
    """``i h_t + h_xx / 2 + |h|² h = 0``, periodic, from ``2 sech x``: h = u + iv."""

    domain = sciml.TimeInterval(0, math.pi / 2) * sciml.Interval(-5, 5)
    unknowns = ("u", "v")
    conditions = (
        sciml.Periodic("x"),
        sciml.Initial(lambda x: 2 / torch.cosh(x[:, 1:]), component="u"),
        sciml.Initial(0.0, component="v"),
    )

    def residual(self, u: Any, x: Tensor) -> Any:
        """Real and imaginary parts."""
        a, b = u["u"], u["v"]
        square = a.value**2 + b.value**2
        return (
            a.d("t") + b.d("x", "x") / 2 + square * b.value,
            b.d("t") - a.d("x", "x") / 2 - square * a.value,
        )


def _bound() -> Callable[[Trial], float]:
    """Split steps of second order in Fourier modes (Hardin and Tappert 1973)."""
    (t0, low), (t1, high) = Bound.domain.lower.tolist(), Bound.domain.upper.tolist()
    x = low + (high - low) * np.arange(MODES) / MODES
    k = 2 * np.pi * np.fft.fftfreq(MODES, (high - low) / MODES)
    dt = (t1 - t0) / STEPS
    half, h, found = np.exp(-0.25j * k**2 * dt), (2 / np.cosh(x)).astype(complex), []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            found.append(h[::4])
        h = np.fft.ifft(half * np.fft.fft(h))
        h = np.fft.ifft(half * np.fft.fft(h * np.exp(1j * dt * abs(h) ** 2)))
    values: Any = np.stack(found).reshape(-1)
    t = torch.linspace(t0, t1, len(found), dtype=torch.float64)
    points = torch.cartesian_prod(t, torch.from_numpy(x[::4].copy()))
    return table(points, torch.from_numpy(np.stack([values.real, values.imag], 1)))


def _row(name: str) -> Any:
    return of_trial(next(case for case in higher_order.CASES if case.name == name).answer)


PROBLEMS = (
    Words("front", "advection of a step", Front, 0.67, 0.05),
    Words("call", "a Black-Scholes call", Call, 0.031, 6.6e-6),
    Words("burgers", "Burgers' equation with ν = 1e-4", partial(pdes.Burgers, nu=1e-4), 0.32, 0.32),
    Words("kdv", "KdV with 0.0025 u_xxx from cos πx", higher_order.Solitons, 0.013, 8.5e-7, _row("kdv")),
    Words(
        "schroedinger",
        "nonlinear Schrödinger, periodic, from 2 sech x",
        Bound,
        0.0074,
        5e-4,
        of_trial(_bound),
    ),
    Words(
        "flame",
        "a mild Kuramoto-Sivashinsky flame",
        higher_order.Flame,
        0.0014,
        2.9e-7,
        _row("kuramoto-sivashinsky, mild"),
    ),
    Words("membrane", "the wave equation in two dimensions", Membrane, 1.5e-5, 1.5e-5),
    Words("allen-cahn", "Allen-Cahn with D = 1e-3", partial(pdes.AllenCahn, D=1e-3), 1.5e-6, 1.5e-6),
    Words("heat", "heat with a flux, a Robin condition and k(x)", Mixed, 5.7e-8, 5.7e-8),
    Words("hjb", "a Hamilton-Jacobi-Bellman equation in 20 dimensions", pdes.HJB, 0.77, 0.19),
)
