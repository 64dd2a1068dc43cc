"""AdaLoRA's importance of a component: smoothed sensitivity times its smoothed uncertainty.

For a number w with gradient g the sensitivity is ``|w g|``. Two running means are kept, of the sensitivity
and of its distance from that mean, and their product is the score (Zhang et al., ICLR 2023, eq. 9-12).
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.errors import ArgumentError


class SmoothedSensitivity:
    """Running score of a tensor of any shape; ``beta1``, ``beta2`` in [0, 1) smooth the two means."""

    def __init__(self, beta1: float = 0.85, beta2: float = 0.85):
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise ArgumentError(f"{name} needs a value in [0, 1), got {beta}.")
        self.beta1, self.beta2 = beta1, beta2
        self.mean: Tensor | None = None
        self.uncertainty: Tensor | None = None

    def update(self, value: Tensor, gradient: Tensor) -> Tensor:
        """Take in one training step; return the score, shaped like ``value``. Both means start at 0."""
        if value.shape != gradient.shape:
            raise ArgumentError(
                f"gradient needs the shape of value, {tuple(value.shape)}, got {tuple(gradient.shape)}."
            )
        now = (value * gradient).detach().abs()
        nothing = torch.zeros_like(now)
        mean = self.beta1 * (nothing if self.mean is None else self.mean) + (1 - self.beta1) * now
        before = nothing if self.uncertainty is None else self.uncertainty
        self.mean = mean
        self.uncertainty = self.beta2 * before + (1 - self.beta2) * (now - mean).abs()
        return mean * self.uncertainty
