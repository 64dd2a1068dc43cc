"""The problems on which a KAN meets an MLP of as many numbers: twelve kinds, from a jump to a smooth solution."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import sciml
from sciml import nn, pdes

JUMP = 0.4


class Rod(sciml.PDE):
    """``a u' = q, -q' = pi^2 sin(pi x)`` with ``a = 1`` left of the jump and 10 right of it; ``u = 0`` at both ends."""

    unknowns = ("u", "q")
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0, component="u"),)

    def residual(self, u: Any, x: Tensor) -> dict[str, Tensor]:
        """Both equations of first order."""
        a = torch.where(x < JUMP, 1.0, 10.0)
        return {
            "flux": a * u["u"].d("x") - u["q"].value,
            "balance": -u["q"].d("x") - math.pi**2 * torch.sin(math.pi * x),
        }

    def exact(self, x: Tensor) -> Tensor:
        """``u`` and ``q``, (n, 2)."""
        s = math.sin(math.pi * JUMP)
        c = -0.9 * s / (JUMP + (1 - JUMP) / 10)
        left = c * x + torch.sin(math.pi * x)
        right = c * JUMP + s + (c * (x - JUMP) + torch.sin(math.pi * x) - s) / 10
        return torch.cat([torch.where(x < JUMP, left, right), c + math.pi * torch.cos(math.pi * x)], 1)


class Materials(sciml.PDE):
    """``-(k u')' = 1`` with ``k = 1`` left of 1/2 and 10 right of it, and an ``Interface`` there."""

    domain = sciml.Interval(0, 1)

    @property
    def conditions(self) -> tuple[Any, ...]:  # type: ignore[override]
        """Zero at both ends, a continuous flux between."""
        return (sciml.Dirichlet(0.0), sciml.Interface("x=0.5", lambda u, x: self.k(x) * u.grad()))

    def k(self, x: Tensor) -> Tensor:
        """The conductivity, (n, 1)."""
        return torch.where(x[:, :1] < 0.5, 1.0, 10.0)

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Left minus right side."""
        return -self.k(x) * u.d("x", "x") - 1.0

    def exact(self, x: Tensor) -> Tensor:
        """The solution, (n, 1): flux ``q0 - x`` with ``q0 = 13 / 44``."""
        q = 13 / 44
        left = q * x - x**2 / 2
        right = (q * 0.5 - 0.125) + (q * (x - 0.5) - (x**2 - 0.25) / 2) / 10
        return torch.where(x < 0.5, left, right)


class Layer(sciml.PDE):
    """``-eps u'' + u' = 1``, ``u = 0`` at both ends: a layer of width eps at the right one."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def __init__(self, eps: float):
        self.eps = eps

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Left minus right side."""
        return -self.eps * u.d("x", "x") + u.d("x") - 1.0

    def exact(self, x: Tensor) -> Tensor:
        """The solution, (n, 1)."""
        layer = torch.exp((x - 1) / self.eps) - math.exp(-1 / self.eps)
        return x - layer / (1 - math.exp(-1 / self.eps))


class Reaction(sciml.PDE):
    """``-eps^2 u'' + u = 1``, ``u = 0`` at both ends: a layer of width eps at each."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)
    eps = 1e-3

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Left minus right side."""
        return -(self.eps**2) * u.d("x", "x") + u.value - 1.0

    def exact(self, x: Tensor) -> Tensor:
        """The solution, (n, 1)."""
        e = self.eps
        return 1 - (torch.exp(-x / e) + torch.exp((x - 1) / e)) / (1 + math.exp(-1 / e))


class Turning(sciml.PDE):
    """``-eps u'' - x u' = 0``, from -1 to 1: a layer of width sqrt(eps) in the middle."""

    domain = sciml.Interval(-1, 1)
    conditions = (sciml.Dirichlet(-1.0, on="left"), sciml.Dirichlet(1.0, on="right"))
    eps = 1e-4

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Left minus right side."""
        return -self.eps * u.d("x", "x") - x * u.d("x")

    def exact(self, x: Tensor) -> Tensor:
        """The solution, (n, 1)."""
        scale = math.sqrt(2 * self.eps)
        return torch.erf(x / scale) / math.erf(1 / scale)


class Manufactured(sciml.PDE):
    """``Laplace(u) = f`` for a given solution that is zero at the boundary."""

    def __init__(self, domain: Any, solution: Callable[[Tensor], Tensor]):
        self.domain, self.solution = domain, solution
        self.conditions = (sciml.Dirichlet(0.0),)

    def source(self, x: Tensor) -> Tensor:
        """The Laplacian of the solution, by autograd, (n, 1)."""
        y = x.detach().requires_grad_(True)
        with torch.enable_grad():
            (g,) = torch.autograd.grad(self.solution(y).sum(), y, create_graph=True)
            rows = [
                torch.autograd.grad(g[:, i].sum(), y, retain_graph=True)[0][:, i] for i in range(y.shape[1])
            ]
        return torch.stack(rows).sum(0)[:, None].detach()

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Left minus right side."""
        return u.laplacian() - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """The solution, (n, 1)."""
        return self.solution(x)


def bump(x: Tensor) -> Tensor:
    """A Gaussian of width 0.05 in the unit square."""
    return torch.exp(-((x - 0.5) ** 2).sum(1, keepdim=True) / (2 * 0.05**2))


def two_scales(x: Tensor) -> Tensor:
    """A slow wave and a small fast one."""
    return torch.sin(2 * math.pi * x) + 0.1 * torch.sin(50 * math.pi * x)


@dataclass(frozen=True)
class Case:
    """A problem with a KAN for it.

    Attributes:
        problem: With a solution that is known.
        kan: What makes one of a seed; None for the spline that a solve places by itself.
        activation: Of the MLP.
        scale: Of its first layer.
        points: Interior points for both; None for as many as a solve takes.
    """

    problem: sciml.PDE
    kan: Callable[[int], nn.KAN] | None = None
    activation: str = "tanh"
    scale: float = 1.0
    points: int | None = None


def _kan(widths: list[int], **options: Any) -> Callable[[int], nn.KAN]:
    return lambda seed: nn.KAN(widths, seed=seed, **options)


CASES: dict[str, Case] = {
    "rod with a jump": Case(Rod()),
    "two materials": Case(Materials()),
    "layer 1e-2": Case(Layer(1e-2), points=2000),
    "layer 1e-3": Case(Layer(1e-3), points=20_000),
    "layer 1e-4": Case(Layer(1e-4), points=40_000),
    "two layers 1e-3": Case(Reaction(), points=20_000),
    "turning flow 1e-2": Case(Turning(), points=2000),
    "bump of width 0.05": Case(
        Manufactured(sciml.Box((0, 0), (1, 1)), bump), _kan([2, 4, 4, 1], grid=10, degree=4)
    ),
    "two scales": Case(
        Manufactured(sciml.Interval(0, 1), two_scales),
        _kan([1, 4, 1], grid=50, degree=5),
        "sine",
        20.0,
        1000,
    ),
    "Poisson": Case(pdes.Poisson(2), _kan([2, 5, 5, 1], grid=4, degree=5), "sine"),
    "Burgers": Case(pdes.Burgers(), _kan([2, 6, 6, 6, 1], grid=5, degree=4)),
    "Helmholtz": Case(pdes.Helmholtz(), _kan([2, 5, 5, 1], grid=5, degree=5), "sine"),
}


def mlp_of(case: Case, numbers: int, seed: int) -> nn.MLP:
    """An MLP of two hidden layers, three where the problem has a time, with at least so many numbers."""
    problem = case.problem
    depth = 2 if problem.domain.time_axis is None else 3
    for width in range(2, 200):
        widths = [problem.inputs, *[width] * depth, problem.outputs]
        network = nn.MLP(widths, case.activation, scale=case.scale, seed=seed)
        if sum(p.numel() for p in network.parameters()) >= numbers:
            return network
    raise ValueError(f"no MLP has {numbers} numbers")
