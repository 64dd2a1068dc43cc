"""Spectral Galerkin references in one periodic coordinate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sciml.pdes.references.etdrk4 import etdrk4

Pointwise = Callable[[NDArray], NDArray]
FINE = 1 << 20  # points to project a start on: far more than modes, so a kink does not alias


def cosine_galerkin(
    start: Pointwise,
    linear: NDArray,
    reaction: Pointwise,
    *,
    steps: int,
    every: int,
    outer: NDArray | None = None,
) -> NDArray:
    """Solve ``u_t = L u + M reaction(u)`` on ``y in [0, 1]``, even at both ends, for ``t in [0, 1]``.

    Args:
        start: ``u(0, y)`` at points ``(p,)``, real or complex; a kink at the ends does no harm. Several unknowns stand
            in front: ``(m, p)``.
        linear: L's eigenvalues for ``cos(kπy)``, ``(K,)`` or ``(m, K)``.
        reaction: Pointwise function of u, a polynomial of degree 3 at most.
        steps: Time steps.
        every: Keep every so many.
        outer: M's eigenvalues for ``cos(kπy)``, ``(K,)``; M is the identity unless given.
    Returns:
        Coefficients of ``cos(kπy)``, ``(steps / every + 1, K)`` or ``(steps / every + 1, m, K)``.
    """
    from scipy.fft import dct, idct

    modes = linear.shape[-1]

    def coefficients(values: NDArray) -> NDArray:
        a = np.asarray(dct(values))[..., :modes] / values.shape[-1]
        a[..., 0] /= 2
        return a

    def nonlinear(a: NDArray) -> NDArray:  # twice as many points as modes, so a cubic does not alias
        padded = np.concatenate([2 * a[..., :1], a[..., 1:], np.zeros_like(a)], axis=-1)
        rest = coefficients(reaction(np.asarray(idct(padded)) * (2 * modes)))
        return rest if outer is None else outer * rest

    first = coefficients(start((np.arange(FINE) + 0.5) / FINE))
    return etdrk4(linear, nonlinear, first, dt=1 / steps, steps=steps, every=every)


def cosine_values(coefficients: NDArray, y: NDArray) -> NDArray:
    """The series ``(..., K)`` at places ``(p,)``: ``(..., p)``."""
    return coefficients @ np.cos(np.pi * np.outer(np.arange(coefficients.shape[-1]), y))


def fourier_galerkin(
    start: NDArray, linear: NDArray, transport: NDArray, *, steps: int, every: int
) -> NDArray:
    """Solve ``u_t = L u - (c u²)_y`` on ``y in [0, 1]``, periodic, for ``t in [0, 1]``.

    Args:
        start: ``u(0, y)`` at ``y = j / (2 K)``, ``(2 K,)``, smooth.
        linear: L's eigenvalues for ``exp(2πiky)``, ``(K,)``, k = 0 ... K - 1.
        transport: ``-2πikc``, ``(K,)``.
        steps: Time steps.
        every: Keep every so many.
    Returns:
        Coefficients of ``exp(2πiky)``, ``(steps / every + 1, K)``; those of negative k are their conjugates.
    """
    modes = len(linear)
    points = 4 * modes  # twice as many as needed, so a square does not alias

    def nonlinear(a: NDArray) -> NDArray:
        u = np.fft.irfft(a, n=points) * points
        return transport * np.fft.rfft(u * u)[:modes] / points

    return etdrk4(
        linear, nonlinear, np.fft.rfft(start)[:modes] / len(start), dt=1 / steps, steps=steps, every=every
    )


def fourier_values(coefficients: NDArray, y: NDArray) -> NDArray:
    """The real series ``(T, K)`` at places ``(p,)``: ``(T, p)``."""
    weights = np.where(np.arange(coefficients.shape[-1]) == 0, 1.0, 2.0)
    waves = np.exp(2j * np.pi * np.outer(np.arange(coefficients.shape[-1]), y))
    return np.real((coefficients * weights) @ waves)
