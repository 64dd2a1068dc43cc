"""SVD-PINN: singular vectors stay, singular values move (Gao, Cheung & Ng, IEEE SSCI 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sciml.adapters.base import AdapterConfig, Factors
from sciml.adapters.lora import matrix_shape
from sciml.adapters.parameters import AdaptedParameter
from sciml.arguments import integer
from sciml.errors import ArgumentError


@dataclass(frozen=True, kw_only=True)
class SVD(AdapterConfig):
    """``delta = U diag(s - s0) Vᵀ`` for the base's ``weight = U diag(s0) Vᵀ``, with ``s`` (k,) trained.

    As in the paper the hidden layers get this and everything else is trained in full; a network without
    hidden layers has nothing to freeze. Coefficients (n_in, m, n_out) are laid out as for LoRA.

    Args:
        r: How many of the largest singular values are trained; None for all.
        nonnegative: Whether ``s`` is set to ``max(s, 0)`` after every training step, as the authors' code
            does.
    """

    kind: ClassVar[str] = "svd"

    target_modules: tuple[str, ...] = ("hidden",)
    modules_to_save: tuple[str, ...] = ("first", "head", "bias")
    r: int | None = None
    nonnegative: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.r is not None:
            object.__setattr__(self, "r", integer("r", self.r, least=0))
        if not isinstance(self.nonnegative, bool):
            raise ArgumentError(f"nonnegative needs True or False, got {self.nonnegative!r}.")

    def adapts(self, parameter: AdaptedParameter) -> bool:
        """Matrices and third-order tensors."""
        return bool(parameter.roles)

    def start(self, parameter: AdaptedParameter, weight: Tensor, rng: torch.Generator) -> Factors:
        """The base's own singular values."""
        return {"s": self.constants(parameter, weight)["s0"].clone()}

    def constants(self, parameter: AdaptedParameter, weight: Tensor) -> Factors:
        """``U`` (rows, k), ``s0`` (k,), ``Vh`` (k, columns) of the base."""
        u, s, vh = torch.linalg.svd(weight.reshape(matrix_shape(parameter)), full_matrices=False)
        k = self.count(parameter)
        return {"U": u[:, :k].contiguous(), "s0": s[:k].clone(), "Vh": vh[:k].contiguous()}

    def delta(self, parameter: AdaptedParameter, factors: Factors, constants: Factors) -> Tensor:
        """The change of the singular values between the frozen vectors."""
        change = factors["s"] - constants["s0"]
        return ((constants["U"] * change) @ constants["Vh"]).reshape(parameter.shape)

    def fit(self, parameter: AdaptedParameter, weight: Tensor, change: Tensor) -> Factors:
        """Least squares: ``s0 + diag(Uᵀ change V)``."""
        c = self.constants(parameter, weight)
        matrix = change.reshape(matrix_shape(parameter))
        return self.project({"s": c["s0"] + ((c["U"].mT @ matrix) * c["Vh"]).sum(1)})

    def count(self, parameter: AdaptedParameter) -> int:
        """The number of trained singular values."""
        limit = min(matrix_shape(parameter))
        return limit if self.r is None else min(self.r, limit)

    def project(self, factors: Factors) -> Factors:
        """No negative singular value, if that is asked for."""
        return {"s": factors["s"].clamp(min=0)} if self.nonnegative else factors
