"""LoTRA: a Tucker tensor for the third-order coefficients of a KAN layer (Gao, Ng & Tan, arXiv 2502.06153).

The paper trains a small core and one matrix a mode. Axis order, initialisation and the learning rates here
are our own working out after its abstract.
"""

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
from sciml.arguments import integer, one_of
from sciml.errors import ArgumentError
from sciml.tensors import hosvd, multiply

MODES = ("in", "out", "basis")  # the order of r and of the core's axes
COMPUTED = ("in", "basis", "out")  # the order in which a difference is multiplied out: a KAN layer's
ZEROS = ("core", "out")


@dataclass(frozen=True, kw_only=True)
class LoTRA(LowRank):
    """``delta[i, k, o] = sum_abc core[a, b, c] in[i, a] out[o, b] basis[k, c]``; a matrix has no basis mode.

    Trained entries of coefficients (n_in, m, n_out): ``r_in r_out r_basis + n_in r_in + n_out r_out + m
    r_basis``.

    Args:
        r: Ranks ``(r_in, r_out, r_basis)`` or one for all three; each is cut to the length of its axis. One
            that is 0 makes the difference zero.
        zero: Which factor starts at zero, ``"core"`` or ``"out"``, so that the difference does. Only that
            factor moves in the first step. With two factors at zero every gradient would be zero for ever.
        scaled_rates: Whether training uses the per-component multipliers of ``rates``.
    """

    kind: ClassVar[str] = "lotra"

    r: int | tuple[int, int, int] = 4
    zero: str = "core"
    scaled_rates: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "r", self.check_rank(self.r, "r"))
        one_of("zero", self.zero, ZEROS)
        if not isinstance(self.scaled_rates, bool):
            raise ArgumentError(f"scaled_rates needs True or False, got {self.scaled_rates!r}.")

    def rank(self, parameter: AdaptedParameter) -> dict[str, int]:
        """Rank of each mode that the parameter has; all zero when one is."""
        given = self.check_rank(self.rank_pattern.get(parameter.name, self.r), "r")
        explicit = parameter.name in self.rank_pattern
        ranks = {
            mode: fitting(rank, parameter.size(mode), parameter, explicit)
            for mode, rank in zip(MODES, given, strict=True)
            if mode in parameter.roles
        }
        return ranks if all(ranks.values()) else dict.fromkeys(ranks, 0)

    def start(self, parameter: AdaptedParameter, weight: Tensor, rng: torch.Generator) -> Factors:
        """Random factors of a signal of size one, the ``zero`` one at zero.

        Variances: in 1 / n_in; basis 1, because B-splines sum to one; core 1 / (r_in r_basis); out 1 / r_out.
        """
        ranks = self.rank(parameter)
        factors = {
            mode: torch.randn(parameter.size(mode), r, generator=rng, dtype=torch.float64)
            for mode, r in ranks.items()
        }
        core = torch.randn(tuple(ranks.values()), generator=rng, dtype=torch.float64)
        factors["in"] = factors["in"] / math.sqrt(parameter.size("in"))
        factors["out"] = factors["out"] / math.sqrt(max(ranks["out"], 1))
        factors["core"] = core / math.sqrt(max(ranks["in"] * ranks.get("basis", 1), 1))
        factors[self.zero] = torch.zeros_like(factors[self.zero])
        return factors

    def delta(self, parameter: AdaptedParameter, factors: Factors, constants: Factors) -> Tensor:
        """The Tucker tensor, in the parameter's axis order."""
        # products of matrices only: for three axes torch takes one routine where a gradient is asked for and another
        # where none is, and the same factors would give two differences, apart by rounding
        inner = factors["in"] @ factors["core"].flatten(1)  # (i, b c)
        if "basis" not in parameter.roles:
            return inner @ factors["out"].mT if parameter.roles[0] == "in" else factors["out"] @ inner.mT
        (_, b, c), i, k = factors["core"].shape, len(inner), len(factors["basis"])
        by_basis = (inner.reshape(i * b, c) @ factors["basis"].mT).view(i, b, k)
        tensor = (by_basis.mT.reshape(i * k, b) @ factors["out"].mT).view(i, k, len(factors["out"]))
        return tensor.permute([COMPUTED.index(role) for role in parameter.roles])

    def fit(self, parameter: AdaptedParameter, weight: Tensor, change: Tensor) -> Factors:
        """Truncated higher-order singular value decomposition, exact for full ranks."""
        ranks = self.rank(parameter)
        core, matrices = hosvd(_to_modes(parameter, change), list(ranks.values()))
        return {"core": core, **dict(zip(ranks, matrices, strict=True))}

    def count(self, parameter: AdaptedParameter) -> int:
        """Core plus factors."""
        ranks = self.rank(parameter)
        return math.prod(ranks.values()) + sum(parameter.size(mode) * r for mode, r in ranks.items())

    def rates(self, parameter: AdaptedParameter) -> dict[str, float]:
        """``core : out : in : basis = 1 : 1 : 1 / n_in : m^-1/2``.

        With these, one Adam step of each factor changes the layer's output by an amount that does not depend
        on the layer's size. The power of m is for B-splines; where all basis functions overlap it would be
        -1.
        """
        if not self.scaled_rates:
            return {}
        rates = {
            "core": 1.0,
            "out": 1.0,
            "in": 1 / parameter.size("in"),
            "basis": parameter.size("basis") ** -0.5,
        }
        return {name: rate for name, rate in rates.items() if name == "core" or name in parameter.roles}

    # components

    def check_rank(self, rank: Any, argument: str) -> tuple[int, int, int]:
        """Three ints >= 0, or one for all."""
        if isinstance(rank, (list, tuple)):
            if len(rank) != 3:
                raise ArgumentError(
                    f"{argument} needs an int or three, (r_in, r_out, r_basis), got {rank!r}."
                )
            a, b, c = (integer(argument, r, least=0) for r in rank)
            return a, b, c
        rank = integer(argument, rank, least=0)
        return rank, rank, rank

    def modes(self, parameter: AdaptedParameter) -> dict[str, int]:
        """Rank of each Tucker mode."""
        return self.rank(parameter)

    def gated(self, parameter: AdaptedParameter, factors: Factors, gates: Mapping[str, Tensor]) -> Factors:
        """The columns of every factor matrix scaled."""
        return {name: f if name == "core" else f * gates[name] for name, f in factors.items()}

    def canonical(self, parameter: AdaptedParameter, factors: Factors) -> Factors:
        """Orthonormal factors, and a core whose slices in each mode are orthogonal and fall in norm."""
        modes = [mode for mode in MODES if mode in parameter.roles]
        bases, uppers = zip(*(torch.linalg.qr(factors[mode]) for mode in modes), strict=True)
        core = multiply(factors["core"], uppers)
        small, rotations = hosvd(core, core.shape)
        turned = {
            m: (q @ rotation).contiguous() for m, q, rotation in zip(modes, bases, rotations, strict=True)
        }
        return {"core": small, **turned}

    def strengths(self, parameter: AdaptedParameter, factors: Factors) -> dict[str, Tensor]:
        """Norms of the core's slices, which for canonical factors are the mode's singular values."""
        core, ranks = factors["core"], self.rank(parameter)
        return {mode: core.movedim(k, 0).flatten(1).norm(dim=1) for k, mode in enumerate(ranks)}

    def keep(self, parameter: AdaptedParameter, factors: Factors, kept: Mapping[str, list[int]]) -> Factors:
        """The kept columns and core slices; nothing at all when a mode keeps none."""
        empty = not all(kept.values())
        out, core = {}, factors["core"]
        for k, (mode, indices) in enumerate(kept.items()):
            index = torch.as_tensor([] if empty else indices, dtype=torch.long, device=core.device)
            core = core.index_select(k, index)
            out[mode] = factors[mode][:, index].contiguous()
        return {"core": core.contiguous(), **out}

    def silence(self, parameter: AdaptedParameter, factors: Factors, kept: Mapping[str, Tensor]) -> Factors:
        """The other slices of the core at zero."""
        core = factors["core"]
        return {**factors, "core": multiply(core, [torch.diag(on.to(core)) for on in kept.values()])}

    def rank_of(self, kept: Mapping[str, list[int]]) -> tuple[int, int, int]:
        """Three ranks; the missing mode of a matrix counts as 1."""
        if not all(kept.values()):
            return 0, 0, 0
        a, b, c = (len(kept[mode]) if mode in kept else 1 for mode in MODES)
        return a, b, c


def _to_modes(parameter: AdaptedParameter, tensor: Tensor) -> Tensor:
    """Axes of a parameter in the order of ``MODES``."""
    return tensor.permute([parameter.roles.index(mode) for mode in MODES if mode in parameter.roles])
