"""What LoRA and LoTRA share: a rank for each parameter, and components that a rank search can switch off."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from torch import Tensor

from sciml.adapters.base import AdapterConfig, Factors
from sciml.adapters.parameters import AdaptedParameter
from sciml.arguments import integer, one_of
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.rank.selectors import SELECTORS

SCHEDULES = ("cut", "joint")


@dataclass(frozen=True, kw_only=True)
class LowRank(AdapterConfig):
    """Base of the low-rank kinds.

    Args:
        rank_pattern: Ranks of single parameters, by name; the others have rank ``r``. A rank search writes
            its result here, so that a saved adapter needs no search. Rank 0 leaves the parameter as it is.
        rank_budget: How many components all parameters together may keep; None keeps all and searches
            nothing.
        rank_search: The rule that chooses them, one of ``sciml.rank.SELECTORS``.
        rank_schedule: When they are chosen: ``"cut"``, once at half time, or ``"joint"``, again and again
            while the budget falls, with components left out free to come back until the last choice.
    """

    rank_pattern: Mapping[str, Any] = field(default_factory=dict)
    rank_budget: int | None = None
    rank_search: str = "sublora"
    rank_schedule: str = "cut"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.rank_pattern, Mapping):
            raise ArgumentTypeError(
                f"rank_pattern needs a mapping of names to ranks, got {self.rank_pattern!r}."
            )
        pattern = {
            name: self.check_rank(rank, f"rank_pattern[{name!r}]") for name, rank in self.rank_pattern.items()
        }
        object.__setattr__(self, "rank_pattern", pattern)
        if self.rank_budget is not None:
            object.__setattr__(self, "rank_budget", integer("rank_budget", self.rank_budget, least=0))
        one_of("rank_search", self.rank_search, SELECTORS)
        one_of("rank_schedule", self.rank_schedule, SCHEDULES)
        if self.rank_schedule == "joint" and self.rank_budget is None:
            raise ArgumentError("rank_schedule 'joint' needs a rank_budget to fall to, got None.")

    def adapts(self, parameter: AdaptedParameter) -> bool:
        """Matrices and third-order tensors."""
        return bool(parameter.roles)

    def with_ranks(self, pattern: Mapping[str, Any]) -> Self:
        """The same configuration with the ranks that a search found."""
        return replace(self, rank_pattern=dict(pattern))

    # what a kind defines

    @abc.abstractmethod
    def check_rank(self, rank: Any, argument: str) -> Any:
        """The rank of one parameter in its plain form, or an error that names the argument."""

    @abc.abstractmethod
    def modes(self, parameter: AdaptedParameter) -> dict[str, int]:
        """Components of a parameter, ``{mode: rank}``: one mode for a product, three for a Tucker tensor."""

    @abc.abstractmethod
    def gated(self, parameter: AdaptedParameter, factors: Factors, gates: Mapping[str, Tensor]) -> Factors:
        """The factors with component i of a mode times ``gates[mode][i]``: 1 keeps it, 0 removes it."""

    @abc.abstractmethod
    def canonical(self, parameter: AdaptedParameter, factors: Factors) -> Factors:
        """The same difference from orthogonal components in falling order of strength; same ranks."""

    @abc.abstractmethod
    def strengths(self, parameter: AdaptedParameter, factors: Factors) -> dict[str, Tensor]:
        """How large each component of canonical factors is, ``{mode: (rank,)}``, all >= 0."""

    @abc.abstractmethod
    def keep(self, parameter: AdaptedParameter, factors: Factors, kept: Mapping[str, list[int]]) -> Factors:
        """The factors with only the kept components of each mode."""

    @abc.abstractmethod
    def silence(self, parameter: AdaptedParameter, factors: Factors, kept: Mapping[str, Tensor]) -> Factors:
        """The factors of full size with the components outside the masks at zero but able to grow again."""

    @abc.abstractmethod
    def rank_of(self, kept: Mapping[str, list[int]]) -> Any:
        """The entry of ``rank_pattern`` for what ``keep`` leaves."""


def fitting(rank: int, limit: int, parameter: AdaptedParameter, explicit: bool) -> int:
    """A rank cut to what the parameter has room for; one that was given for this very parameter must fit."""
    if explicit and rank > limit:
        raise ArgumentError(
            f"rank_pattern[{parameter.name!r}] needs a rank <= {limit} for shape {parameter.shape}, got {rank}."
        )
    return min(rank, limit)
