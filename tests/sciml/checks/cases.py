"""Problems to look at."""

from __future__ import annotations

import sciml
from sciml.checks.findings import findings

SQUARE = sciml.Box([0, 0], [1, 1])
LINE = sciml.Interval(0, 1)
TIME_LINE = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)


def stated(domain, conditions, residual, unknowns=("u",), **more) -> sciml.PDE:
    """A problem from its parts; ``residual`` is a function of ``u`` and ``x``."""
    parts = {
        "domain": domain,
        "conditions": conditions,
        "unknowns": unknowns,
        "residual": lambda self, u, x: residual(u, x),
        **more,
    }
    return type("Stated", (sciml.PDE,), parts)()


def notes(domain, conditions, residual, unknowns=("u",), **more) -> list[str]:
    return findings(stated(domain, conditions, residual, unknowns, **more))


def poisson(u, x):
    return -u.laplacian() - 1.0


def heat(u, x):
    return u.d("t") - u.d("x", "x")
