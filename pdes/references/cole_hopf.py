"""The viscous Burgers equation solved by quadrature."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ROWS_TIMES_NODES = 1 << 20  # 8 MiB a temporary


def cole_hopf(t: Tensor, x: Tensor, nu: float) -> Tensor:
    """Solution of ``u_t + u u_x = nu u_xx``, ``u(0, x) = -sin(πx)``, on the whole line (2-periodic, odd).

    The Cole-Hopf transform turns the equation into the heat equation; ``u`` is then the mean of ``-sin(π(x -
    η))`` under the weight ``exp(-η²/(4 nu t) - cos(π(x - η))/(2π nu))``. The trapezoidal rule converges
    geometrically for such an integrand, so a fixed number of nodes per width of the weight's narrowest peak
    gives round-off. Forming the weights as a softmax keeps the huge exponents of a small ``nu`` from
    overflowing.

    Args:
        t: Times ``(n, 1)``, float64, ``0 <= t <= 1``.
        x: Places ``(n, 1)``, float64.
        nu: Viscosity, 1e-5..1. The error is about 1e-19/nu, and at least 1e-15.
    Returns:
        ``(n, 1)``, differentiable for ``t > 0``. Memory does not grow with n unless gradients are recorded.
    References: Hopf (1950), Comm. Pure Appl. Math. 3; Cole (1951), Quart. Appl. Math. 9; Trefethen and
        Weideman (2014), SIAM Review 56, on the trapezoidal rule.
    """
    t_max = float(t.detach().max()) if len(t) else 0.0
    # beyond |η| = reach √t the weight is below exp(-40) of its peak: the cosine term spans at most 1/(π nu)
    reach = math.sqrt(2 * (2 / math.pi + 80 * nu))
    peak = math.sqrt(2 * nu * t_max / (1 + math.pi * t_max))  # standard deviation of the narrowest peak
    step = min(0.4 * peak, 0.1)
    k = max(16, math.ceil(reach * math.sqrt(t_max) / step)) if t_max > 0 else 16
    z = reach * torch.arange(-k, k + 1, dtype=t.dtype, device=t.device) / k  # η = z √t
    rows = max(1, ROWS_TIMES_NODES // len(z))
    pieces = []
    for t_rows, x_rows in zip(t.split(rows), x.split(rows), strict=True):
        y = math.pi * (x_rows - z * t_rows.sqrt())
        weight = torch.softmax(-(z**2) / (4 * nu) - torch.cos(y) / (2 * math.pi * nu), dim=1)
        pieces.append(-(weight * torch.sin(y)).sum(dim=1, keepdim=True))
    return torch.cat(pieces)
