"""Matrix-free damped Gauss-Newton systems by Golub-Kahan bidiagonalisation (the recurrence behind LSQR and
LSMR).

From q one product with J and one with Jᵀ a step give ``J V = U B`` with B lower bidiagonal (k+1, k), ``U
e_1 = q/|q|``. The step in the span of V solves a problem of k unknowns, ``min |B y + |q| e_1|^2 + λ
|y|^2``, for every λ from one basis, so a rejected step costs no product. V is re-orthogonalised in
full; memory is k vectors of length P.

Source: Paige, Saunders (1982), Fong, Saunders (2011); the cubic term as in Cartis, Gould, Toint (2011),
section 6.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sciml.jacobian.protocols import Linearization
from sciml.optim.steps.cubic.secular import solve_secular


class Bidiagonalization:
    """Grows ``V`` (P, k) and the bidiagonal B for one starting vector ``q`` (M,)."""

    def __init__(self, lin: Linearization, q: Tensor):
        self._lin = lin
        self.beta = [float(torch.linalg.vector_norm(q))]
        self.alpha: list[float] = []
        self.products = 0
        u = q / self.beta[0] if self.beta[0] > 0.0 else q
        self._left, self._basis = u[None].clone(), q.new_zeros(0, lin.shape[1])
        self._found = 1  # vectors of U
        self.exhausted = self.beta[0] == 0.0
        self._next(lin.rmv(u))

    def _next(self, v: Tensor) -> None:
        """Orthogonalise ``v`` against the basis twice and append it."""
        k = len(self.alpha)
        v = _orthogonal(v, self._basis[:k])
        alpha = float(torch.linalg.vector_norm(v))
        self.products += 1
        if alpha <= 1e-14 * max(self.alpha, default=0.0) or alpha == 0.0:
            self.exhausted = True
            return
        self._basis = _with_room(self._basis, k)
        self._basis[k] = v / alpha
        self.alpha.append(alpha)

    def grow(self) -> None:
        """One more column of B: products with J and Jᵀ."""
        k = len(self.alpha)
        v = self._basis[k - 1]
        u = _orthogonal(self._lin.mv(v), self._left[: self._found])
        self.products += 1
        beta = float(torch.linalg.vector_norm(u))
        self.beta.append(beta)
        if beta <= 1e-14 * self.alpha[0]:
            self.exhausted = True
            return
        self._left = _with_room(self._left, self._found)
        self._left[self._found] = u / beta
        self._found += 1
        self._next(self._lin.rmv(u / beta))

    def matrix(self, k: int) -> np.ndarray:
        """B of shape (k+1, k); its last row is zero until the column is complete."""
        b = np.zeros((k + 1, k))
        b[np.arange(k), np.arange(k)] = self.alpha[:k]
        below = self.beta[1 : k + 1]
        b[np.arange(1, len(below) + 1), np.arange(len(below))] = below
        return b

    def combine(self, y: np.ndarray) -> Tensor:
        """``V y`` (P,)."""
        return self._basis[: len(y)].T @ torch.from_numpy(y).to(self._basis)

    def project(self, q: Tensor, k: int) -> np.ndarray:
        """``Uᵀ q`` (k+1,), zero where the basis ended."""
        out = np.zeros(k + 1)
        count = min(k + 1, self._found)
        out[:count] = (self._left[:count] @ q).cpu().numpy()
        return out


def _orthogonal(x: Tensor, rows: Tensor) -> Tensor:
    """``x`` less its share in the orthonormal ``rows``, twice for the rounding."""
    for _ in range(2):
        x = x - rows.T @ (rows @ x)
    return x


def _with_room(rows: Tensor, count: int) -> Tensor:
    """``rows`` with room for one more than ``count``."""
    return rows if count < len(rows) else torch.cat([rows, rows.new_empty(max(16, count), rows.shape[1])])


class KrylovSystem:
    """Damped Gauss-Newton steps from products alone.

    Args:
        lin: The linearisation.
        tolerance: Stop once ``|Jᵀ(J s + q) + λ s| <= tolerance |Jᵀ q|``.
        max_basis: Largest number of basis vectors.
    """

    def __init__(self, lin: Linearization, tolerance: float, max_basis: int):
        self._lin, self._tolerance = lin, tolerance
        self._max = min(max_basis, *lin.shape)
        self._key: Tensor | None = None
        self._space: Bidiagonalization | None = None

    def _space_for(self, q: Tensor) -> Bidiagonalization:
        if self._space is None or self._key is not q:
            self._key, self._space = q, Bidiagonalization(self._lin, q)
        return self._space

    def _run(self, q: Tensor, small) -> tuple[float, Tensor]:
        """Grow until the full model's gradient is small; ``small(w, c, basis)`` gives the step in
        eigen-coordinates and λ.
        """
        space = self._space_for(q)
        if not space.alpha:  # Jᵀq = 0
            return 0.0, q.new_zeros(self._lin.shape[1])
        target = self._tolerance * space.alpha[0] * space.beta[0]
        check = len(space.beta) - 1
        while True:
            k = len(space.beta) - 1
            done = space.exhausted or k >= self._max
            if k == 0 or (k < check and not done):
                space.grow()
                continue
            check = k + max(1, k // 8)
            b = space.matrix(k)
            u, s, vt = np.linalg.svd(b, full_matrices=False)
            c = s * u[0] * space.beta[0]
            step, lam = small(s * s, c)
            y = vt.T @ step
            # Jᵀ(Js + q) + λ s = alpha_{k+1} v_{k+1} (B y + |q| e_1)_{k+1}
            last = float(b[-1] @ y)
            alpha = space.alpha[k] if len(space.alpha) > k else 0.0
            if done or alpha * abs(last) <= target:
                return lam, space.combine(y)
            space.grow()

    def solve(self, lam: float, q: Tensor) -> Tensor:
        """``-(JᵀJ + λ I)^-1 Jᵀ q``."""
        return self._run(q, lambda w, c: (-c / np.maximum(w + lam, 1e-300), lam))[1]

    def again(self, lam: float, q: Tensor) -> Tensor:
        """``solve`` within the space of the last one, for another q: no product."""
        space = self._space
        if space is None or not space.alpha:
            return q.new_zeros(self._lin.shape[1])
        k = len(space.beta) - 1
        u, s, vt = np.linalg.svd(space.matrix(k), full_matrices=False)
        return space.combine(-vt.T @ (s / np.maximum(s * s + lam, 1e-300) * (u.T @ space.project(q, k))))

    def cubic(self, sigma: float, q: Tensor, start: float) -> tuple[float, Tensor]:
        """The cubic-regularised step and its λ."""

        def small(w: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, float]:
            found = solve_secular(w[::-1], c[::-1], sigma)
            return found.step[::-1], found.lam

        return self._run(q, small)
