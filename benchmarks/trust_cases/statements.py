"""Problems stated incompletely or against themselves, and solutions used in a way that answered wrongly."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

import sciml
from benchmarks.trust_cases.case import Call, Case
from sciml import nn, pdes

KIND = "statements"


class Load(sciml.PDE):
    """``-u'' = c``."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def __init__(self, c: float):
        self.c = c

    def residual(self, u, x):
        return -u.d("x", "x") - self.c

    def exact(self, x):
        return self.c * x * (1 - x) / 2


class NoStart(sciml.PDE):
    """Heat without an initial condition; one of the answers."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x") - 1

    def exact(self, x):
        y = x[:, 1:]
        return y * (1 - y) / 2 + torch.exp(-(math.pi**2) * x[:, :1]) * torch.sin(math.pi * y)


class OneSide(sciml.PDE):
    """A value on the left side alone; one of the answers."""

    domain = sciml.Box([0, 0], [1, 1])
    conditions = (sciml.Dirichlet(0.0, on="x=0"),)

    def residual(self, u, x):
        return u.laplacian() + 2

    def exact(self, x):
        return x[:, :1] * (3 - x[:, :1])


class Insulated(sciml.PDE):
    """No flux anywhere, and a source that needs one; there is no answer."""

    domain = sciml.Box([0, 0], [1, 1])
    conditions = (sciml.Neumann(0.0),)

    def residual(self, u, x):
        return u.laplacian() + 1

    def exact(self, x):
        return torch.ones_like(x[:, :1])


class TwoValues(sciml.PDE):
    """Two values on one side."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0), sciml.Dirichlet(1.0, on="x=0", name="second"))

    def residual(self, u, x):
        return u.d("x", "x")

    def exact(self, x):
        return x


class Parameter(sciml.PDE):
    """A trainable number inside the residual."""

    domain = sciml.TimeInterval(0, 0.5) * sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0), sciml.Initial(lambda x: torch.sin(math.pi * x[:, 1:])))

    def __init__(self):
        self.D = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def residual(self, u, x):
        return u.d("t") - self.D * u.d("x", "x")


class Narrow(Load):
    """``x[:, 0]`` where ``x[:, :1]`` is meant."""

    def residual(self, u, x):
        return u.d("x", "x") + torch.sin(x[:, 0])


class Written(Load):
    """Coordinates as arguments, as other libraries have them."""

    def residual(self, u, x, y):  # type: ignore[override]
        return u.d("x", "x")


class Reaction(Load):
    """``u'' = u³ - f`` with ``u = sin πx``, for a network whose last layer alone may train."""

    def residual(self, u, x):
        s = self.exact(x)
        return u.d("x", "x") - u**3 + s**3 + math.pi**2 * s

    def exact(self, x):
        return torch.sin(math.pi * x)


def _load(c: float, **options) -> sciml.Solution:
    return sciml.solve(Load(c), nn.MLP([1, 10, 10, 1], "sine"), max_steps=30, progress=False, **options)


def _sweep() -> float:
    network = nn.MLP([1, 10, 10, 1], "sine")
    found = [sciml.solve(Load(c), network, max_steps=30, progress=False) for c in (1.0, 2.0, 8.0)]
    return max(
        abs(float(s([[0.5]])[0, 0]) / (c / 8) - 1) for s, c in zip(found, (1.0, 2.0, 8.0), strict=True)
    )


def _source() -> None:
    _load(1.0).finetune(Load(1.0).with_source(lambda x: 2 + 0 * x[:, :1]), adapter="head", max_steps=5)


def _saved() -> float:
    problem = pdes.Poisson(dim=2)
    solution = sciml.solve(problem, max_steps=10, progress=False)
    solution.finetune(
        problem.with_source(lambda x: 10 * torch.sin(2 * math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])),
        name="second",
        max_steps=10,
        progress=False,
    )
    solution.set_adapter("second")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "host.h5"
        solution.save(path)
        again = sciml.load(path, solution.problem)
    return float(np.abs(solution([[0.25, 0.5]]) - again([[0.25, 0.5]])).max())


def _integers() -> float:
    solution = _load(1.0)
    whole = float(solution(torch.tensor([[0], [1]])).abs().max())
    return whole + float(np.abs(solution([[0.5]]) - 0.125).max())


def _vector() -> float:
    return float(_load(1.0)(np.linspace(0, 1, 5)).shape != (5, 1))


def _outside() -> float:
    return float(abs(_load(1.0)([[3.0]])[0, 0] - math.inf))


def _head() -> float:
    start = sciml.solve(Load(1.0), nn.MLP([1, 10, 10, 1], "sine"), max_steps=20, progress=False)
    tuned = start.finetune(Reaction(1.0), adapter="head", progress=False, max_steps=50)
    error, told = tuned.error(), tuned.error_estimate().value
    return 0.0 if told is None or told > error / 3 else error


def _refined() -> float:
    solution = sciml.solve(pdes.Poisson(2), nn.KAN([2, 5, 5, 1]), max_steps=15, progress=False)
    network, x = solution.network, torch.rand(200, 2, dtype=torch.float64)
    before = network(x)
    network.refine(10)  # type: ignore[operator]
    return float((network(x) - before).norm() / before.norm())


def _without_gradients() -> float:
    with torch.no_grad():
        return _load(1.0).error()


CASES = (
    Case("no initial condition", KIND, NoStart, 1e-6),
    Case("a value on one side of four", KIND, OneSide, 1e-6),
    Case("no flux anywhere, a source that needs one", KIND, Insulated, 1e-6),
    Case("two values at one place", KIND, TwoValues, 1e-6),
    Call("one network for a sweep of three problems", KIND, _sweep, 1e-6),
    Call("a source that the residual does not use", KIND, _source),
    Call("a file of a solution with an active adapter", KIND, _saved, 1e-12),
    Call("a trainable number in the residual", KIND, lambda: sciml.solve(Parameter(), max_steps=5, progress=False).error()),
    Call("`x[:, 0]` in a residual", KIND, lambda: sciml.solve(Narrow(1.0), max_steps=5, progress=False).error()),
    Call("`residual(self, u, x, y)`", KIND, lambda: sciml.solve(Written(1.0), max_steps=5, progress=False).error()),
    Call("a linear head for a nonlinear equation", KIND, _head),
    Call("integers as points", KIND, _integers, 1e-8),
    Call("a vector as points", KIND, _vector),
    Call("points outside the domain", KIND, _outside),
    Call("`refine` of a solved KAN", KIND, _refined, 1e-9),
    Call("`torch.no_grad()` around a solve", KIND, _without_gradients, 1e-8),
    Call("device='gpu'", KIND, lambda: _load(1.0, device="gpu").error()),
    Call("seed=None", KIND, lambda: _load(1.0, seed=None).error()),
    Call("points=10**12", KIND, lambda: _load(1.0, points=10**12).error()),
    Call("Data of texts", KIND, lambda: sciml.Data([["a"]], [1.0]) and None),
    Call("Data of ragged rows", KIND, lambda: sciml.Data([[1.0], [1.0, 2.0]], [1.0, 2.0]) and None),
    Call("Data without numbers", KIND, lambda: sciml.Data() and None),
    Call("Dirichlet of a np.float32", KIND, lambda: 0.0 if sciml.Dirichlet(cast(Any, np.float32(1))) else 1.0),
    Call("a KAN on float32 points", KIND, lambda: float(nn.KAN([1, 5, 1])(torch.zeros(2, 1)).sum())),
)  # fmt: skip
