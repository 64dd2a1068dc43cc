"""LoRA: a product of two thin matrices (Hu et al., ICLR 2022), also for the coefficients of a KAN layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from sciml.adapters.base import Factors
from sciml.adapters.low_rank import LowRank, fitting
from sciml.adapters.parameters import AdaptedParameter
from sciml.arguments import integer, positive

MODE = "rank"


@dataclass(frozen=True, kw_only=True)
class LoRA(LowRank):
    """``delta = (alpha / r) left right`` with ``left`` (rows, r) and ``right`` (r, columns).

    A weight (n_out, n_in) or base (n_in, n_out) is taken as it is. Coefficients (n_in, m, n_out) are laid out
    as (n_in m, n_out) or as (n_in, m n_out), whichever is nearer to a square: that split has the larger
    possible rank. The side of the outputs starts at zero, the side of the inputs random with variance 1 /
    n_in.

    Args:
        r: Rank of every target, cut to what its shape allows; 0 is allowed.
        alpha: Scale of the difference, ``alpha / r``; None for the scale 1. A rank search does not change the
            scale.

    Biases are trained in full unless ``modules_to_save`` says otherwise: without them the last digit is out of reach.
    """

    kind: ClassVar[str] = "lora"

    modules_to_save: tuple[str, ...] = ("bias",)
    r: int = 4
    alpha: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "r", self.check_rank(self.r, "r"))
        if self.alpha is not None:
            object.__setattr__(self, "alpha", positive("alpha", self.alpha))

    @property
    def scale(self) -> float:
        """Factor on the product of the two matrices."""
        return 1.0 if self.alpha is None else self.alpha / max(self.r, 1)

    def rank(self, parameter: AdaptedParameter) -> int:
        """Rank of the difference of that parameter."""
        rank = self.rank_pattern.get(parameter.name, self.r)
        return fitting(rank, min(matrix_shape(parameter)), parameter, parameter.name in self.rank_pattern)

    def start(self, parameter: AdaptedParameter, weight: Tensor, rng: torch.Generator) -> Factors:
        """The inputs' side random, the outputs' side zero."""
        rows, columns = matrix_shape(parameter)
        r = self.rank(parameter)
        spread = 1 / math.sqrt(parameter.size("in"))
        if parameter.roles[0] == "out":
            right = torch.randn(r, columns, generator=rng, dtype=torch.float64) * spread
            return {"left": torch.zeros(rows, r, dtype=torch.float64), "right": right}
        left = torch.randn(rows, r, generator=rng, dtype=torch.float64) * spread
        return {"left": left, "right": torch.zeros(r, columns, dtype=torch.float64)}

    def delta(self, parameter: AdaptedParameter, factors: Factors, constants: Factors) -> Tensor:
        """The product, in the parameter's shape."""
        return (self.scale * (factors["left"] @ factors["right"])).reshape(parameter.shape)

    def fit(self, parameter: AdaptedParameter, weight: Tensor, change: Tensor) -> Factors:
        """Truncated singular value decomposition (Eckart & Young): the best of that rank, split evenly."""
        left, s, right = torch.linalg.svd(
            change.reshape(matrix_shape(parameter)) / self.scale, full_matrices=False
        )
        return _balanced(left, s, right, self.rank(parameter))

    def count(self, parameter: AdaptedParameter) -> int:
        """``r (rows + columns)``."""
        return self.rank(parameter) * sum(matrix_shape(parameter))

    def rates(self, parameter: AdaptedParameter) -> dict[str, float]:
        """``1 / n_in`` for the inputs' side, 1 for the outputs' side (LoRA+, Hayou et al. 2024).

        Where the outputs' side also holds the m basis functions, its rate is ``m^-1/2`` (see LoTRA).
        """
        inputs = 1 / parameter.size("in")
        if parameter.roles[0] == "out":
            return {"left": 1.0, "right": inputs}
        outputs = (
            1.0 if matrix_shape(parameter)[1] == parameter.size("out") else parameter.size("basis") ** -0.5
        )
        return {"left": inputs, "right": outputs}

    # components

    def check_rank(self, rank: Any, argument: str) -> int:
        """An int >= 0."""
        return integer(argument, rank, least=0)

    def modes(self, parameter: AdaptedParameter) -> dict[str, int]:
        """One mode, of length r."""
        return {MODE: self.rank(parameter)}

    def gated(self, parameter: AdaptedParameter, factors: Factors, gates: Mapping[str, Tensor]) -> Factors:
        """The columns of ``left`` scaled."""
        return {"left": factors["left"] * gates[MODE], "right": factors["right"]}

    def canonical(self, parameter: AdaptedParameter, factors: Factors) -> Factors:
        """Singular value decomposition of the product, through two thin QR factorisations."""
        left, upper = torch.linalg.qr(factors["left"])
        right, lower = torch.linalg.qr(factors["right"].mT)
        u, s, v = torch.linalg.svd(upper @ lower.mT)
        return _balanced(left @ u, s, v @ right.mT, len(s))

    def strengths(self, parameter: AdaptedParameter, factors: Factors) -> dict[str, Tensor]:
        """Singular values of the difference."""
        return {MODE: self.scale * factors["left"].norm(dim=0) * factors["right"].norm(dim=1)}

    def keep(self, parameter: AdaptedParameter, factors: Factors, kept: Mapping[str, list[int]]) -> Factors:
        """The kept columns and rows."""
        index = torch.as_tensor(kept[MODE], dtype=torch.long, device=factors["left"].device)
        return {"left": factors["left"][:, index].contiguous(), "right": factors["right"][index].contiguous()}

    def silence(self, parameter: AdaptedParameter, factors: Factors, kept: Mapping[str, Tensor]) -> Factors:
        """The other rows of ``right`` at zero, their columns of ``left`` of length one."""
        left, on = factors["left"], kept[MODE]
        unit = left / left.norm(dim=0).clamp(min=torch.finfo(left.dtype).tiny)
        return {"left": torch.where(on, left, unit), "right": factors["right"] * on[:, None]}

    def rank_of(self, kept: Mapping[str, list[int]]) -> int:
        """How many were kept."""
        return len(kept[MODE])


def matrix_shape(parameter: AdaptedParameter) -> tuple[int, int]:
    """Rows and columns of the matrix that a parameter is laid out as (its memory order stays)."""
    if len(parameter.shape) == 2:
        return parameter.shape[0], parameter.shape[1]
    a, b, c = parameter.shape
    return (a * b, c) if min(a * b, c) >= min(a, b * c) else (a, b * c)


def _balanced(left: Tensor, s: Tensor, right: Tensor, rank: int) -> Factors:
    """Both matrices take the root of the singular values, so that their gradients have one size.

    A component of strength zero keeps a left vector of length one: with both sides at zero it could never
    grow again.
    """
    s = s[:rank]
    live = s > torch.finfo(s.dtype).eps * s.max() if rank else s > 0
    share = torch.where(live, s.sqrt(), torch.ones_like(s))
    return {
        "left": (left[:, :rank] * share).contiguous(),
        "right": ((s / share)[:, None] * right[:rank]).contiguous(),
    }
