"""What every adapter's configuration has in common: plain data, checked when built, saved as JSON.

A configuration also holds the mathematics of its kind: which factors a parameter gets, how they form the
difference ``delta`` that is added to it, and which factors come nearest to a given difference. It never sees
a network.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from sciml.adapters.parameters import AdaptedParameter
from sciml.arguments import one_of, seed_number
from sciml.errors import ArgumentError, ArgumentTypeError

Factors = dict[str, Tensor]

KINDS: dict[str, type[PlainConfig]] = {}


@dataclass(frozen=True, kw_only=True)
class PlainConfig:
    """Plain data that makes an adapter, registered by its kind."""

    kind: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.kind:
            KINDS[cls.kind] = cls

    def to_dict(self) -> dict[str, Any]:
        """JSON-able data that ``from_dict`` builds the same configuration from."""
        fields = {f.name: _to_json(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"kind": self.kind, **fields}


@dataclass(frozen=True, kw_only=True)
class AdapterConfig(PlainConfig, abc.ABC):
    """Base of the configurations of differences of parameters.

    Args:
        target_modules: Parameters that get a difference of this kind: names of parameters or layers,
            wildcards allowed, or the groups ``"first"``, ``"hidden"``, ``"head"``, ``"bias"``.
        modules_to_save: Parameters that get a full difference instead, in the same manner of naming.
        seed: Of the random factors.
    """

    target_modules: tuple[str, ...] = ("*",)
    modules_to_save: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for argument in ("target_modules", "modules_to_save"):
            object.__setattr__(self, argument, names(getattr(self, argument), argument))
        object.__setattr__(self, "seed", seed_number(self.seed))

    # what a kind defines

    def adapts(self, parameter: AdaptedParameter) -> bool:
        """Whether this kind has a difference for a parameter of that shape."""
        return True

    @abc.abstractmethod
    def start(self, parameter: AdaptedParameter, weight: Tensor, rng: torch.Generator) -> Factors:
        """Trainable factors whose difference is exactly zero; drawn on the CPU in float64."""

    def constants(self, parameter: AdaptedParameter, weight: Tensor) -> Factors:
        """Tensors that are not trained and not saved, computed from the base's own ``weight``."""
        return {}

    @abc.abstractmethod
    def delta(self, parameter: AdaptedParameter, factors: Factors, constants: Factors) -> Tensor:
        """The difference, in the shape of the parameter."""

    @abc.abstractmethod
    def fit(self, parameter: AdaptedParameter, weight: Tensor, change: Tensor) -> Factors:
        """Factors whose difference approximates ``change`` (in the parameter's shape)."""

    @abc.abstractmethod
    def count(self, parameter: AdaptedParameter) -> int:
        """Number of trained entries for that parameter."""

    def rates(self, parameter: AdaptedParameter) -> dict[str, float]:
        """Learning-rate multiplier of each factor."""
        return {}

    def project(self, factors: Factors) -> Factors:
        """The factors after a training step, moved to where they are allowed to be."""
        return factors


def from_dict(data: Mapping[str, Any]) -> PlainConfig:
    """Build the configuration that ``to_dict`` described.

    Raises:
        ArgumentError: An unknown kind, an unknown field or a value that the kind refuses.
    """
    fields = dict(data)
    kind = fields.pop("kind", None)
    one_of("adapter kind", kind, KINDS)
    known = {f.name for f in dataclasses.fields(KINDS[kind])}
    if unknown := sorted(set(fields) - known, key=str):
        raise ArgumentError(
            f"adapter configuration of kind {kind!r} needs only {sorted(known)}, got also {unknown}."
        )
    return KINDS[kind](**fields)


def get_config(adapter: str | PlainConfig) -> PlainConfig:
    """A configuration as it is, or the default one of a kind given by name."""
    if isinstance(adapter, PlainConfig):
        return adapter
    if not isinstance(adapter, str):
        raise ArgumentTypeError(f"adapter needs a configuration or a name, got {type(adapter).__name__}.")
    return from_dict({"kind": adapter})


def names(value: str | Iterable[str], argument: str) -> tuple[str, ...]:
    """One pattern or several as a tuple."""
    value = (value,) if isinstance(value, str) else value
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) and v for v in value):
        raise ArgumentTypeError(f"{argument} needs a name or a list of names, got {value!r}.")
    return tuple(value)


def _to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_json(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _to_json(v) for k, v in value.items()}
    return value
