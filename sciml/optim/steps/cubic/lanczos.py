"""The cubic subproblem from products H v alone: generalised Lanczos (GLRT) with full re-orthogonalisation.

``Qᵀ H Q = T`` tridiagonal, ``q_0 = g/|g|``; the minimiser in the span of Q solves the same problem with T,
and the full model's gradient there is ``beta_{k+1} |u_k|`` without a product. T does not depend on sigma: a
second sigma costs no product unless the basis has to grow.

Source: Gould, Lucidi, Roma, Toint (1999); Cartis, Gould, Toint (2011), section 6.2.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from sciml import arguments
from sciml.jacobian.protocols import Curvature
from sciml.optim.steps.cubic.secular import SecularSolution, solve_secular
from sciml.optim.steps.cubic.subproblem import CubicSolution

RULES = ("g", "s")


class LanczosSubproblem:
    """Krylov minimiser of the cubic model.

    Args:
        curvature: The model; only ``mv`` is used.
        kappa, rule: Stop at ``|grad m(s)| <= kappa min(1, |g|^(1/2)) |g|`` (``rule="g"``) or
            ``kappa min(1, |s|) |g|`` (``rule="s"``).
        max_basis: Largest number of basis vectors; the minimiser in a full basis is accepted, it is never
            worse than the Cauchy point.
        seed: For the random vector that starts the basis at a saddle (g = 0) and goes on when it is
            exhausted.

    An eigenvector exactly orthogonal to g is found only in those two cases; take ``EigenSubproblem`` where
    that matters, or a gradient with a little noise.
    """

    def __init__(
        self,
        curvature: Curvature,
        kappa: float = 0.1,
        rule: str = "g",
        max_basis: int = 500,
        seed: int = 0,
    ):
        arguments.one_of("rule", rule, RULES)
        self._curvature, self._kappa, self._rule = curvature, kappa, rule
        self.gradient = curvature.gradient
        self._size = float(torch.linalg.vector_norm(self.gradient))
        self._n = len(self.gradient)
        self._max = min(max_basis, self._n)
        self._random = torch.Generator().manual_seed(seed)
        self._basis = self.gradient.new_zeros(0, self._n)
        self._alpha: list[float] = []
        self._beta: list[float] = []  # beta[j] couples vectors j and j + 1; 0 where an invariant space ends
        self._next: Tensor | None = self.gradient / self._size if self._size > 0.0 else self._fresh()
        self._random_start = self._size == 0.0

    def _fresh(self) -> Tensor | None:
        """A random unit vector orthogonal to the basis; None when the basis is the whole space."""
        k = len(self._alpha)
        if k >= self._n:
            return None
        v = torch.randn(self._n, generator=self._random, dtype=torch.float64).to(self.gradient)
        v = self._orthogonal(v / torch.linalg.vector_norm(v))
        norm = float(torch.linalg.vector_norm(v))
        return v / norm if norm > 0.0 else None

    def _orthogonal(self, v: Tensor) -> Tensor:
        k = len(self._alpha)
        for _ in range(2):
            v = v - self._basis[:k].T @ (self._basis[:k] @ v)
        return v

    def _grow(self) -> None:
        """Append ``self._next`` to the basis: one product."""
        q, k = self._next, len(self._alpha)
        assert q is not None
        if k == len(self._basis):
            self._basis = torch.cat([self._basis, q.new_empty(min(max(16, k), self._n), self._n)])
        self._basis[k] = q
        hq = self._curvature.mv(q)
        self._alpha.append(float(torch.dot(q, hq)))
        rest = self._orthogonal(hq)
        beta = float(torch.linalg.vector_norm(rest))
        scale = max(max(abs(a) for a in self._alpha), max(self._beta, default=0.0))
        if beta <= 1e-13 * scale or k + 1 >= self._n:
            self._beta.append(0.0)
            self._next = None
        else:
            self._beta.append(beta)
            self._next = rest / beta

    def solve(self, sigma: float) -> CubicSolution:
        """The minimiser in a Krylov space large enough for the stopping rule."""
        before = len(self._alpha)
        if not self._alpha:
            self._grow()
        check = len(self._alpha)
        while True:
            k = len(self._alpha)
            full = self._next is None or k >= self._max
            if k >= check or full:
                check = k + max(1, k // 8)
                w, v, found = self._small(sigma)
                u = v @ found.step
                if self._next is None and not self._random_start and k < self._max:
                    # the space is invariant; an eigenvector outside it may lead lower
                    self._random_start = True
                    self._next = self._fresh()
                    self._beta[-1] = 0.0
                elif full or self._converged(u, w, v, found.lam):
                    stopped = "tolerance" if self._next is not None else "exhausted"
                    stopped = "basis full" if full and self._next is not None else stopped
                    stopped = "hard case" if found.hard else stopped
                    return self._finish(u, sigma, found.lam, k - before, stopped)
            if self._next is None:
                check = k  # nothing left to restart from
                continue
            self._grow()

    def _converged(self, u: np.ndarray, w: np.ndarray, v: np.ndarray, lam: float) -> bool:
        """The stopping rule; a basis that began at random must also have found the lowest eigenvalue."""
        norm = float(np.linalg.norm(u))
        factor = self._size**0.5 if self._rule == "g" else norm
        scale = max(abs(lam), abs(float(w[0])), abs(float(w[-1])))
        target = max(self._kappa * min(1.0, factor) * self._size, 1e-15 * scale * norm)
        if self._beta[-1] * abs(float(u[-1])) > target:
            return False
        if not self._random_start:
            return True
        error = self._beta[-1] * abs(float(v[-1, 0]))
        return error <= max(0.1 * (lam + float(w[0])), 1e-9 * scale)

    def _small(self, sigma: float) -> tuple[np.ndarray, np.ndarray, SecularSolution]:
        """Eigenvalues and eigenvectors of T and the minimiser of its problem in those coordinates."""
        k = len(self._alpha)
        w, v = scipy.linalg.eigh_tridiagonal(np.array(self._alpha), np.array(self._beta[: k - 1]))
        return w, v, solve_secular(w, self._size * v[0], sigma)

    def _finish(self, u: np.ndarray, sigma: float, lam: float, products: int, stopped: str) -> CubicSolution:
        k = len(u)
        alpha, beta = np.array(self._alpha), np.array(self._beta[: k - 1])
        tu = alpha * u
        tu[:-1] += beta * u[1:]
        tu[1:] += beta * u[:-1]
        curvature, norm = float(u @ tu), float(np.linalg.norm(u))
        decrease = -(self._size * float(u[0]) + 0.5 * curvature + sigma / 3.0 * norm**3)
        step = self._basis[:k].T @ torch.from_numpy(u).to(self._basis)
        return CubicSolution(step, lam, max(decrease, 0.0), products, stopped, curvature)
