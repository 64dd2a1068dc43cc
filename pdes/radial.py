"""Radius and sampling for problems in a ball whose solution depends on the radius."""

from __future__ import annotations

import torch
from torch import Tensor


def radius(x: Tensor) -> Tensor:
    """``|x|`` of points ``(n, 1 + dim)`` that begin with the time: ``(n, 1)``."""
    return torch.linalg.vector_norm(x[:, 1:], dim=1, keepdim=True)


def uniform_radius(x: Tensor, smallest: float = 0.0) -> Tensor:
    """Move points ``(n, 1 + dim)``, uniform in the unit ball's volume, so that their radius is uniform.

    The volume inside radius R is ``R^dim``, so that number is uniform on [0, 1]; it becomes the new radius,
    scaled to ``[smallest, 1]``. Times and directions stay.
    """
    r = radius(x)
    new = smallest + (1 - smallest) * r ** (x.shape[1] - 1)
    return torch.cat([x[:, :1], x[:, 1:] * (new / r)], dim=1)
