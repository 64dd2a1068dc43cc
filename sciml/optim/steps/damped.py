"""Damped Gauss-Newton systems: ``s = -(JᵀJ + λ I)^-1 Jᵀ q`` for one Jacobian and many λ and ``q``.

Four forms of the same step, J of shape (M, P):

* primal: factor ``JᵀJ + λ I`` (P, P);
* dual: factor ``J Jᵀ + λ I`` (M, M), ``s = -Jᵀ (J Jᵀ + λ I)^-1 q``; never needs J itself, only the Gram
  matrix;
* qr: singular value decomposition of J, which does not square the condition number and serves every λ
  at once;
* krylov (``bidiagonal.py``): products with J and Jᵀ only.

Primal and dual hold Cholesky factors and take no λ below the rounding of the Gram matrix.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from sciml.jacobian.protocols import Linearization
from sciml.linalg import Cholesky, svd
from sciml.optim.steps.cubic.newton import SecularPoint, newton_on_logarithms
from sciml.optim.steps.cubic.secular import solve_secular

# |sigma |s| - λ| / λ at which the Cholesky search stops: s is exact for a sigma of λ/|s|. At 0.1 Burgers takes more steps
CUBIC_TOLERANCE = 0.02


class DampedSystem(Protocol):
    """Solves for one linearisation; keeps its factor for the last λ."""

    def solve(self, lam: float, q: Tensor) -> Tensor:
        """``-(JᵀJ + λ I)^-1 Jᵀ q``, shape (P,)."""
        ...

    def again(self, lam: float, q: Tensor) -> Tensor:
        """``solve`` for a small correction q, at the λ that was solved for last: as cheap as the form
        can.
        """
        ...

    def cubic(self, sigma: float, q: Tensor, start: float) -> tuple[float, Tensor]:
        """``(λ, s)`` with ``s = solve(λ, q)`` and ``λ = sigma |s|``; ``start`` is a guess of λ."""
        ...


class SpectralSystem:
    """From the singular values of J: every λ costs two products, however small it is."""

    def __init__(self, lin: Linearization):
        u, k, vt = svd(lin.dense())
        self.square = k * k
        self._left = lambda q: k * (u.T @ q)
        self._right = lambda y: vt.T @ y

    def solve(self, lam: float, q: Tensor) -> Tensor:
        """``-(JᵀJ + λ I)^-1 Jᵀ q``."""
        return self._right(-self._left(q) / (self.square + lam).clamp_min(1e-300))

    again = solve

    def cubic(self, sigma: float, q: Tensor, start: float) -> tuple[float, Tensor]:
        """Exact root of the secular equation, O(n) an iteration."""
        order = torch.argsort(self.square)
        c = self._left(q)
        found = solve_secular(self.square[order].cpu().numpy(), c[order].cpu().numpy(), sigma)
        y = torch.empty_like(c)
        y[order] = torch.from_numpy(found.step).to(c)
        return found.lam, self._right(y)


class CholeskySystem:
    """Primal or dual form with one Cholesky factorisation per ``l``."""

    def __init__(self, lin: Linearization, form: str):
        self._lin, self._dual = lin, form == "dual"
        self._gram = lin.gram() if self._dual else lin.normal()
        self._memory = torch.empty_like(self._gram)
        self._lam = -1.0
        self._factor: Cholesky | None = None
        # a smaller shift drowns in the rounding of the Gram matrix, whether the factorisation notices or not
        self._floor = torch.finfo(self._gram.dtype).eps * float(self._gram.diagonal().sum())

    def _at(self, lam: float) -> Cholesky:
        """The factor for λ, or for the smallest one above it that can be factorised."""
        lam = max(lam, self._floor)
        if lam != self._lam or self._factor is None:
            self._lam, self._factor = lam, Cholesky(self._gram, lam, self._memory)
            while not self._factor.ok:
                self._floor = self._lam = 4.0 * self._lam
                self._factor = Cholesky(self._gram, self._lam, self._memory)
        return self._factor

    def solve(self, lam: float, q: Tensor) -> Tensor:
        """``-(JᵀJ + λ I)^-1 Jᵀ q``."""
        factor = self._at(lam)
        return -self._lin.rmv(factor.solve(q)) if self._dual else -factor.solve(self._lin.rmv(q))

    again = solve

    def cubic(self, sigma: float, q: Tensor, start: float) -> tuple[float, Tensor]:
        """Newton on logarithms from ``start``; mostly one to three factorisations.

        With ``y = (G + λ I)^-1 b`` for the Gram matrix G the step is -y (primal, ``b = Jᵀq``) or ``-Jᵀy``
        (dual, ``b = q``).
        """
        gradient = self._lin.rmv(q)
        b = q if self._dual else gradient
        size = float(torch.linalg.vector_norm(gradient))
        if size == 0.0:
            return 0.0, q.new_zeros(self._lin.shape[1])
        high = math.sqrt(sigma * size)  # |s| <= |Jᵀq| / λ
        point = newton_on_logarithms(
            lambda lam: self._evaluate(lam, b),
            sigma,
            start if 0.0 < start < high else high,
            tolerance=CUBIC_TOLERANCE,
            iterations=30,
        )
        return point.lam, point.answer

    def _evaluate(self, lam: float, b: Tensor) -> SecularPoint:
        factor = self._at(lam)
        lam = self._lam
        y = factor.solve(b)
        half = factor.half_solve(y)
        curvature = float(torch.dot(half, half))
        s = y.neg()
        if self._dual:
            s = -self._lin.rmv(y)
            # sᵀ(JᵀJ + λ I)^-1 s in terms of the points' system
            curvature = max(float(torch.dot(y, y)) - lam * curvature, 0.0)
        return SecularPoint(lam, lam, float(torch.linalg.vector_norm(s)), curvature, s, lam <= self._floor)
