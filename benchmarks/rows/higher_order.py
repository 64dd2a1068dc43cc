"""Equations of third and fourth order: solitons, flames, plates, beams, separating phases."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

import sciml
from benchmarks.rows.case import Case, at_point, closed_form, table
from sciml import pdes
from sciml.ansatz import Trial
from sciml.conditions import Dirichlet, Initial, Neumann, Periodic
from sciml.domains import Box, Interval, TimeInterval
from sciml.pdes.references.etdrk4 import etdrk4
from sciml.pdes.references.spectral import fourier_galerkin, fourier_values

PI = math.pi
TIMES = 100
PLACES = 256


class Solitons(sciml.PDE):
    """``u_t + u u_x + 0.0025 u_xxx = 0``, start ``cos πx``, periodic."""

    domain = TimeInterval(0.0, 1.0) * Interval(-1.0, 1.0)
    conditions = (Periodic("x"), Initial(lambda x: torch.cos(PI * x[:, 1:])))

    def residual(self, u, x):
        return u.d("t") + u * u.d("x") + 0.0025 * u.d("x", "x", "x")


class Flame(sciml.PDE):
    """``u_t + u u_x + u_xx + u_xxxx = 0`` on ``[-10, 10]``, start ``-sin(πx/10)``, periodic, to t = 10.

    The fastest of its waves grows by ``exp(t / 4)``.
    """

    domain = TimeInterval(0.0, 10.0) * Interval(-10.0, 10.0)
    conditions = (Periodic("x"), Initial(lambda x: -torch.sin(PI / 10 * x[:, 1:])))

    def residual(self, u, x):
        return u.d("t") + u * u.d("x") + u.d("x", "x") + u.d("x", "x", "x", "x")


class Phases(sciml.PDE):
    """Cahn-Hilliard: ``u_t = (u³ - u - 0.01 u_xx)_xx`` on ``[-1, 1]``, periodic, to t = 0.1; interfaces of width 0.1."""

    domain = TimeInterval(0.0, 0.1) * Interval(-1.0, 1.0)
    conditions = (
        Periodic("x"),
        Initial(lambda x: torch.cos(PI * x[:, 1:]) + 0.3 * torch.cos(2 * PI * x[:, 1:])),
    )

    def residual(self, u, x):
        curvature = u.d("x", "x")
        cubed = 3 * u * u * curvature + 6 * u * u.d("x") ** 2
        return u.d("t") - cubed + curvature + 0.01 * u.d("x", "x", "x", "x")


class Plate(sciml.PDE):
    """``Δ²u = f`` on the unit square, clamped: ``u = u_n = 0`` all around.

    Args:
        modes: The deflection is a sum of ``c sin²(kπx) sin²(lπy)`` over ``(c, k, l)``; without any ``f = 1``.
    """

    domain = Box([0.0, 0.0], [1.0, 1.0])
    conditions = (Dirichlet(0.0), Neumann(0.0))

    def __init__(self, modes: tuple[tuple[float, int, int], ...] = ()):
        self.modes = modes

    def residual(self, u, x):
        return u.biharmonic() - self.load(x)

    def load(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``."""
        if not self.modes:
            return torch.ones_like(x[:, :1])
        total = torch.zeros_like(x[:, :1])
        for c, k, l in self.modes:
            (a, a2, a4), (b, b2, b4) = _bump(k, x[:, :1]), _bump(l, x[:, 1:])
            total = total + c * (a4 * b + 2 * a2 * b2 + a * b4)
        return total

    def deflection(self, x: Tensor) -> Tensor:
        """The answer for given modes, ``(n, 1)``."""
        return torch.stack([c * _bump(k, x[:, :1])[0] * _bump(l, x[:, 1:])[0] for c, k, l in self.modes]).sum(
            0
        )


