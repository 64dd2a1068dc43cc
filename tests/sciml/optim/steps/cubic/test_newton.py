"""Newton on logarithms against SciPy's bracketing, with a diagonal H."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from sciml.optim.steps.cubic.newton import SecularPoint, newton_on_logarithms

# eigenvalues of the Gram matrix of a small network fall by many powers of ten
EIGENVALUES = np.logspace(-15, 1, 57)
GRADIENT = np.sqrt(EIGENVALUES) * np.random.default_rng(0).standard_normal(57)


def evaluated(least=0.0):
    """The evaluation, and the shifts that it was asked for."""
    asked = []

    def evaluate(lam):
        asked.append(lam)
        lam = max(lam, least)
        s = GRADIENT / (EIGENVALUES + lam)
        curvature = float(s @ (s / (EIGENVALUES + lam)))
        return SecularPoint(lam, lam, float(np.linalg.norm(s)), curvature, s, lam <= least)

    return evaluate, asked


@pytest.mark.parametrize("sigma", [1e-9, 1e-3, 1e3])
@pytest.mark.parametrize("off", [1e-8, 0.3, 1.0, 3.0, 1e6])
def test_the_root_in_few_evaluations(sigma, off):
    evaluate, asked = evaluated()
    want = np.exp(
        brentq(
            lambda u: np.log(sigma * evaluate(np.exp(u)).norm) - u, np.log(1e-20), np.log(1e10), xtol=1e-13
        )
    )
    asked.clear()
    point = newton_on_logarithms(evaluate, sigma, off * want, tolerance=1e-3, iterations=30)
    assert sigma * point.norm == pytest.approx(point.lam, rel=1e-3)
    assert point.lam == pytest.approx(want, rel=1e-3)
    assert len(asked) <= (3 if 0.3 <= off <= 3.0 else 7)


def test_it_ends_at_the_least_shift():
    evaluate, asked = evaluated(least=1e-4)
    point = newton_on_logarithms(evaluate, 1e-12, 1.0, tolerance=1e-3, iterations=30)
    assert point.lam == 1e-4
    assert point.least
    assert len(asked) <= 7
