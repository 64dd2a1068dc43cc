"""What all conditions share: names, weights, and values that are numbers or functions of the coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml import arguments
from sciml.errors import ArgumentError, ArgumentTypeError, SciMLError
from sciml.jacobian.along import Along, along
from sciml.unknown import Coefficient, Unknown

ROUNDINGS = 1e-13  # of a length, by which a coordinate may be off; and of what a difference is taken of

Value = float | Callable[[Tensor], Tensor] | Unknown


def evaluate(value: Value, x: Tensor, what: str) -> Tensor:
    """A condition's value at ``x (n, d)`` as ``(n, 1)``, dtype and device of ``x``.

    A function is called with the tensor. Where it does not take one, or not one that carries derivatives, it is called
    with a NumPy array: NumPy and SciPy are welcome, and the values that come back are a table, without derivatives.

    Args:
        value: Number or function of the coordinates.
        x: Points, ``(n, d)``.
        what: Name for messages.

    Raises:
        ArgumentError: The function raises, or returns another shape.
        ArgumentTypeError: The function returns no real numbers.
    """
    if isinstance(value, Coefficient):
        return value.at(x)
    if not callable(value):
        return torch.full_like(x[:, :1], float(value))
    if isinstance(x, Along):
        return along(value, x)
    out = _as_tensor(_call(value, x, what), x, what)
    if out.ndim == 1 and out.shape[0] == x.shape[0]:
        out = out[:, None]
    if out.shape == (1, 1) or out.ndim == 0:
        out = out.reshape(1, 1).expand(x.shape[0], 1)
    if out.shape != (x.shape[0], 1):
        raise ArgumentError(
            f"{what} needs a function that returns shape ({x.shape[0]}, 1) for {x.shape[0]} points, "
            f"got {tuple(out.shape)}."
        )
    return out


def rounding(value: Value, x: Tensor, middle: Tensor, what: str) -> float:
    """What values of a function at points may be off by rounding, as that of the points themselves moves them.

    A sine that vanishes at a side is 1e-16 there, and not a number of its own. 0 for a number, and where nothing is known.

    Args:
        value: Number or function of the coordinates.
        x: Points where it holds, ``(n, d)``.
        middle: Of the domain, ``(d,)``, towards which they are moved.
        what: Name for messages.
    """
    if not callable(value):
        return 0.0
    try:
        pair = [evaluate(value, y, what).detach().double() for y in (x, x + ROUNDINGS * (middle.to(x) - x))]
    except SciMLError:  # it is named where its values are asked for
        return 0.0
    change = (pair[1] - pair[0]).abs()
    finite = change[torch.isfinite(change)]
    return float(finite.max()) if len(finite) else 0.0


def _call(function: Callable[[Any], Any], x: Tensor, what: str) -> Any:
    """What the function returns for a tensor; or, where that raises, for an array, or a tensor without graph."""
    errors: list[Exception] = []
    for points in (lambda: x, lambda: x.detach().cpu().numpy(), x.detach):
        try:
            return function(points())
        except Exception as error:  # a user's function may raise anything
            errors.append(error)
    # torch's own advice about detach() has been followed by now, so it is not worth repeating
    told = [e for e in errors if "detach()" not in str(e) and ".numpy()" not in str(e)]
    cause = (told or errors)[0]
    if isinstance(cause, ArgumentError):
        raise cause
    raise ArgumentError(
        f"{what} needs a function of the coordinates, (n, {x.shape[1]}) -> (n, 1), got one that raised "
        f"{type(cause).__name__}: {cause}"
    ) from cause


def _as_tensor(out: Any, x: Tensor, what: str) -> Tensor:
    if not isinstance(out, Tensor):
        try:
            array = np.asarray(out)
        except ValueError:
            array = np.empty(0, dtype=object)
        if array.dtype.kind not in "biuf":
            raise ArgumentTypeError(
                f"{what} needs a function that returns real numbers, got {type(out).__name__} of {array.dtype}."
            )
        out = torch.as_tensor(np.array(array), device=x.device)
    if out.is_complex():
        raise ArgumentTypeError(f"{what} needs a function that returns real numbers, got {out.dtype}.")
    return out.to(dtype=x.dtype, device=x.device)


@dataclass(frozen=True)
class BaseCondition:
    """Base of all conditions.

    Attributes:
        component: Name of the unknown it applies to; may stay None for a single unknown.
        hard: True insists on exact enforcement, False on a penalty, None takes exact wherever it is possible.
        weight: Factor of the penalty term on top of the automatic balance; positive.
        name: Name of the term in histories and weights; None makes one from the kind and place.
    """

    component: str | None = field(default=None, kw_only=True)
    hard: bool | None = field(default=None, kw_only=True)
    weight: float = field(default=1.0, kw_only=True)
    name: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for argument in ("component", "name"):
            value = getattr(self, argument)
            if value is not None and not (isinstance(value, str) and value):
                raise ArgumentTypeError(f"{argument} needs a name or None, got {value!r}.")
        if self.hard is not None and not isinstance(self.hard, bool):
            raise ArgumentTypeError(f"hard needs True, False or None, got {self.hard!r}.")
        object.__setattr__(self, "weight", arguments.positive("weight", self.weight))

    @property
    def label(self) -> str:
        """The term's name: ``name``, or the kind, the place and the component."""
        if self.name:
            return self.name
        place = getattr(self, "on", None)
        parts = [type(self).__name__.lower()]
        if isinstance(place, str):
            parts.append(place)
        if self.component:
            parts.append(self.component)
        return ":".join(parts)


def settle(condition: BaseCondition, *keys: str) -> None:
    """Check values, and make plain floats of numbers of any library."""
    for key in keys:
        value, what = getattr(condition, key), f"{type(condition).__name__} {key}"
        if isinstance(value, type):
            raise ArgumentTypeError(
                f"{what} needs a number or a function of the coordinates, got the class {value.__name__}."
            )
        if callable(value) or isinstance(value, (Unknown, Coefficient)):
            continue
        if getattr(value, "requires_grad", False):
            raise ArgumentTypeError(
                f"{what} needs a fixed number, a sciml.Unknown or a function of the coordinates, got a tensor that requires "
                "grad: what is computed from an Unknown goes into a function."
            )
        try:
            number = arguments.number(what, value)
        except ArgumentTypeError:
            raise ArgumentTypeError(
                f"{what} needs a number or a function of the coordinates, got {_shown(value)}."
            ) from None
        object.__setattr__(condition, key, number)


def _shown(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{value!r}" if shape is None or not len(shape) else f"an array of shape {tuple(shape)}"


def refuse_hard(condition: BaseCondition) -> None:
    """Refuse ``hard=True`` of a kind that is always a penalty."""
    if condition.hard:
        raise ArgumentError(
            f"hard=True: {type(condition).__name__} conditions are penalty terms; only Dirichlet, Initial and Periodic "
            "can be built into the trial function."
        )
