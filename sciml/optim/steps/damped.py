"""Damped Gauss-Newton systems: ``s = -(J'J + l I)^-1 J' q`` for one Jacobian and many ``l`` and ``q``.

Four forms of the same step, J of shape (M, P):

* primal: factor ``J'J + l I`` (P, P);
* dual: factor ``J J' + l I`` (M, M), ``s = -J' (J J' + l I)^-1 q``; never needs J itself, only the Gram
  matrix;
* qr: singular value decomposition of J, which does not square the condition number and serves every ``l``
  at once;
* krylov (``bidiagonal.py``): products with J and J' only.

Primal and dual hold Cholesky factors and take no ``l`` below the rounding of the Gram matrix.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from sciml.linalg import Cholesky, inner_gram, outer_gram, svd
from sciml.optim.protocols import Linearization
from sciml.optim.steps.cubic.secular import solve_secular

# |sigma |s| - l| / l at which the Cholesky search stops: s is exact for sigma' = l/|s|
CUBIC_TOLERANCE = 0.02
KEPT_BYTES = 256 << 20  # largest Jacobian that the dual form keeps


class DampedSystem(Protocol):
    """Solves for one linearisation; keeps its factor for the last ``l``."""

    def solve(self, lam: float, q: Tensor) -> Tensor:
        """``-(J'J + l I)^-1 J' q``, shape (P,)."""
        ...

    def again(self, lam: float, q: Tensor) -> Tensor:
        """``solve`` for a small correction q, at the ``l`` that was solved for last: as cheap as the form
        can.
        """
        ...

    def cubic(self, sigma: float, q: Tensor, start: float) -> tuple[float, Tensor]:
        """``(l, s)`` with ``s = solve(l, q)`` and ``l = sigma |s|``; ``start`` is a guess of ``l``."""
        ...


class SpectralSystem:
    """From the singular values of J: every ``l`` costs two products, however small it is."""

    def __init__(self, lin: Linearization):
        u, k, vt = svd(lin.dense())
        self.square = k * k
        self._left = lambda q: k * (u.T @ q)
        self._right = lambda y: vt.T @ y

    def solve(self, lam: float, q: Tensor) -> Tensor:
        """``-(J'J + l I)^-1 J' q``."""
        return self._right(-self._left(q) / (self.square + lam).clamp_min(1e-300))

    again = solve

    def cubic(self, sigma: float, q: Tensor, start: float) -> tuple[float, Tensor]:
        """Exact root of the secular equation, O(n) an iteration."""
        order = torch.argsort(self.square)
        c = self._left(q)
        found = solve_secular(self.square[order].cpu().numpy(), c[order].cpu().numpy(), sigma)
        y = torch.empty_like(c)
        y[order] = torch.from_numpy(found.step).to(c)
        return found.multiplier, self._right(y)


class CholeskySystem:
    """Primal or dual form with one Cholesky factorisation per ``l``."""

    def __init__(self, lin: Linearization, form: str):
        self._lin, self._dual = lin, form == "dual"
        if not self._dual or 8 * lin.shape[0] * lin.shape[1] <= KEPT_BYTES:
            j = lin.dense()
            self._gram = outer_gram(j) if self._dual else inner_gram(j)
        else:
            self._gram = lin.gram()
        self._lam = -1.0
        self._factor: Cholesky | None = None
        # a smaller shift drowns in the rounding of the Gram matrix, whether the factorisation notices or not
        self._floor = torch.finfo(self._gram.dtype).eps * float(self._gram.diagonal().sum())

    def _at(self, lam: float) -> Cholesky:
        """The factor for ``l``, or for the smallest one above it that can be factorised."""
        lam = max(lam, self._floor)
        if lam != self._lam or self._factor is None:
            self._lam, self._factor = lam, Cholesky(self._gram, lam)
            while not self._factor.ok:
                self._floor = self._lam = 4.0 * self._lam
                self._factor = Cholesky(self._gram, self._lam)
        return self._factor

    def solve(self, lam: float, q: Tensor) -> Tensor:
        """``-(J'J + l I)^-1 J' q``."""
        factor = self._at(lam)
        return -self._lin.rmv(factor.solve(q)) if self._dual else -factor.solve(self._lin.rmv(q))

    again = solve

    def cubic(self, sigma: float, q: Tensor, start: float) -> tuple[float, Tensor]:
        """Newton on ``1/|s| - sigma/l`` from ``start``; 1-4 factorisations.

        With ``y = (G + l I)^-1 b`` for the Gram matrix G the step is -y (primal, ``b = J'q``) or ``-J'y``
        (dual, ``b = q``).
        """
        b = q if self._dual else self._lin.rmv(q)
        size = float(torch.linalg.vector_norm(self._lin.rmv(q) if self._dual else b))
        if size == 0.0:
            return 0.0, q.new_zeros(self._lin.shape[1])
        high = math.sqrt(sigma * size)  # |s| <= |J'q| / l
        low, lam = 0.0, start if 0.0 < start < high else high
        for _ in range(30):
            factor = self._at(lam)
            lam = self._lam
            y = factor.solve(b)
            half = factor.half_solve(y)
            bend = float(torch.dot(half, half))
            s = y.neg()
            if self._dual:
                s = -self._lin.rmv(y)
                bend = max(float(torch.dot(y, y)) - lam * bend, 0.0)
            norm = float(torch.linalg.vector_norm(s))
            gap = sigma * norm - lam
            if abs(gap) <= CUBIC_TOLERANCE * lam or (gap < 0.0 and lam <= self._floor):
                break
            low, high = (lam, high) if gap > 0.0 else (low, lam)
            new = lam - (1.0 / norm - sigma / lam) / (bend / norm**3 + sigma / lam**2)
            lam = new if low < new < high else (math.sqrt(low * high) if low > 0.0 else 0.1 * high)
        return lam, s
