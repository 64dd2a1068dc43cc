"""From a domain's coordinates to a network's inputs: scaled to [-1, 1], periodic ones as ``cos`` and ``sin``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sciml.jets import elementwise, order_of
from sciml.kernels.orders import Weights
from sciml.nn.activation import turning
from sciml.nn.base import JetLayer


class InputMap(JetLayer):
    """Maps coordinates ``(n, d)`` to inputs ``(n, d + periodic)``.

    A plain coordinate becomes ``2 (x - lower) / (upper - lower) - 1``; a periodic one becomes
    ``cos(2 pi x / L), sin(2 pi x / L)`` with ``L = upper - lower``. The plain ones come first.

    Args:
        lower, upper: The bounding box, ``(d,)``.
        periodic: Indices of the periodic coordinates.
    """

    lower: Tensor
    upper: Tensor
    any_order = True

    def __init__(self, lower: Tensor, upper: Tensor, periodic: Sequence[int] = ()):
        super().__init__()
        self.register_buffer("lower", lower.clone())
        self.register_buffer("upper", upper.clone())
        self.periodic = list(periodic)
        self.plain = [i for i in range(lower.numel()) if i not in self.periodic]

    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, d) -> (n, C, d + periodic)``."""
        scale = 2.0 / (self.upper - self.lower)
        shifted = z * scale - torch.nn.functional.pad(
            (self.lower * scale + 1.0)[None], (0, 0, 0, z.shape[1] - 1)
        )
        if not self.periodic:
            return shifted
        phase = shifted[:, :, self.periodic] * torch.pi
        s, c = torch.sin(phase[:, 0]), torch.cos(phase[:, 0])
        f = turning(torch.cat([c, s], 1), torch.cat([-s, c], 1), order_of(weights))
        circle = elementwise(torch.cat([phase, phase], 2), weights, *f)
        return torch.cat([shifted[:, :, self.plain], circle], dim=2)
