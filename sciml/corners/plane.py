"""The coordinates in which a domain has corners: those of a plane domain, or of the plane factor of a product.

Beside them a prism has its height, an evolution its time, a family its parameter. All of them keep the corner's angle, so
that what is asked at a corner is asked at one value of each.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sciml.domains import Domain
from sciml.domains.product import Product


@dataclass(frozen=True)
class Plane:
    """Two coordinates of a domain.

    Attributes:
        space: The domain that these have for themselves.
        axes: Their places.
        beside: A point of the whole domain, ``(d,)``: where the other coordinates are held.
    """

    space: Domain
    axes: tuple[int, int]
    beside: Tensor

    def embedded(self, x: Tensor) -> Tensor:
        """Points of the whole domain ``(n, d)`` from points of the plane ``(n, 2)``."""
        found = self.beside.to(x).repeat(len(x), 1)
        found[:, list(self.axes)] = x
        return found


def plane_of(domain: Domain) -> Plane | None:
    """The plane of a domain, with or without time; None where it has none. Of two plane factors it is the first."""
    if not domain.space_axes:
        return None
    found = _factor(domain.space, domain.space_axes[0])
    if found is None:
        return None
    space, first = found
    beside = domain.sample(1)[0]
    if domain.time_axis is not None:
        beside[domain.time_axis] = 0.5 * (domain._low[domain.time_axis] + domain._high[domain.time_axis])
    return Plane(space, (first, first + 1), beside)


def _factor(space: Domain, first: int) -> tuple[Domain, int] | None:
    """The plane factor of a domain whose coordinates begin at ``first``, and where its own begin."""
    if space.dim == 2 and not isinstance(space, Product):
        return space, first
    if not isinstance(space, Product):
        return None
    return _factor(space.a, first) or _factor(space.b, first + space.a.dim)
