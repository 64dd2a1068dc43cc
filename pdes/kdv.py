"""The Korteweg-de Vries equation: a wave that breaks up into solitons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Initial, Periodic
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.pdes.references.spectral import fourier_galerkin, fourier_values
from sciml.problem import PDE, Reference

MU = 0.022


@dataclass(frozen=True, repr=False)
class KdV(PDE):
    """``u_t + u u_x + 0.022² u_xxx = f`` on ``t in [0, 1]``, ``x in [-1, 1]``, periodic.

    It starts from ``cos(πx)``, which steepens and near ``t = 1/π`` begins to break up into a train of
    solitons (Zabusky and Kruskal 1965, Phys. Rev. Lett. 15).
    """

    registry_name: ClassVar[str] = "kdv"
    floor = 2e-8

    @cached_property
    def domain(self) -> Domain:
        """Unit time times ``[-1, 1]``."""
        return TimeInterval(0.0, 1.0) * Interval(-1.0, 1.0)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Periodic in x; a cosine at the start."""
        return [Periodic("x"), Initial(_initial)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t + u u_x + 0.022² u_xxx - f``."""
        return u.d("t") + u * u.d("x") + MU**2 * u.d("x", "x", "x") - self.source(x)

    def reference(self) -> Reference:
        """The solution at 101 times and 256 places; about a second of computing, once."""
        t, y = torch.arange(101).double() / 100, torch.arange(256).double() / 256
        points = torch.cartesian_prod(t, 2 * y - 1)
        values = torch.from_numpy(fourier_values(_series(), y.numpy())).reshape(-1, 1)
        return Reference(points, values, self.floor, "Fourier-Galerkin ETDRK4")


def _initial(x: Tensor) -> Tensor:
    return torch.cos(math.pi * x[:, 1:])


@lru_cache(maxsize=1)
def _series(modes: int = 256, steps: int = 4000) -> np.ndarray:
    """Coefficients of ``exp(iπk(x + 1))`` at 101 times."""
    k, y = np.arange(modes), np.arange(2 * modes) / (2 * modes)
    return fourier_galerkin(
        np.cos(np.pi * (2 * y - 1)),
        1j * MU**2 * (np.pi * k) ** 3,
        -0.5j * np.pi * k,
        steps=steps,
        every=steps // 100,
    )
