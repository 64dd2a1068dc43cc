"""An adapted parameter: its shape and what each axis stands for; and how parameters are named.

Four layouts occur in the networks here: ``weight`` (n_out, n_in) of a linear layer, ``coef`` (n_in, m,
n_out) and ``base`` (n_in, n_out) of a KAN layer, ``core`` (r_in, r_out, r_basis) of a Slim KAN's. Other
names follow torch for matrices and the KAN layer for third-order tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import Tensor, nn

from sciml.errors import ArgumentError, ArgumentTypeError

ROLES: dict[str, tuple[str, ...]] = {
    "weight": ("out", "in"),
    "base": ("in", "out"),
    "coef": ("in", "basis", "out"),
    "core": ("in", "out", "basis"),
}
ROLES_BY_ORDER: dict[int, tuple[str, ...]] = {2: ROLES["weight"], 3: ROLES["coef"]}
GROUPS = ("first", "hidden", "head", "bias")


@dataclass(frozen=True)
class AdaptedParameter:
    """One adapted parameter: its name, its shape, the role of each axis (none for a vector)."""

    name: str
    shape: tuple[int, ...]
    roles: tuple[str, ...]

    @classmethod
    def of(cls, name: str, weight: Tensor) -> AdaptedParameter:
        """Roles are read off the last part of the name, or else off the number of axes."""
        roles = ROLES.get(name.rpartition(".")[2], ())
        if len(roles) != weight.ndim:
            roles = ROLES_BY_ORDER.get(weight.ndim, ())
        return cls(name, tuple(weight.shape), roles)

    def size(self, role: str) -> int:
        """Length of the axis of that role; 1 where there is no such axis."""
        return self.shape[self.roles.index(role)] if role in self.roles else 1

    @property
    def numel(self) -> int:
        """Entries of the parameter."""
        total = 1
        for n in self.shape:
            total *= n
        return total


def named(parameters: Mapping[str, Tensor] | nn.Module) -> dict[str, Tensor]:
    """Parameters by name, of a module or of a mapping, detached: shared storage, no graph."""
    if isinstance(parameters, nn.Module):
        parameters = dict(parameters.named_parameters())
    if not isinstance(parameters, Mapping):
        raise ArgumentTypeError(
            f"base needs a torch.nn.Module or a mapping of tensors, got {type(parameters).__name__}."
        )
    return {name: p.detach() for name, p in parameters.items()}


def layers_of(parameters: Mapping[str, Tensor]) -> list[str]:
    """The layers that hold a matrix or a tensor, in order: parameters' names up to the last dot."""
    found = dict.fromkeys(name.rpartition(".")[0] for name, p in parameters.items() if p.ndim >= 2)
    return list(found)


def resolve(patterns: Iterable[str], parameters: Mapping[str, Tensor], argument: str) -> list[str]:
    """Names of the parameters that any pattern stands for, in the order of ``parameters``.

    A pattern is a parameter's or a layer's name, with the wildcards of ``fnmatch``, or one of four groups:
    ``"first"`` and ``"head"`` (every parameter of the first and of the last layer), ``"hidden"`` (of the
    layers between), ``"bias"`` (everything that is a vector).

    Raises:
        ArgumentError: A pattern that stands for nothing; the message names ``argument``.
    """
    layers = layers_of(parameters)
    layer = {name: name.rpartition(".")[0] for name in parameters}
    groups = {
        "first": lambda name: layer[name] == layers[0],
        "head": lambda name: layer[name] == layers[-1],
        "hidden": lambda name: layer[name] in layers[1:-1],
        "bias": lambda name: parameters[name].ndim == 1,
    }
    chosen: set[str] = set()
    for pattern in patterns:
        if pattern in GROUPS and layers:
            hits = {name for name in parameters if groups[pattern](name)}
        else:
            hits = {
                n
                for n in parameters
                if fnmatchcase(n, pattern) or (layer[n] and fnmatchcase(layer[n], pattern))
            }
        # a shallow network has no hidden layer, and a KAN no bias: nothing to do there is no mistake
        if not hits and pattern not in ("hidden", "bias"):
            raise ArgumentError(
                f"{argument} needs names of parameters or layers ({', '.join(parameters)}), or one of "
                f"{', '.join(GROUPS)}, got {pattern!r}, which matches nothing."
            )
        chosen |= hits
    return [name for name in parameters if name in chosen]
