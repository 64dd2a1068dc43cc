"""Solutions of ``Δw = κ² w`` on a square with round holes, from a fit on the boundary."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Disc = tuple[float, float, float]  # centre and radius
REGULAR = 30  # orders of the waves around the origin
PER_RADIUS, PER_RADIUS_OF_IMAGE = (
    160,
    40,
)  # orders of the waves around a hole, and its mirror images, by radius
CORNER_POLES = 24
SIDE_POINTS = 500


def fit_on_boundary(
    kappa: float, discs: Sequence[Disc], data: Callable[[NDArray, NDArray], NDArray]
) -> Callable[[NDArray, NDArray], NDArray]:
    """Solve ``Δw = κ² w`` on ``[-1, 1]²`` minus ``discs`` with ``w = data(x, y)`` on the boundary.

    The functions of the fit all solve the equation: modified Bessel functions around the origin, around every
    hole and its images behind the four sides, and poles that crowd towards the corners from outside, where w
    has weak singularities. By the maximum principle the error is largest on the boundary.

    Returns:
        The solution, ``(n,), (n,) -> (n,)``.
    References: Gopal and Trefethen (2019), SIAM J. Numer. Anal. 57, on poles at corners.
    """
    x, y = boundary_points(discs, SIDE_POINTS)
    table = _basis(kappa, discs, x, y)
    scale = abs(table).max(axis=0)
    coefficients = np.linalg.lstsq(table / scale, data(x, y), rcond=1e-14)[0] / scale
    return lambda x, y: _basis(kappa, discs, x, y) @ coefficients


def boundary_points(discs: Sequence[Disc], n: int, shift: float = 0.0) -> tuple[NDArray, NDArray]:
    """``n`` points on each side, crowding towards the corners, then on each circle: ``(p,), (p,)``."""
    along, angle = np.tanh(np.linspace(-12, 12, n) + shift), 2 * math.pi * (np.arange(n) + shift) / n
    one = np.ones(n)
    x = [-one, one, along, along, *(cx + r * np.cos(angle) for cx, _, r in discs)]
    y = [along, along, -one, one, *(cy + r * np.sin(angle) for _, cy, r in discs)]
    return np.concatenate(x), np.concatenate(y)


def _basis(kappa: float, discs: Sequence[Disc], x: NDArray, y: NDArray) -> NDArray:
    """All functions of the fit, ``(p, functions)``."""
    from scipy.special import ive

    r, angle = np.hypot(x, y), np.arctan2(y, x)
    corner = kappa * math.sqrt(2)
    columns = []
    for k in range(REGULAR + 1):
        size = ive(k, kappa * r) / ive(k, corner) * np.exp(kappa * r - corner)
        columns += [size * np.cos(k * angle), size * np.sin(k * angle)][: 1 + (k > 0)]
    for cx, cy, radius in discs:
        columns += _outgoing(kappa, x - cx, y - cy, radius, round(PER_RADIUS * radius))
        for ix, iy in ((2 - cx, cy), (-2 - cx, cy), (cx, 2 - cy), (cx, -2 - cy)):
            gap = max(abs(ix), abs(iy)) - 1
            columns += _outgoing(kappa, x - ix, y - iy, gap, round(PER_RADIUS_OF_IMAGE * radius))
    for j in range(1, CORNER_POLES + 1):
        gap = math.exp(4 * (math.sqrt(j) - math.sqrt(CORNER_POLES)))
        for sx, sy in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            out = 1 + gap / math.sqrt(2)
            columns += _outgoing(kappa, x - sx * out, y - sy * out, gap, 1)
    return np.stack(columns, axis=1)


def _outgoing(kappa: float, x: NDArray, y: NDArray, radius: float, orders: int) -> list[NDArray]:
    """Decaying waves around the origin up to an order, of size one at a radius."""
    from scipy.special import kve

    r, angle = np.hypot(x, y), np.arctan2(y, x)
    columns = []
    for k in range(orders + 1):
        size = kve(k, kappa * r) / kve(k, kappa * radius) * np.exp(kappa * (radius - r))
        columns += [size * np.cos(k * angle), size * np.sin(k * angle)][: 1 + (k > 0)]
    return columns
