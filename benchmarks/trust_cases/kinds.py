"""Conditions of any form, resonances, and mistakes in what is around an equation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from scipy.optimize import brentq
from torch import Tensor

import sciml
from benchmarks.trust_cases.case import Call, Case

KIND = "kinds"


class Radiating(sciml.PDE):
    """A rod that radiates at one end: ``-k u' = ε (u⁴ - T₀⁴)``."""

    domain = sciml.Interval(0, 1)
    k, eps, hot, outside = 50.0, 5.67e-8, 1000.0, 300.0

    @property
    def conditions(self):
        def wall(u, x, n):
            return self.k * n[:, :1] * u.d("x") + self.eps * (u**4 - self.outside**4)

        return (sciml.Dirichlet(self.hot, on="x=0"), sciml.Condition("x=1", wall))

    def residual(self, u, x):
        return u.d("x", "x")

    def exact(self, x):
        def balance(slope):
            return self.k * slope - self.eps * ((self.hot - slope) ** 4 - self.outside**4)

        return self.hot - cast(float, brentq(balance, 0.0, self.hot)) * x


class FreeEnd(sciml.PDE):
    """A clamped beam whose other end is free: ``u'' = u''' = 0`` there."""

    domain = sciml.Interval(0, 1)
    conditions = (
        sciml.Dirichlet(0.0, on="x=0"),
        sciml.Neumann(0.0, on="x=0"),
        sciml.Condition("x=1", lambda u, x: (u.d("x", "x"), u.d("x", "x", "x"))),
    )

    def residual(self, u, x):
        return u.d("x", "x", "x", "x") - 1

    def exact(self, x):
        return x**2 * (6 - 4 * x + x**2) / 24


class Product(sciml.PDE):
    """``m v = 2`` at the first instant, beside ``m = 1``."""

    domain = sciml.TimeInterval(0, 1)
    unknowns = ("m", "v")
    conditions = (
        sciml.Initial(1.0, component="m"),
        sciml.Condition("start", lambda u, x: u["m"] * u["v"] - 2.0),
    )

    def residual(self, u, x):
        return u["m"].d("t") - u["m"], u["v"].d("t") + u["v"]

    def exact(self, x):
        return torch.cat([torch.exp(x), 2 * torch.exp(-x)], 1)


def _k(x: Tensor) -> Tensor:
    return torch.where(x[:, :1] < 0.5, 1.0, 10.0).to(x)


class Joined(sciml.PDE):
    """Two materials with an interface between them."""

    domain = sciml.Interval(0, 1)
    conditions = (
        sciml.Dirichlet(0.0, on="x=0"),
        sciml.Dirichlet(1.0, on="x=1"),
        sciml.Interface("x=0.5", lambda u, x: _k(x) * u.grad()),
    )

    def residual(self, u, x):
        return -sciml.div(_k(x) * u.grad())

    def exact(self, x):
        q = 1 / 0.55
        return torch.where(x < 0.5, q * x, 1 - q * (1 - x) / 10)


class Resonance(sciml.PDE):
    """``u'' + π² u = sin 2πx``; one of the answers."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return u.d("x", "x") + math.pi**2 * u - torch.sin(2 * math.pi * x)

    def exact(self, x):
        return torch.sin(math.pi * x) - torch.sin(2 * math.pi * x) / (3 * math.pi**2)


class Membrane(sciml.PDE):
    """``u'' + u_yy + 2π² u = f`` at a resonance of the square; one of the answers."""

    domain = sciml.Box([0, 0], [1, 1])
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return u.laplacian() + 2 * math.pi**2 * u - torch.sin(2 * math.pi * x).prod(1, keepdim=True)

    def exact(self, x):
        one, two = (torch.sin(k * math.pi * x).prod(1, keepdim=True) for k in (1, 2))
        return one - two / (6 * math.pi**2)


class Strip(sciml.PDE):
    """Periodic in x with ``u = 0`` everywhere, where the sides y = 0 and y = 1 were meant."""

    domain = sciml.Box([0, 0], [1, 1])
    conditions = (sciml.Periodic("x"), sciml.Dirichlet(0.0))

    def residual(self, u, x):
        return -u.laplacian() - 1

    def exact(self, x):
        return x[:, 1:] * (1 - x[:, 1:]) / 2


class Disagreeing(sciml.PDE):
    """A measurement of 1 where the boundary value is 0; the answer without it."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0), sciml.Data([[0.0], [0.5]], [1.0, 1.0]))

    def residual(self, u, x):
        return -u.d("x", "x") - 8.0

    def exact(self, x):
        return 4 * x * (1 - x)


class String(sciml.PDE):
    """``-u'' = π² sin πx``, with an answer in the form that is asked for."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def __init__(self, form: Callable[[Tensor], Any] = lambda y: y, factor: complex = 1.0):
        self.form, self.factor = form, factor

    def residual(self, u, x):
        return -u.d("x", "x") - self.factor * math.pi**2 * torch.sin(math.pi * x)

    def exact(self, x):
        return self.form(torch.sin(math.pi * x))


def _solved(problem: sciml.PDE, model: torch.nn.Module | None = None) -> float:
    return sciml.solve(problem, model, max_steps=40, progress=False).error()


def _chain(*middle: torch.nn.Module) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(1, 20), *middle, torch.nn.Linear(20, 1))


CASES = (
    Case("a rod that radiates", KIND, Radiating, 1e-6, (3, 8, 40)),
    Case("a beam with a free end", KIND, FreeEnd, 1e-6, (3, 8, 40)),
    Case("a product of unknowns at the start", KIND, Product, 1e-6, (3, 8, 40)),
    Case("two materials, an interface", KIND, Joined, 1e-6, (3, 8, 60)),
    Case("a string at a resonance", KIND, Resonance, 1e-6),
    Case("a membrane at a resonance", KIND, Membrane, 1e-6),
    Case("periodic, and zero on the whole boundary", KIND, Strip, 1e-6, (60,), check=lambda s: s.error()),
    Case("a measurement against a boundary value", KIND, Disagreeing, 1e-6, (3, 8, 40)),
    Call("a network of relu, second order", KIND, lambda: _solved(String(), _chain(torch.nn.ReLU())), 1e-3),
    Call("a network with dropout", KIND, lambda: _solved(String(), _chain(torch.nn.Tanh(), torch.nn.Dropout(0.3))), 1e-3),
    Call("a network with batch normalisation", KIND, lambda: _solved(String(), _chain(torch.nn.BatchNorm1d(20))), 1e-3),
    Call("an exact solution of shape (n,)", KIND, lambda: _solved(String(lambda y: y[:, 0])), 1e-6),
    Call("an exact solution as an array", KIND, lambda: _solved(String(lambda y: y.numpy())), 1e-6),
    Call("an exact solution with a column too many", KIND, lambda: _solved(String(lambda y: torch.cat([y, y], 1))), 1e-6),
    Call("a complex residual", KIND, lambda: _solved(String(factor=1j)), 1e-6),
    Call("a product of two intervals in space", KIND, lambda: sciml.Interval(0, 1) * sciml.Interval(0, 1) and None),
)  # fmt: skip
