"""The cubic subproblem by gradient descent: the plainest matrix-free solver, ``solver="descent"``.

It keeps three vectors where Lanczos keeps a basis of up to 500, and shares nothing with the other solvers, so that one may
be held against it.

From the Cauchy point with the step size below it converges to the global minimiser; a tiny random change of
the gradient deals with the hard case. It needs up to a hundred times the products of Lanczos.

Source: Carmon, Duchi (2019), Gradient descent finds the cubic-regularized nonconvex Newton step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sciml.jacobian.protocols import Curvature
from sciml.optim.steps.cubic.subproblem import CubicSolution, finish

PERTURBATION = 1e-8  # of |g|


class DescentSubproblem:
    """Gradient descent on the cubic model.

    Args:
        curvature: The model; only ``mv`` is used.
        tolerance: Stop at ``|grad m(s)| <= tolerance |g|``.
        max_iterations: Products allowed for one solve.
        seed: For the perturbation.
    """

    def __init__(
        self, curvature: Curvature, tolerance: float = 1e-6, max_iterations: int = 20_000, seed: int = 0
    ):
        self._curvature, self._tolerance, self._limit = curvature, tolerance, max_iterations
        g = self.gradient = curvature.gradient
        self._size = float(torch.linalg.vector_norm(g))
        random = torch.randn(len(g), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        noise = (random / torch.linalg.vector_norm(random)).to(g)
        self._g = g + PERTURBATION * max(self._size, torch.finfo(g.dtype).tiny ** 0.5) * noise
        self._bound: float | None = None

    def _spectral_bound(self) -> tuple[float, int]:
        """An upper estimate of |H| by 20 power iterations, a tenth added."""
        v = self._g / torch.linalg.vector_norm(self._g)
        norm = 0.0
        for k in range(20):
            hv = self._curvature.mv(v)
            norm = float(torch.linalg.vector_norm(hv))
            if norm == 0.0:
                return 0.0, k + 1
            v = hv / norm
        return 1.1 * norm, 20

    def solve(self, sigma: float) -> CubicSolution:
        """The minimiser, to the tolerance."""
        g, products = self._g, 0
        size = float(torch.linalg.vector_norm(g))
        if self._bound is None:
            self._bound, products = self._spectral_bound()
        top = self._bound
        hg = self._curvature.mv(g)
        products += 1
        # one long division by |g| at a time: |g|^2 underflows for tiny gradients
        a = float(torch.dot(g / size, hg / size)) / (2.0 * sigma)
        cauchy = (
            size / sigma / (a + math.sqrt(a * a + size / sigma))
            if a > 0.0
            else -a + math.sqrt(a * a + size / sigma)
        )
        s: Tensor = -cauchy / size * g
        radius = top / (2.0 * sigma)
        radius += math.sqrt(radius * radius + size / sigma)
        eta = 1.0 / (4.0 * (top + sigma * radius))
        stopped = "max iterations"
        hs = -cauchy / size * hg
        while products < self._limit:
            norm = float(torch.linalg.vector_norm(s))
            slope = g + hs + sigma * norm * s
            if float(torch.linalg.vector_norm(slope)) <= self._tolerance * size:
                stopped = "tolerance"
                break
            s = s - eta * slope
            hs = self._curvature.mv(s)
            products += 1
        norm = float(torch.linalg.vector_norm(s))
        return finish(s, hs, self.gradient, sigma, sigma * norm, products, stopped)
