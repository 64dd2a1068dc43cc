"""``Condition``: any residual of the field that must vanish on a part of the boundary, at an instant, at points."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sciml.conditions.base import BaseCondition, refuse_hard
from sciml.conditions.places import Place, check_on, place_of
from sciml.domains import Domain
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.expressions import evaluate_residual
from sciml.field import Field
from sciml.parts import Parts, parts_of


@dataclass(frozen=True, eq=False)
class Condition(BaseCondition):
    """What ``residual`` returns vanishes where ``on`` says; a penalty term.

    ```python
    sciml.Condition("x=1", lambda u, x, n: k * u.d("x") + eps * (u**4 - T0**4))
    ```

    Args:
        on: Where: None for the whole (spatial) boundary; a part's name such as ``"x=0"``, a piece of a CSG domain, a
            mask function, or a list of those (see ``sciml.domains.Domain.boundary``); ``"start"`` or ``"end"`` for the
            first or last instant; ``"inside"`` for the domain itself; points ``(k, d)``, such as an interior line.
        residual: ``(u, x)`` or ``(u, x, n)`` with the field ``u``, points ``x (n, d)`` and the outward normal
            ``n (n, d)``, whose component along time is 0 on the boundary in space. Returns ``(n, k)``, or a tuple or dict
            of such. Any derivatives and any coupling of unknowns are allowed; row n must depend on point n only.
        mean: True asks the mean over ``on`` to vanish, one row for each column, in place of every point: the mean value
            of an unknown, the flux through a line.
        component: ``residual`` gets the field of this unknown in the place of all.
    """

    on: Any = None
    residual: Callable[..., Any] | None = None
    mean: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_hard(self)
        if self.residual is None and callable(self.on):
            raise ArgumentTypeError(
                "Condition residual needs a function (u, x) or (u, x, n), got None. The place comes first: "
                "Condition(None, residual) for the whole boundary."
            )
        if isinstance(self.residual, type) or not callable(self.residual):
            raise ArgumentTypeError(
                f"Condition residual needs a function (u, x) or (u, x, n), got {_shown(self.residual)}."
            )
        if not isinstance(self.mean, bool):
            raise ArgumentTypeError(f"Condition mean needs True or False, got {self.mean!r}.")
        object.__setattr__(self, "on", check_on(self.on))
        object.__setattr__(self, "_wants_normal", _takes_normal(self.residual))

    @property
    def wants_normal(self) -> bool:
        """Whether ``residual`` takes the outward normal."""
        return self._wants_normal  # type: ignore[attr-defined]

    @property
    def label(self) -> str:
        """``condition`` or ``mean`` with the place, where it has a name, and the component, unless a name was given."""
        if self.name:
            return self.name
        place = [self.on] if isinstance(self.on, str) else []
        return ":".join(["mean" if self.mean else "condition", *place, *filter(None, [self.component])])

    def place(self, domain: Domain) -> Place:
        """Where it holds.

        Raises:
            ArgumentError: No such place, or one without a normal where ``residual`` takes it.
        """
        found = place_of(domain, self.on)
        if self.wants_normal and not found.has_normal:
            raise ArgumentError(
                f"residual(u, x, n) needs a part of the boundary, got on={found.kind!r}, where there is no outward normal: "
                "write residual(u, x)."
            )
        return found

    def parts(self, place: Place, u: Field, x: Tensor) -> Parts:
        """What must vanish at points of the place, by name: ``(n, k)`` each.

        Raises:
            ArgumentError, ArgumentTypeError: ``residual`` returns something else.
        """
        assert self.residual is not None
        field = u if self.component is None else u[self.component]
        normal = (place.normal(x),) if self.wants_normal else ()
        out = evaluate_residual(self, self.residual, field, x, *normal)
        label = self.label
        named = parts_of(f"{label}: its residual", out, len(x), label, f"{label}_")
        return {k if k.startswith(label) else f"{label}_{k}": part for k, part in named.items()}


def _takes_normal(residual: Callable[..., Any]) -> bool:
    try:
        signature = inspect.signature(residual)
    except (TypeError, ValueError):  # a callable without a signature
        return False
    for count in (2, 3):
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        return count == 3
    raise ArgumentTypeError(
        f"Condition residual needs the signature (u, x) or (u, x, n), got ({', '.join(signature.parameters)})."
    )


def _shown(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else repr(value)
