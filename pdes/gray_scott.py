"""The Gray-Scott equations: a pulse that splits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sciml.conditions import Condition, Initial, Periodic
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.pdes.references.spectral import cosine_galerkin, cosine_values
from sciml.problem import PDE, Reference

DU, DV, DURATION, HALF, WIDTH = 2e-5, 1e-5, 200.0, 0.25, 0.05


@dataclass(frozen=True, repr=False)
class GrayScott(PDE):
    """``u_t = 2e-5 u_xx - u v² + F (1 - u) + f``, ``v_t = 1e-5 v_xx + u v² - (F + k) v``, x in [-¼, ¼]``, periodic.

    u is a food, v what lives on it. One pulse of v starts in the middle of fresh food, ``u = 1 - b/2``,
    ``v = b/4`` with ``b = exp(-(x/0.05)²)``. On ``t in [0, 200]`` it eats, splits in two, and the halves move
    apart. The residual is that of the equations as they stand: all terms are of size 0.01.

    Attributes:
        feed: F, per unit time, 0.01..0.08. Good values: 0.025 (two pulses that run); 0.04 (slower).
        kill: k, per unit time, 0.045..0.07. Good values: 0.055, 0.06.

    Source: Gray and Scott (1984), Chem. Eng. Sci. 39; the diffusivities are those of Pearson (1993),
        Science 261.
    """

    registry_name: ClassVar[str] = "gray-scott"
    unknowns = ("u", "v")
    floor = 2e-9

    feed: float = 0.025
    kill: float = 0.055

    def __post_init__(self) -> None:
        check_float(self, "feed", 0.01, 0.08)
        check_float(self, "kill", 0.045, 0.07)

    @cached_property
    def domain(self) -> Domain:
        """Two hundred units of time times one period."""
        return TimeInterval(0.0, DURATION) * Interval(-HALF, HALF)

    @cached_property
    def conditions(self) -> list[Condition]:
        """Periodic in x; the pulse at the start."""
        return [Periodic("x"), Initial(_food, component="u"), Initial(_pulse, component="v")]

    def residual(self, u: Field, x: Tensor) -> dict[str, Tensor]:
        """``u_t - 2e-5 u_xx + u v² - F (1 - u) - f`` and ``v_t - 1e-5 v_xx - u v² + (F + k) v``."""
        rate, second = u.d("t"), u.d("x", "x")
        food, life = u.value[:, :1], u.value[:, 1:]
        eaten = food * life**2
        first = rate[:, :1] - DU * second[:, :1] + eaten - self.feed * (1 - food) - self.source(x)
        other = rate[:, 1:] - DV * second[:, 1:] - eaten + (self.feed + self.kill) * life
        return {"food": first, "life": other}

    def reference(self) -> Reference:
        """The solution at 101 times and 256 places; about a second of computing, once for the parameters."""
        t, y = torch.arange(101).double() / 100, torch.arange(-128, 128).double() / 128
        points = torch.cartesian_prod(DURATION * t, HALF * y)
        values = torch.from_numpy(cosine_values(_series(self.feed, self.kill), y.numpy()))
        return Reference(points, values.movedim(1, -1).reshape(-1, 2), self.floor, "cosine-Galerkin ETDRK4")


def _bell(x: Tensor) -> Tensor:
    return torch.exp(-((x[:, 1:] / WIDTH) ** 2))


def _food(x: Tensor) -> Tensor:
    return 1 - _bell(x) / 2


def _pulse(x: Tensor) -> Tensor:
    return _bell(x) / 4


@lru_cache(maxsize=4)
def _series(feed: float, kill: float, steps: int = 2000) -> np.ndarray:
    """Coefficients of ``cos(kπy)`` at 101 times, ``(101, 2, K)``, ``y = 4x``; the solution is even in y."""
    waves = (np.pi * np.arange(128) / HALF) ** 2

    def start(y: np.ndarray) -> np.ndarray:
        bell = np.exp(-((HALF * y / WIDTH) ** 2))
        return np.stack([1 - bell / 2, bell / 4])

    def reaction(w: np.ndarray) -> np.ndarray:
        eaten = w[0] * w[1] ** 2
        return DURATION * np.stack([feed - eaten, eaten])

    linear = -DURATION * np.stack([DU * waves + feed, DV * waves + feed + kill])
    return cosine_galerkin(start, linear, reaction, steps=steps, every=steps // 100)
