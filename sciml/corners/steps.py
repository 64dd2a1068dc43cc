"""What a half-space answers to a jump at its face: the local solutions of ``u_t = k u_yy - b u_y - c u``, ``y > 0``.

``u(0, t) = exp(-c t)`` from rest gives ``exp(-c t) [erfc(z-) + exp(b y / k) erfc(z+)] / 2`` with ``z-`` and ``z+`` equal to
``(y - b t) / (4 k t)^(1/2)`` and ``(y + b t) / (4 k t)^(1/2)`` (Ogata & Banks 1961, U.S. Geological Survey Professional
Paper 411-A; Carslaw & Jaeger 1959, Conduction of Heat in Solids, section 2.4). Repeated integrals of erfc begin with weaker
jumps: of the flux, and of the rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

FIRST = 1e-30  # of the duration: instants before are taken for this one
SQRT_PI = math.pi**0.5


@dataclass(frozen=True)
class HalfSpace:
    """The space on the inner side of a face of a box, and the rates of an equation there.

    Attributes:
        axis, at: The coordinate across the face and its value there.
        inward: 1 where the space lies above, -1 below.
        time, start, duration: Axis of time, first instant and length.
        diffusion, drift, decay: ``k > 0``, ``b`` (positive inwards), ``c``.
    """

    axis: int
    at: float
    inward: float
    time: int
    start: float
    duration: float
    diffusion: float
    drift: float = 0.0
    decay: float = 0.0

    def step(self, x: Tensor) -> Tensor:
        """From rest, where the face is held at ``exp(-c t)``: ``(n, d) -> (n, 1)``."""
        y, t = self._depth(x), self._time(x)
        root = (4 * self.diffusion * t).sqrt()
        if self.drift == 0:
            return torch.exp(-self.decay * t) * torch.erfc(y / root)
        behind, ahead = (y - self.drift * t) / root, (y + self.drift * t) / root
        # exp(b y / k) erfc(z+), of which one factor may overflow, is exp(-z-^2) erfcx(z+), whose other may
        up = ahead >= 0
        one = torch.exp(-(behind**2)) * torch.special.erfcx(torch.where(up, ahead, 0.0))
        rise = torch.where(up, torch.zeros_like(y), self.drift * y / self.diffusion)
        two = torch.exp(rise) * torch.erfc(torch.where(up, torch.zeros_like(ahead), ahead))
        return 0.5 * torch.exp(-self.decay * t) * (torch.erfc(behind) + torch.where(up, one, two))

    def flux(self, x: Tensor) -> Tensor:
        """From rest, with outward slope 1 at the face, without drift: ``2 (k t)^(1/2) ierfc(z)``."""
        y, t = self._depth(x), self._time(x)
        root = (4 * self.diffusion * t).sqrt()
        z = y / root
        return root * (torch.exp(-(z**2)) / SQRT_PI - z * torch.erfc(z))

    def ramp(self, x: Tensor) -> Tensor:
        """From rest, where the face is held at ``t``, without drift: ``4 t i²erfc(z)``."""
        y, t = self._depth(x), self._time(x)
        z = y / (4 * self.diffusion * t).sqrt()
        return t * ((1 + 2 * z**2) * torch.erfc(z) - 2 * z * torch.exp(-(z**2)) / SQRT_PI)

    def _depth(self, x: Tensor) -> Tensor:
        return (self.inward * (x[:, self.axis : self.axis + 1] - self.at)).clamp(min=0.0)

    def _time(self, x: Tensor) -> Tensor:
        return (x[:, self.time : self.time + 1] - self.start).clamp(min=FIRST * self.duration)
