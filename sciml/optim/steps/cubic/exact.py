"""The cubic subproblem with a dense H: by eigenvalues (hard case included), or by Cholesky factors.

Eigenvalues cost 9 n^3 once and O(n) for every sigma after; the Cholesky form costs n^3/3 a factorisation,
2-6 of them from a good start, and hands the near-hard case, where its bracket collapses, to the eigenvalues.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.jacobian.protocols import Curvature
from sciml.linalg import Cholesky, eigh
from sciml.optim.steps.cubic.newton import SecularPoint, newton_on_secular
from sciml.optim.steps.cubic.secular import solve_secular
from sciml.optim.steps.cubic.subproblem import CubicSolution, finish


@dataclass
class DenseCurvature:
    """Value, gradient (P,) and a Hessian (P, P) that is already there; see ``sciml.optim.Curvature``."""

    value: float
    gradient: Tensor
    hessian: Tensor

    def mv(self, v: Tensor) -> Tensor:
        """``H v``."""
        return self.hessian @ v

    def dense(self) -> Tensor:
        """The Hessian itself, (P, P)."""
        return self.hessian


class EigenSubproblem:
    """Exact solution for any symmetric H, any gradient.

    Args:
        curvature: The model; ``dense()`` is called once.
        seed: Decides the side of the escape along the lowest eigenvector when the gradient prefers none.
    """

    def __init__(self, curvature: Curvature, seed: int = 0):
        self.gradient = curvature.gradient
        self.hessian = curvature.dense()
        self.values, self.vectors = eigh(self.hessian)
        self._sign = 1.0 if torch.rand((), generator=torch.Generator().manual_seed(seed)) < 0.5 else -1.0

    def solve(self, sigma: float) -> CubicSolution:
        """The global minimiser."""
        c = self.vectors.T @ self.gradient
        c0 = float(c[0])
        sign = self._sign if c0 == 0.0 else -math.copysign(1.0, c0)
        found = solve_secular(self.values.cpu().numpy(), c.cpu().numpy(), sigma, sign)
        y = torch.from_numpy(found.step).to(c)
        step = self.vectors @ y
        hs = self.vectors @ (self.values * y)
        stopped = "hard case" if found.hard else "exact"
        return finish(step, hs, self.gradient, sigma, found.lam, 0, stopped)


class CholeskySubproblem:
    """Newton on ``1/|s| - sigma/λ`` with one Cholesky factor of ``H + λ I`` an iteration.

    Args:
        curvature: The model; ``dense()`` is called once.
        tolerance: Stop at ``|sigma |s| - λ| <= tolerance λ``; the step is then exact for a cubic weight of
            ``λ / |s|``.
        start: Guess of λ, such as the last iteration's; 0 for none.
    """

    def __init__(self, curvature: Curvature, tolerance: float = 0.02, start: float = 0.0):
        self.gradient = curvature.gradient
        self.hessian = curvature.dense()
        self._tolerance, self._start = tolerance, start
        self._exact: EigenSubproblem | None = None
        self.factorizations = 0

    def solve(self, sigma: float) -> CubicSolution:
        """The global minimiser, to the tolerance."""
        g, h = self.gradient, self.hessian
        size = float(torch.linalg.vector_norm(g))
        if size == 0.0:
            return self._by_eigenvalues(sigma)
        bound = float(torch.linalg.matrix_norm(h, torch.inf))
        # |H s| <= bound |s| in (H + λ I) s = -g with λ = sigma |s| gives both ends
        low = 2.0 * sigma * size / (bound + math.sqrt(bound * bound + 4.0 * sigma * size))
        high = 0.5 * (bound + math.sqrt(bound * bound + 4.0 * sigma * size))
        start = self._start if low < self._start < high else math.sqrt(low * high)
        point, found = newton_on_secular(
            self._evaluate,
            sigma,
            low,
            high,
            start,
            tolerance=self._tolerance,
            iterations=50,
            width=1e-9,  # the root then sits on the pole -w_1
        )
        if point is None or not found:
            return self._by_eigenvalues(sigma)
        self._start, s = point.lam, point.answer
        return finish(s, h @ s, g, sigma, point.lam, 0, "tolerance")

    def _evaluate(self, lam: float) -> SecularPoint | None:
        factor = Cholesky(self.hessian, lam)
        self.factorizations += 1
        if not factor.ok:
            return None
        s = -factor.solve(self.gradient)
        half = factor.half_solve(s)
        return SecularPoint(lam, lam, float(torch.linalg.vector_norm(s)), float(torch.dot(half, half)), s)

    def _by_eigenvalues(self, sigma: float) -> CubicSolution:
        if self._exact is None:
            self._exact = EigenSubproblem(DenseCurvature(0.0, self.gradient, self.hessian))
        return self._exact.solve(sigma)
