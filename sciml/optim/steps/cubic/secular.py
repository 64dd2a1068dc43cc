"""The secular equation of a cubic-regularised quadratic in eigen-coordinates.

For ``min cᵀs + 1/2 sᵀ diag(w) s + (sigma/3)|s|^3`` the multiplier is ``λ = base + m`` with ``base = max(0, -w_1)``, and
``m >= 0`` solves ``|s(m)| = λ / sigma``, ``s_i(m) = -c_i / (d_i + m)``, ``d = w + base``. Solving for m instead of λ keeps
every digit when λ is close to the pole -w_1 (the near-hard case).

Source: Conn, Gould, Toint, Trust-Region Methods, ch. 7, carried over to |s|^3 as in Cartis, Gould, Toint
(2011).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sciml.optim.steps.cubic.newton import SecularPoint, newton_on_secular

EPS = np.finfo(np.float64).eps


class SecularSolution(NamedTuple):
    """Step in eigen-coordinates (n,), multiplier λ, and whether the eigenvector of w_1 had to be added."""

    step: np.ndarray
    lam: float
    hard: bool


def positive_root(gain: float, p: float, sigma: float) -> float:
    """The root m >= 0 of ``m (m + p) = sigma gain`` without cancellation."""
    if gain <= 0.0:
        return 0.0
    root = math.hypot(p, 2.0 * math.sqrt(sigma) * math.sqrt(gain))
    return 2.0 * math.sqrt(sigma * gain) / (p + root) * math.sqrt(sigma * gain) if root > 0.0 else 0.0


def solve_secular(w: np.ndarray, c: np.ndarray, sigma: float, sign: float = 1.0) -> SecularSolution:
    """Global minimiser of ``cᵀs + 1/2 sᵀ diag(w) s + (sigma/3)|s|^3``.

    Args:
        w: Eigenvalues, ascending, shape (n,).
        c: Gradient in eigen-coordinates, shape (n,).
        sigma: Cubic weight, > 0.
        sign: Side of the eigenvector taken in the hard case when the gradient prefers none.
    """
    base = max(0.0, -float(w[0]))
    scale = max(abs(float(w[0])), abs(float(w[-1])))
    d = w + base
    # eigenvalues that coincide with the lowest one to rounding belong to its eigenspace
    pole = d <= 4.0 * EPS * scale if base > 0.0 else d <= 0.0
    d = np.where(pole, 0.0, d)
    size = float(np.linalg.norm(c))
    if size == 0.0 and base == 0.0:
        return SecularSolution(np.zeros_like(c), 0.0, False)

    on_pole = float(np.linalg.norm(c[pole]))
    low = positive_root(on_pole, base, sigma)
    if base > 0.0 and (low <= 1e-290 or on_pole <= 1e-15 * size):
        s = np.zeros_like(c)
        s[~pole] = -c[~pole] / d[~pole]
        radius, inside = base / sigma, float(np.linalg.norm(s))
        if inside <= radius:
            s[int(np.argmax(pole))] += sign * math.sqrt((radius - inside) * (radius + inside))
            return SecularSolution(s, base, True)
    # |s(m)| >= |c| / (d_n + m), so the root of (d_n + m)(base + m) = sigma |c| is a lower bound too
    low = max(low, _shifted_root(size, float(d[-1]), base, sigma))
    high = max(positive_root(size, base, sigma), low)

    def evaluate(m: float) -> SecularPoint:
        s = -c / (d + m)
        return SecularPoint(m, base + m, float(np.linalg.norm(s)), float(np.dot(s, s / (d + m))), s)

    start = low if low > 0.0 else 0.5 * high
    point, _ = newton_on_secular(evaluate, sigma, low, high, start, tolerance=1e-14, iterations=100)
    assert point is not None
    return SecularSolution(point.answer, point.lam, False)


def _shifted_root(gain: float, top: float, base: float, sigma: float) -> float:
    """The positive root m of ``(top + m)(base + m) = sigma gain``, 0 when there is none."""
    excess = sigma * gain - top * base
    if excess <= 0.0:
        return 0.0
    p = top + base
    return 2.0 * excess / (p + math.sqrt(p * p + 4.0 * excess))
