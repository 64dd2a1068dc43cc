"""Full differences: every entry of the chosen parameters is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sciml.adapters.base import AdapterConfig, Factors
from sciml.adapters.parameters import Site


@dataclass(frozen=True, kw_only=True)
class Full(AdapterConfig):
    """Full fine-tuning, kept as a difference from the base.

    One factor ``delta`` in the shape of the parameter, zero at first.
    """

    kind: ClassVar[str] = "full"

    def start(self, site: Site, weight: Tensor, rng: torch.Generator) -> Factors:
        """Zeros."""
        return {"delta": torch.zeros(site.shape, dtype=torch.float64)}

    def delta(self, site: Site, factors: Factors, constants: Factors) -> Tensor:
        """The factor itself."""
        return factors["delta"]

    def fit(self, site: Site, weight: Tensor, change: Tensor) -> Factors:
        """Exact."""
        return {"delta": change.clone()}

    def count(self, site: Site) -> int:
        """Every entry."""
        return site.numel
