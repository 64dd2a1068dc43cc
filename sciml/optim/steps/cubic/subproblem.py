"""What every solver of ``min m(s) = g's + 1/2 s'Hs + (sigma/3)|s|^3`` takes and gives.

A subproblem object belongs to one point: it is built from the curvature there and solved for one sigma
after the other (a rejected step only raises sigma), keeping whatever does not depend on sigma:
eigenvectors, a factor, a Krylov basis.

s is a global minimiser exactly when ``(H + l I) s = -g`` and ``H + l I >= 0`` with ``l = sigma |s|``.
Source: Nesterov, Polyak (2006), section 5; Cartis, Gould, Toint (2011), theorem 3.1.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class CubicSolution(NamedTuple):
    """One solution of the cubic subproblem.

    Attributes:
        step: s, shape (P,).
        multiplier: ``l = sigma |s|``.
        decrease: ``-m(s) >= 0``, the cubic term included.
        products: Products ``H v`` spent on this solve (0 where H is dense).
        stopped: Why the solver ended: ``"exact"``, ``"tolerance"``, ``"hard case"``, ``"basis full"``,
            ``"exhausted"`` (the Krylov space is invariant) or ``"max iterations"``.
        bend: ``s'Hs``.
    """

    step: Tensor
    multiplier: float
    decrease: float
    products: int
    stopped: str
    bend: float


class Subproblem(Protocol):
    """The cubic model at one point."""

    def solve(self, sigma: float) -> CubicSolution:
        """The minimiser for one cubic weight sigma > 0."""
        ...


def finish(
    step: Tensor, hs: Tensor, g: Tensor, sigma: float, multiplier: float, products: int, stopped: str
) -> CubicSolution:
    """Gather a solution from the step and ``H s``."""
    bend = float(torch.dot(step, hs))
    size = float(torch.linalg.vector_norm(step))
    decrease = -(float(torch.dot(g, step)) + 0.5 * bend + sigma / 3.0 * size**3)
    return CubicSolution(step, multiplier, max(decrease, 0.0), products, stopped, bend)
