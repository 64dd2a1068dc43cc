"""What every solver of ``min m(s) = gᵀs + 1/2 sᵀHs + (sigma/3)|s|^3`` takes and gives.

A subproblem object belongs to one point: it is built from the curvature there and solved for one sigma
after the other (a rejected step only raises sigma), keeping whatever does not depend on sigma:
eigenvectors, a factor, a Krylov basis.

s is a global minimiser exactly when ``(H + λ I) s = -g`` and ``H + λ I >= 0`` with ``λ = sigma |s|``.
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
        lam: ``λ = sigma |s|``.
        decrease: ``-m(s) >= 0``, the cubic term included.
        products: Products ``H v`` spent on this solve (0 where H is dense).
        stopped: Why the solver ended: ``"exact"``, ``"tolerance"``, ``"hard case"``, ``"basis full"``,
            ``"exhausted"`` (the Krylov space is invariant) or ``"max iterations"``.
        curvature: ``sᵀHs``.
    """

    step: Tensor
    lam: float
    decrease: float
    products: int
    stopped: str
    curvature: float


class Subproblem(Protocol):
    """The cubic model at one point."""

    def solve(self, sigma: float) -> CubicSolution:
        """The minimiser for one cubic weight sigma > 0."""
        ...


def finish(
    step: Tensor, hs: Tensor, g: Tensor, sigma: float, lam: float, products: int, stopped: str
) -> CubicSolution:
    """Gather a solution from the step and ``H s``."""
    curvature = float(torch.dot(step, hs))
    size = float(torch.linalg.vector_norm(step))
    decrease = -(float(torch.dot(g, step)) + 0.5 * curvature + sigma / 3.0 * size**3)
    return CubicSolution(step, lam, max(decrease, 0.0), products, stopped, curvature)
