"""The kinds of conditions that have a name: boundary, initial and periodic conditions.

``Dirichlet``, ``Initial`` and ``Periodic`` are built into the trial function wherever the domain allows it
(``sciml.ansatz``), so the network cannot violate them; ``hard=False`` asks for a penalty term instead. ``Neumann``,
``Robin`` and ``Data`` are penalty terms, with a name and a weight each.

A ``value`` is a number or a function of all coordinates, ``(n, d) -> (n, 1)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sciml import arguments
from sciml.conditions.base import BaseCondition, Value, refuse_hard, settle
from sciml.errors import ArgumentError, ArgumentTypeError


@dataclass(frozen=True)
class Dirichlet(BaseCondition):
    """``u = value`` on the boundary, or on the part ``on``.

    Args:
        value: Number or function of all coordinates. For exact enforcement it must be defined inside the domain too.
        on: None for the whole (spatial) boundary, a part's name such as ``"x=0"``, a piece of a CSG domain, a mask
            function, or a list of those (see ``sciml.domains.Domain.boundary``).
    """

    value: Value = 0.0
    on: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, "value")


@dataclass(frozen=True)
class Neumann(BaseCondition):
    """``du/dn = value`` with the outward normal ``n``; always a penalty."""

    value: Value = 0.0
    on: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, "value")
        refuse_hard(self)


@dataclass(frozen=True)
class Robin(BaseCondition):
    """``alpha u + beta du/dn = value``; always a penalty.

    ``alpha`` and ``beta`` are numbers or functions of the coordinates, like ``value``.
    """

    alpha: Value = 1.0
    beta: Value = 1.0
    value: Value = 0.0
    on: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, "alpha", "beta", "value")
        if all(isinstance(v, float) and v == 0 for v in (self.alpha, self.beta)):
            raise ArgumentError(
                "Robin alpha and beta need not both be 0, got a condition without the unknown."
            )
        refuse_hard(self)


@dataclass(frozen=True)
class Periodic(BaseCondition):
    """``u`` and its derivatives up to ``order`` agree at both ends of ``coordinate``, which may be the time.

    Exact enforcement feeds the network ``cos`` and ``sin`` of the scaled coordinate, which makes every derivative agree;
    ``order`` matters for a penalty only. In time it is a penalty where an initial condition is given, too.
    """

    coordinate: str = "x"
    order: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.coordinate, str):
            raise ArgumentTypeError(f"Periodic coordinate needs a name, got {self.coordinate!r}.")
        object.__setattr__(self, "order", arguments.integer("Periodic order", self.order, 0))

    @property
    def label(self) -> str:
        """``periodic:x`` unless a name was given."""
        return self.name or f"periodic:{self.coordinate}"


@dataclass(frozen=True)
class Initial(BaseCondition):
    """``u = value`` (``order=0``) or ``du/dt = value`` (``order=1``) at the first instant."""

    value: Value = 0.0
    order: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, "value")
        object.__setattr__(self, "order", arguments.integer("Initial order", self.order, 0, 1))

    @property
    def label(self) -> str:
        """``initial`` or ``initial_t``, with the component, unless a name was given."""
        base = "initial" if self.order == 0 else "initial_t"
        return self.name or (f"{base}:{self.component}" if self.component else base)