def _bump(k: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``sin²(kπx)``, its second and its fourth derivative."""
    w = 2 * k * PI
    wave = torch.cos(w * x)
    return (1 - wave) / 2, w**2 / 2 * wave, -(w**4) / 2 * wave


class Beam(sciml.PDE):
    """``u'''' = 1``, clamped at both ends."""

    domain = Interval(0.0, 1.0)
    conditions = (Dirichlet(0.0), Neumann(0.0))

    def residual(self, u, x):
        return u.d("x", "x", "x", "x") - 1.0


Measure = Callable[[], Callable[[Trial], float]]


def _periodic(problem: sciml.PDE, start: Callable, linear: Callable, transport: float, steps: int) -> Measure:
    """Against a Fourier-Galerkin solution of ``u_t = L u - (c u²)_x``; ``linear`` maps wave numbers to L's eigenvalues."""

    def make() -> Callable[[Trial], float]:
        (t0, low), (t1, high) = problem.domain.lower.tolist(), problem.domain.upper.tolist()
        span, length = t1 - t0, high - low
        k = 2 * PI / length * np.arange(PLACES)
        y = np.arange(2 * PLACES) / (2 * PLACES)
        series = fourier_galerkin(
            start(low + length * y),
            span * linear(k),
            -1j * span * transport * k,
            steps=steps,
            every=steps // TIMES,
        )
        return _on_grid(problem, lambda places: fourier_values(series, places))

    return make


def _on_grid(problem: sciml.PDE, values: Callable) -> Callable[[Trial], float]:
    (t0, low), (t1, high) = problem.domain.lower.tolist(), problem.domain.upper.tolist()
    y = np.arange(PLACES) / PLACES
    t = torch.linspace(t0, t1, TIMES + 1, dtype=torch.float64)
    x = torch.cartesian_prod(t, low + (high - low) * torch.from_numpy(y))
    return table(x, torch.from_numpy(values(y)).reshape(-1, 1))


def _phases(steps: int = 4000, modes: int = 128) -> Callable[[Trial], float]:
    """Pseudo-spectral ETDRK4 for ``Phases``, with twice as many points as modes."""
    problem = Phases()
    x = -1 + 2 * np.arange(4 * modes) / (4 * modes)
    k2 = (PI * np.arange(modes)) ** 2
    span = float(problem.domain.upper[0])

    def values(a: np.ndarray) -> np.ndarray:
        return np.fft.irfft(np.concatenate([a, np.zeros(modes + 1)]), len(x)) * len(x)

    def cubed(a: np.ndarray) -> np.ndarray:
        return -span * k2 * np.fft.rfft(values(a) ** 3)[:modes] / len(x)

    first = np.fft.rfft(np.cos(PI * x) + 0.3 * np.cos(2 * PI * x))[:modes] / len(x)
    series = etdrk4(span * (k2 - 0.01 * k2**2), cubed, first, 1 / steps, steps, steps // TIMES)
    grid = np.stack([values(a)[:: 4 * modes // PLACES] for a in series])
    return _on_grid(problem, lambda _: grid)


def _catalogue() -> Callable[[Trial], float]:
    reference = pdes.KdV().reference()
    return table(reference.points, reference.values)


def _plate(problem: Plate) -> Measure:
    return lambda: closed_form(problem.domain, problem.deflection)


TWO, HIGH = Plate(((1.0, 1, 1), (0.5, 2, 1))), Plate(((1.0, 2, 3),))
CASES = (
    Case(
        "kdv",
        Solitons,
        _periodic(Solitons(), lambda x: np.cos(PI * x), lambda k: 0.0025j * k**3, 0.5, 4000),
        ((1e-5, 20.0), (1e-6, 40.0)),
        today="14 % after 45 s",
    ),
    Case("kdv of the catalogue", pdes.KdV, _catalogue, ((1e-4, 60.0),), today="3 % to 15 % after 60 s"),
    Case(
        "kuramoto-sivashinsky, mild",
        Flame,
        _periodic(Flame(), lambda x: -np.sin(PI / 10 * x), lambda k: k**2 - k**4, 0.5, 4000),
        ((1e-5, 15.0), (1e-6, 30.0)),
        today="not usable",
    ),
    Case("cahn-hilliard", Phases, _phases, ((1e-4, 15.0),), today="not usable"),
    Case("clamped plate, two modes", lambda: TWO, _plate(TWO), ((1e-8, 2.0),), today="19 s by autograd"),
    Case("clamped plate, sin²2πx sin²3πy", lambda: HIGH, _plate(HIGH), ((1e-6, 8.0),)),
    Case(
        "clamped plate, f = 1, centre",
        Plate,
        lambda: at_point((0.5, 0.5), 0.00126532),
        ((1e-5, 8.0),),
    ),
    Case(
        "clamped beam",
        Beam,
        lambda: closed_form(Beam.domain, lambda x: (x * (1 - x)).square() / 24),
        ((1e-10, 1.0),),
    ),
)
