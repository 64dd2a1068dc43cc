"""The solution of ``-Δu = 1`` on the L-shape everywhere, by functions of its corners that are fitted to the boundary.

``u = -r²/4 + h`` with a harmonic ``h``: powers ``r^(2k/3)`` and a logarithm at the re-entrant corner, a logarithm at each of
the others, polynomials. What misses on the boundary bounds the error inside, by the maximum principle.

Reference: Betcke & Trefethen (2005), Reviving the method of particular solutions, SIAM Review 47(3).
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

VERTICES = ((-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1))
# the corners with a right angle, and the direction of the first side of each
RIGHT = (((-1, -1), 0.0), ((1, -1), 0.5), ((1, 0), 1.0), ((0, 1), 1.0), ((-1, 1), -0.5))
POWERS, DEGREE = 60, 30


def solution(x: np.ndarray) -> np.ndarray:
    """``u`` at points ``(n, 2)`` of the L-shape, ``(n, 1)``."""
    return (_harmonic(x) @ _coefficients() - (x**2).sum(1) / 4)[:, None]


def misfit(count: int = 811) -> float:
    """The largest ``|u|`` on the boundary, at points between those of the fit: the error is no larger anywhere."""
    return float(np.abs(solution(boundary(count))).max())


def boundary(count: int) -> np.ndarray:
    """Points on the six sides, denser towards the corners, ``(6 (count + 1), 2)``."""
    t = (1 - np.cos(np.pi * np.arange(count + 1) / count))[:, None] / 2
    ends = np.array([*VERTICES, VERTICES[0]], dtype=float)
    return np.concatenate([a + (b - a) * t for a, b in pairwise(ends)])


@cache
def _coefficients() -> np.ndarray:
    x = boundary(300)
    functions = _harmonic(x)
    size = np.abs(functions).max(0)
    return np.linalg.lstsq(functions / size, (x**2).sum(1) / 4, rcond=1e-15)[0] / size


def _harmonic(x: np.ndarray) -> np.ndarray:
    """The functions whose sum ``h`` is, ``(n, functions)``."""
    z = x[:, 0] + 1j * x[:, 1]
    r, angle = np.abs(z), (np.angle(z) - np.pi / 2) % (2 * np.pi)
    angle = np.where(angle > 1.75 * np.pi, 0.0, angle)  # round-off below the first side
    columns = [np.ones_like(r)]
    columns += [r ** (2 * k / 3) * np.sin(2 * k * angle / 3) for k in range(1, POWERS + 1)]
    for n in range(1, DEGREE + 1):
        columns += [((z / 1.5) ** n).real, ((z / 1.5) ** n).imag]
    columns.append(_with_logarithm(r * np.exp(1j * angle), angle))
    for (a, b), side in RIGHT:
        local = (z - (a + 1j * b)) * np.exp(-1j * np.pi * side)
        columns.append(_with_logarithm(local, np.angle(local)))
    return np.stack(columns, 1)


def _with_logarithm(z: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """``Im z² log z``, zero at the corner."""
    r = np.abs(z)
    return (z**2 * (np.log(np.where(r > 0, r, 1.0)) + 1j * angle)).imag
