"""Ordinary differential equations by SciPy, at tolerances near rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Rates = Callable[[float, np.ndarray], Sequence[float]]


def ode_values(
    rates: Rates, start: Sequence[float], times: np.ndarray, *, stiff: bool = False, rtol: float = 1e-13
) -> np.ndarray:
    """``y`` at increasing ``times (n,)``, the first of which is that of ``start (m,)``: ``(n, m)``.

    By Dormand and Prince's method of order 8; where ``stiff`` by the implicit Radau IIA method of order 5.

    Raises:
        RuntimeError: The integrator gave up.
    """
    from scipy.integrate import solve_ivp  # takes a tenth of a second, and most of the catalogue does without

    span, method = (float(times[0]), float(times[-1])), "Radau" if stiff else "DOP853"
    scale = np.abs(np.asarray(start, dtype=float)).max()
    found = solve_ivp(rates, span, start, method, times, rtol=rtol, atol=1e-16 * scale)
    if not found.success:
        raise RuntimeError(f"the integrator stopped: {found.message}")
    return found.y.T
