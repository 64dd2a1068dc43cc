"""Exponential time differencing for references: stiff linear part exact, the rest fourth order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CONTOUR = 64


def etdrk4(
    linear: NDArray,
    nonlinear: Callable[[NDArray], NDArray],
    start: NDArray,
    dt: float,
    steps: int,
    every: int,
) -> NDArray:
    """Integrate ``a' = linear * a + nonlinear(a)`` for coefficients ``a`` of a spectral method.

    Args:
        linear: Diagonal linear part, ``(..., K)``, real or complex, broadcast against ``start``.
        nonlinear: The rest, ``(..., K) -> (..., K)``.
        start: Coefficients at time zero, ``(..., K)``.
        dt: Time step.
        steps: Number of steps, a multiple of ``every``.
        every: Keep every so many steps.
    Returns:
        ``(steps / every + 1, ..., K)``, the start first.
    References: Cox and Matthews (2002), J. Comput. Phys. 176; the coefficients as contour means after Kassam
        and Trefethen (2005), SIAM J. Sci. Comput. 26, since their plain formulas cancel for small ``linear *
        dt``.
    """
    z = dt * linear[..., None] + np.exp(2j * np.pi * (np.arange(CONTOUR) + 0.5) / CONTOUR)
    e = np.exp(z)

    def mean(values: NDArray) -> NDArray:
        weights = dt * values.mean(axis=-1)
        return weights if np.iscomplexobj(linear) else weights.real

    full, half = np.exp(dt * linear), np.exp(dt * linear / 2)
    q = mean((np.exp(z / 2) - 1) / z)
    f1 = mean((-4 - z + e * (4 - 3 * z + z**2)) / z**3)
    f2 = mean((2 + z + e * (z - 2)) / z**3)
    f3 = mean((-4 - 3 * z - z**2 + e * (4 - z)) / z**3)

    a, kept = start, [start]
    for step in range(1, steps + 1):
        n_a = nonlinear(a)
        b = half * a + q * n_a
        n_b = nonlinear(b)
        c = half * a + q * n_b
        n_c = nonlinear(c)
        n_d = nonlinear(half * b + q * (2 * n_c - n_a))
        a = full * a + f1 * n_a + 2 * f2 * (n_b + n_c) + f3 * n_d
        if step % every == 0:
            kept.append(a)
    return np.stack(kept)
