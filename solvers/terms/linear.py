"""Whether an equation is linear in its unknowns."""

from __future__ import annotations

import torch

from sciml.derivatives import AutogradSource
from sciml.problem import PDE

LINEAR = 1e-8  # largest relative departure from linearity


def is_linear_equation(problem: PDE, like: torch.Tensor) -> bool:
    """Whether the residual is affine in the unknowns, as tried with sums of waves at a few points.

    Args:
        problem: Whose equations are looked at.
        like: A tensor of the dtype and device to compute with.
    """
    x = problem.sample(16, seed=1).to(like)
    rng = torch.Generator().manual_seed(0)
    waves = torch.randn(2, x.shape[1], problem.outputs, generator=rng, dtype=torch.float64).to(x)

    def residual(a: float, b: float) -> torch.Tensor:
        def u(y: torch.Tensor) -> torch.Tensor:
            return a * torch.sin(y @ waves[0]) + b * torch.cos(y @ waves[1])

        terms = problem.residual_terms(problem.field(AutogradSource(u, x)), x)
        return torch.cat([t.detach().reshape(-1) for t in terms.values()])

    zero = residual(0.0, 0.0)
    together = residual(2.0, -3.0) - zero
    apart = 2.0 * (residual(1.0, 0.0) - zero) - 3.0 * (residual(0.0, 1.0) - zero)
    return float((together - apart).norm()) <= LINEAR * float(together.norm().clamp(min=1e-300))
