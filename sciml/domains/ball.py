"""Ball and Disk; the boundary is a sphere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sciml import arguments
from sciml.domains.closed_form import ClosedForm
from sciml.domains.distances.rfunctions import within
from sciml.domains.pieces import Piece

ALMOST_ONE = 1 - 1e-9  # keeps samples inside where the radial map rounds to one


def directions(u: Tensor) -> tuple[Tensor, Tensor]:
    """Normal deviates by the unit cube: directions (n, d), uniform on the sphere; half squares (n,)."""
    z = torch.special.ndtri(u)
    # a deviate of exactly zero length has no direction; it needs every coordinate to be 1/2
    half = (0.5 * (z * z).sum(-1)).clamp(min=torch.finfo(z.dtype).tiny)
    return z / torch.sqrt(2 * half).unsqueeze(-1), half


class Sphere(Piece):
    """The sphere around a ball; in one dimension two points."""

    def __init__(self, ball: Ball):
        self.center, self.radius, self.dim = ball._center, ball._radius, len(ball._center)
        self.name = "circle" if self.dim == 2 else "sphere"
        self.cube = 1 if self.dim <= 2 else 2 if self.dim == 3 else self.dim
        self.smooth, self.closed = self.dim <= 3, self.dim == 2
        self.size = self.radius
        self.measure = (
            2 * math.pi ** (self.dim / 2) / math.gamma(self.dim / 2) * self.radius ** (self.dim - 1)
        )

    def place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.dim == 1:
            unit = torch.where(u < 0.5, -1.0, 1.0).to(u)
        elif self.dim == 2:
            unit = torch.cat([torch.cos(2 * math.pi * u), torch.sin(2 * math.pi * u)], -1)
        elif self.dim == 3:  # Archimedes: height is uniform on a sphere
            z, phi = 2 * u[:, 0] - 1, 2 * math.pi * u[:, 1]
            flat = torch.sqrt(1 - z * z)
            unit = torch.stack([flat * torch.cos(phi), flat * torch.sin(phi), z], -1)
        else:
            unit, _ = directions(u)
        return torch.tensor(self.center, dtype=u.dtype) + self.radius * unit, None

    def _from_center(self, x: Tensor) -> Tensor:
        return x - torch.tensor(self.center, dtype=x.dtype, device=x.device)

    def gap(self, x: Tensor) -> Tensor:
        return (torch.linalg.vector_norm(self._from_center(x), dim=-1) - self.radius).abs()

    def normal(self, x: Tensor) -> Tensor:
        return torch.nn.functional.normalize(self._from_center(x), dim=-1, eps=torch.finfo(x.dtype).tiny)

    def level(self, x: Tensor) -> Tensor:
        return within((self._from_center(x) ** 2).sum(-1), self.radius)


class Ball(ClosedForm):
    """A ball in any dimension; its boundary is one part, ``"sphere"`` (``"circle"`` in the plane).

    Its distance is ``1 - |x - c|^2 / R^2``.

    Args:
        center: d numbers.
        radius: Above 0.
        names: Coordinate names; by default x, y, z, and x1 ... xd beyond three dimensions.
    """

    _center: tuple[float, ...]
    _radius: float

    def __init__(self, center: Sequence[float], radius: float, names: Sequence[str] | None = None):
        center, radius = arguments.vector("center", center), arguments.positive("radius", radius)
        self._set(
            _center=center,
            _radius=radius,
            _low=tuple(c - radius for c in center),
            _high=tuple(c + radius for c in center),
            names=arguments.coordinate_names(names, len(center)),
            _cube=len(center),
        )

    def _fields(self) -> dict[str, Any]:
        return {"center": self._center, "radius": self._radius, "names": self.names}

    @property
    def center(self) -> Tensor:
        """(d,) float64."""
        return torch.tensor(self._center, dtype=torch.float64)

    @property
    def radius(self) -> float:
        """The radius."""
        return self._radius

    @property
    def measure(self) -> float:
        """Length, area or volume."""
        return math.pi ** (self.dim / 2) / math.gamma(self.dim / 2 + 1) * self._radius**self.dim

    def _place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        # the squared length of d normal deviates is chi-squared, so its distribution function is uniform: a
        # smooth, volume-true map of the d-cube, with no coordinate left over
        unit, half = directions(u)
        inside = torch.special.gammainc(torch.full_like(half, self.dim / 2), half)
        radius = inside.clamp(max=ALMOST_ONE) ** (1 / self.dim)
        return self.center + self._radius * radius.unsqueeze(-1) * unit, None

    def _depth(self, x: Tensor) -> Tensor:
        return self._radius - torch.linalg.vector_norm(x - self.center.to(x), dim=-1)

    def _level(self, x: Tensor) -> Tensor:
        return self._pieces[0].level(x)

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        return (Sphere(self),)

    def _distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        return 1 - (((x - self.center.to(x)) / self._radius) ** 2).sum(-1)


class Disk(Ball):
    """A disk in the plane; its boundary is one part, ``"circle"``.

    Args:
        center: 2 numbers.
        radius: Above 0.
        names: Coordinate names, by default x and y.
    """

    def __init__(self, center: Sequence[float], radius: float, names: Sequence[str] | None = None):
        super().__init__(arguments.vector("center", center, 2), radius, names)
