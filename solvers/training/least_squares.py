"""Linear least squares in closed form, where the residual is linear in what is solved for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sciml.jacobian.protocols import Linearization
from sciml.linalg import divisor

CLOSED_FORM = "linear least squares"  # as a report names it
LINEAR = 1e-9  # largest relative departure from its linearisation at which a residual counts as linear


def is_linear(system: Any, theta: Tensor, linearization: Linearization, seed: int = 0) -> bool:
    """Whether the residual is an affine function of ``theta``, by a long step in a random direction.

    ``linearization`` is the system's at ``theta``.
    """
    rng = torch.Generator().manual_seed(seed)
    step = torch.randn(theta.numel(), generator=rng, dtype=torch.float64).to(theta) * max(
        1.0, float(theta.norm())
    )
    change = system.residual(theta + step) - linearization.residual
    return float((change - linearization.mv(step)).norm()) <= LINEAR * float(change.norm())


def linear_solve(linearization: Linearization, theta: Tensor) -> Tensor:
    """Solve ``r + J s = 0`` in the least-squares sense and step there from ``theta``: exact for a linear residual."""
    return theta + least_squares_step(linearization.dense(), linearization.residual)


def least_squares_step(J: Tensor, r: Tensor) -> Tensor:
    """The shortest ``s`` (P,) that minimises ``|r + J s|``, for J (M, P) and r (M,).

    By a complete orthogonal decomposition. Columns differ by orders of magnitude, and rank is judged by size, so they are
    scaled to one length first.
    """
    from scipy.linalg import lstsq

    scale = divisor(J.norm(dim=0))
    found = lstsq(
        (J / scale).cpu().numpy(), -r.cpu().numpy(), lapack_driver="gelsy", cond=1e-14, overwrite_a=True
    )
    assert found is not None
    return torch.as_tensor(found[0]).to(r) / scale
