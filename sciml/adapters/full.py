"""Full differences: every entry of the chosen parameters is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sciml.adapters.base import AdapterConfig, Factors
from sciml.adapters.parameters import AdaptedParameter


@dataclass(frozen=True, kw_only=True)
class Full(AdapterConfig):
    """Full fine-tuning, kept as a difference from the base.

    One factor ``delta`` in the shape of the parameter, zero at first.
    """

    kind: ClassVar[str] = "full"

    def start(self, parameter: AdaptedParameter, weight: Tensor, rng: torch.Generator) -> Factors:
        """Zeros."""
        return {"delta": torch.zeros(parameter.shape, dtype=torch.float64)}

    def delta(self, parameter: AdaptedParameter, factors: Factors, constants: Factors) -> Tensor:
        """The factor itself."""
        return factors["delta"]

    def fit(self, parameter: AdaptedParameter, weight: Tensor, change: Tensor) -> Factors:
        """Exact."""
        return {"delta": change.clone()}

    def count(self, parameter: AdaptedParameter) -> int:
        """Every entry."""
        return parameter.numel
