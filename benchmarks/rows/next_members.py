"""Families whose next member has several roads: what is solved before, and what comes next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor

from sciml import nn, pdes
from sciml.conditions import BaseCondition, Dirichlet, Initial
from sciml.pdes.poisson_boltzmann import DISCS, INNER, KAPPA, OUTER
from sciml.pdes.references.screened_series import fit_on_boundary


@dataclass(frozen=True)
class Family:
    """A base, members that are solved before, and new members.

    Attributes:
        name: Of the case.
        problem: A member by its parameters.
        model: The network by its seed.
        base, members: Parameters of what is solved before.
        inside, outside: Of new members, within the range of the solved ones and beyond.
        accuracy: Estimated error that ``auto`` and a solve anew are asked for.
        steps: Of the base and of a solved member.
        linear: Whether the last layer can be solved for in closed form.
    """

    name: str
    problem: Callable[..., Any]
    model: Callable[[int], Any]
    base: tuple[float, ...]
    members: tuple[tuple[float, ...], ...]
    inside: tuple[tuple[float, ...], ...]
    outside: tuple[tuple[float, ...], ...]
    accuracy: float
    steps: tuple[int, int] = (200, 60)
    linear: bool = False


@dataclass(frozen=True, repr=False)
class BurgersAmplitude(pdes.Burgers):
    """Burgers' equation from ``-a sin(pi x)``: ``a`` times the solution of viscosity ``nu/a`` at the time ``a t``."""

    a: float = 1.0

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Zero at both ends; a sine at the start."""
        return [Dirichlet(0.0), Initial(lambda x: -self.a * torch.sin(math.pi * x[:, 1:]))]

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        slower = pdes.Burgers(self.nu / self.a)
        return self.a * slower.exact(torch.cat([self.a * x[:, :1], x[:, 1:]], 1))


def helmholtz(b: float, c: float) -> Any:
    """The catalogue's Helmholtz equation with two more waves of sizes ``b`` and ``c``."""

    def wave(x: Tensor, p: int, q: int) -> Tensor:
        return torch.sin(p * math.pi * x[:, :1]) * torch.sin(q * math.pi * x[:, 1:])

    waves = ((1.0, 1, 4), (b, 3, 2), (c, 2, 3))

    def exact(x: Tensor) -> Tensor:
        return torch.stack([size * wave(x, p, q) for size, p, q in waves]).sum(0)

    def source(x: Tensor) -> Tensor:
        parts = [size * (1.0 - (p * p + q * q) * math.pi**2) * wave(x, p, q) for size, p, q in waves]
        return torch.stack(parts).sum(0)

    return pdes.Helmholtz().with_source(source, exact=exact)


@lru_cache(maxsize=2)
def _screened(size: float) -> Any:
    """What decays from the boundary into a square with holes, beside ``size`` times ``exp(x) / (kappa^2 - 1)``."""

    def data(x: Any, y: Any) -> Any:
        import numpy as np

        outside = np.maximum(abs(x), abs(y)) == 1.0
        return np.where(outside, OUTER, INNER) - size * np.exp(x) / (KAPPA**2 - 1)

    return fit_on_boundary(KAPPA, DISCS, data)


def poisson_boltzmann(size: float) -> Any:
    """The catalogue's Poisson-Boltzmann equation with the source ``size exp(x)``, which has an answer in waves."""

    def exact(x: Tensor) -> Tensor:
        nothing, one = (
            torch.from_numpy(_screened(s)(*x.double().numpy().T)).reshape(-1, 1) for s in (0.0, 1.0)
        )
        decaying = nothing + size * (one - nothing)
        return decaying + size * torch.exp(x[:, :1]) / (KAPPA**2 - 1)

    return pdes.PoissonBoltzmann().with_source(lambda x: size * torch.exp(x[:, :1]), exact=exact)


def _mlp(*widths: int, activation: str = "tanh") -> Callable[[int], Any]:
    return lambda seed: nn.MLP(list(widths), activation, seed=seed)


FAMILIES = [
    Family(
        "burgers-two", lambda v, a: BurgersAmplitude(v / math.pi, a), _mlp(2, 20, 20, 20, 1),
        (0.013, 1.0),
        ((0.01, 0.9), (0.01, 1.1), (0.02, 0.9), (0.02, 1.1), (0.01, 1.0), (0.02, 1.0), (0.0135, 0.9), (0.0135, 1.1)),
        ((0.012, 1.05), (0.017, 0.95)), ((0.013, 1.25),), 1e-4, (260, 60),
    ),
    Family(
        "cavity", lambda lid: pdes.LidDriven(lid), _mlp(2, 24, 24, 24, 3),
        (4.0,), ((3.0,), (3.5,), (5.0,), (6.0,)), ((4.5,),), ((8.0,),), 1e-3, (150, 50),
    ),
    Family(
        "allen-cahn", lambda d: pdes.AllenCahn(d), _mlp(3, 20, 20, 20, 1),
        (1e-3,), ((6e-4,), (8e-4,), (1.3e-3,)), ((7e-4,),), ((4e-4,),), 1e-4, (300, 80),
    ),
    Family(
        "helmholtz", helmholtz, _mlp(2, 20, 60, 1, activation="sine"),
        (0.0, 0.0), ((1.0, 0.0),), ((0.5, 0.0),), ((0.5, 0.5),), 1e-5, (200, 60), linear=True,
    ),
    Family(
        "poisson-boltzmann", poisson_boltzmann, _mlp(2, 24, 24, 24, 1),
        (100.0,), ((300.0,),), ((200.0,),), ((-400.0,),), 1e-3, (150, 60), linear=True,
    ),
    Family(
        "wave", lambda c: pdes.Wave(c), _mlp(2, 30, 30, 1, activation="sine"),
        (2.0,), ((1.8,), (1.9,), (2.1,)), ((1.95,),), ((2.3,),), 1e-4, (300, 80), linear=True,
    ),
    Family(
        "allen-cahn-ball", lambda eps: pdes.AllenCahnBall(eps), _mlp(11, 32, 32, 1),
        (0.0,), ((2.0,),), ((1.0,),), ((50.0,),), 1e-2, (30, 20),
    ),
]  # fmt: skip
