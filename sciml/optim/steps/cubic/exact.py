"""The cubic subproblem with a dense H: by eigenvalues (hard case included), or by Cholesky factors.

Eigenvalues cost 9 n^3 once and O(n) for every sigma after; the Cholesky form costs n^3/3 a factorisation,
2-6 of them from a good start, and hands the near-hard case, where its bracket collapses, to the eigenvalues.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.linalg import Cholesky, eigh
from sciml.optim.protocols import Curvature
from sciml.optim.steps.cubic.secular import solve_secular
from sciml.optim.steps.cubic.subproblem import CubicSolution, finish


@dataclass
class DenseCurvature:
    """Value, gradient (P,) and a Hessian (P, P) that is already there; see ``protocols.Curvature``."""

    value: float
    gradient: Tensor
    hessian: Tensor

    def mv(self, v: Tensor) -> Tensor:
        """``H v``."""
        return self.hessian @ v

    def dense(self) -> Tensor:
        """H."""
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

    @property
    def lowest(self) -> float:
        """The smallest eigenvalue of H."""
        return float(self.values[0])

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
        return finish(step, hs, self.gradient, sigma, found.multiplier, 0, stopped)


class CholeskySubproblem:
    """Newton on ``1/|s| - sigma/l`` with one Cholesky factor of ``H + l I`` an iteration.

    Args:
        curvature: The model; ``dense()`` is called once.
        tolerance: Stop at ``|sigma |s| - l| <= tolerance l``; the step is then exact for ``sigma' = l /
            |s|``.
        start: Guess of l, such as the last iteration's; 0 for none.
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
        # |H s| <= bound |s| in (H + l) s = -g with l = sigma |s| gives both ends
        low = 2.0 * sigma * size / (bound + math.sqrt(bound * bound + 4.0 * sigma * size))
        high = 0.5 * (bound + math.sqrt(bound * bound + 4.0 * sigma * size))
        l = self._start if low < self._start < high else math.sqrt(low * high)
        for _ in range(50):
            factor = Cholesky(h, l)
            self.factorizations += 1
            if not factor.ok:
                low = max(low, l)
                l = math.sqrt(low * high)
            else:
                s = -factor.solve(g)
                norm = float(torch.linalg.vector_norm(s))
                gap = sigma * norm - l
                if abs(gap) <= self._tolerance * l:
                    self._start = l
                    return finish(s, h @ s, g, sigma, l, 0, "tolerance")
                low, high = (max(low, l), high) if gap > 0.0 else (low, min(high, l))
                half = factor.half_solve(s)
                slope = float(torch.dot(half, half)) / norm**3 + sigma / l**2
                new = l - (1.0 / norm - sigma / l) / slope
                l = new if low < new < high else math.sqrt(low * high)
            if high - low <= 1e-9 * high:  # the root sits on the pole -w_1
                break
        return self._by_eigenvalues(sigma)

    def _by_eigenvalues(self, sigma: float) -> CubicSolution:
        if self._exact is None:
            self._exact = EigenSubproblem(DenseCurvature(0.0, self.gradient, self.hessian))
        return self._exact.solve(sigma)
