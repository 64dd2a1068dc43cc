"""Whether the derivatives that an equation asks for stay bounded where parts of the boundary meet."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sciml.derivatives import AutogradSource
from sciml.domains import Domain
from sciml.domains.vertices import vertices

RADII = (1e-2, 1e-3, 1e-4)  # of the domain's size
RAYS = 16  # looked along at each corner
DEEP = 0.1  # of the radius: a point must lie this far inside
GROWTH = 3.0  # of the Laplacian a decade; a fault grows by 10, a harmonic factor at a slit by 10^(1/2)
LARGE = 10.0  # Laplacian in units of size / length^2 that may matter
MOST = 64  # corners looked at


def corners(domain: Domain) -> Tensor:
    """Corners in space, ``(k, d_space)``."""
    points = vertices(domain.space)
    return points[torch.linspace(0, len(points) - 1, MOST).long()] if len(points) > MOST else points


def growing(
    function: Callable[[Tensor], Tensor], domain: Domain, at: Tensor, order: int = 2
) -> Tensor | None:
    """A corner at which the Laplacian of a function grows towards it, or None.

    Above second order it is the sum of the pure derivatives of that order instead.

    Args:
        function: ``(n, d) -> (n, 1)``.
        domain: With or without time.
        at: Corners in space, from ``corners``.
        order: Of the equation, ``>= 2``.
    """
    if len(at) == 0:
        return None
    found = torch.stack([_derivatives(function, domain, at, radius, order) for radius in RADII])  # (radii, k)
    size = float(function(domain.sample(64, seed=0)).detach().abs().max())
    least = LARGE * max(size, 1e-300) / domain.space._size**order
    grows = (found[1:] > GROWTH * found[:-1]).all(0) & (found[-1] > least)
    grows |= ~torch.isfinite(found).all(0)
    return at[grows][0] if bool(grows.any()) else None


def _derivatives(
    function: Callable[[Tensor], Tensor], domain: Domain, at: Tensor, radius: float, order: int
) -> Tensor:
    """Root mean square over the rays that lead inside, ``(k,)``."""
    space, axes = domain.space, list(domain.space_axes)
    rng = torch.Generator().manual_seed(1)
    direction = torch.randn(8 * RAYS, len(axes), generator=rng, dtype=torch.float64)
    direction = radius * space._size * direction / direction.norm(dim=1, keepdim=True)
    x = at[:, None] + direction
    inside = space._depth(x) > DEEP * radius * space._size
    inside &= inside.cumsum(1) <= RAYS
    rows = inside.nonzero()[:, 0]
    points = x[inside]
    if domain.time_axis is not None:
        t = torch.rand(len(points), 1, generator=rng, dtype=torch.float64)
        low, high = domain._low[domain.time_axis], domain._high[domain.time_axis]
        points = torch.cat([low + (high - low) * t, points], 1)
    source = AutogradSource(function, points)
    square = source.total(tuple((i,) * order for i in axes)).detach()[:, 0] ** 2
    total = torch.zeros(len(at), dtype=torch.float64).index_add_(0, rows, square)
    count = torch.zeros(len(at), dtype=torch.float64).index_add_(0, rows, torch.ones_like(square))
    return (total / count.clamp(min=1)).sqrt()
