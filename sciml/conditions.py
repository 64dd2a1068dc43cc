"""What must hold besides the equation: boundary, initial and periodic conditions, and measurements.

``Dirichlet``, ``Initial`` and ``Periodic`` are built into the trial function wherever the domain allows it
(``sciml.ansatz``), so the network cannot violate them; ``hard=False`` asks for a penalty term instead. ``Neumann``,
``Robin`` and ``Data`` are penalty terms, with a name and a weight each.

A ``value`` is a number or a function of all coordinates, ``(n, d) -> (n, 1)``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml import arguments as arguments
from sciml.csv_columns import read_columns
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.unknown import Coefficient, Unknown

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
class Condition:
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


def _settle(condition: Condition, *keys: str) -> None:
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


@dataclass(frozen=True)
class Dirichlet(Condition):
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
        _settle(self, "value")


@dataclass(frozen=True)
class Neumann(Condition):
    """``du/dn = value`` with the outward normal ``n``; always a penalty."""

    value: Value = 0.0
    on: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _settle(self, "value")
        _refuse_hard(self)


@dataclass(frozen=True)
class Robin(Condition):
    """``alpha u + beta du/dn = value``; always a penalty.

    ``alpha`` and ``beta`` are numbers or functions of the coordinates, like ``value``.
    """

    alpha: Value = 1.0
    beta: Value = 1.0
    value: Value = 0.0
    on: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _settle(self, "alpha", "beta", "value")
        if all(isinstance(v, float) and v == 0 for v in (self.alpha, self.beta)):
            raise ArgumentError(
                "Robin alpha and beta need not both be 0, got a condition without the unknown."
            )
        _refuse_hard(self)


@dataclass(frozen=True)
class Periodic(Condition):
    """``u`` and its derivatives up to ``order`` agree at both ends of ``coordinate``.

    Exact enforcement feeds the network ``cos`` and ``sin`` of the scaled coordinate, which makes every derivative agree;
    ``order`` matters for a penalty only (0 or 1).
    """

    coordinate: str = "x"
    order: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.coordinate, str):
            raise ArgumentTypeError(f"Periodic coordinate needs a name, got {self.coordinate!r}.")
        object.__setattr__(self, "order", arguments.integer("Periodic order", self.order, 0, 1))

    @property
    def label(self) -> str:
        """``periodic:x`` unless a name was given."""
        return self.name or f"periodic:{self.coordinate}"


@dataclass(frozen=True)
class Initial(Condition):
    """``u = value`` (``order=0``) or ``du/dt = value`` (``order=1``) at the first instant."""

    value: Value = 0.0
    order: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _settle(self, "value")
        object.__setattr__(self, "order", arguments.integer("Initial order", self.order, 0, 1))

    @property
    def label(self) -> str:
        """``initial`` or ``initial_t``, with the component, unless a name was given."""
        base = "initial" if self.order == 0 else "initial_t"
        return self.name or (f"{base}:{self.component}" if self.component else base)


@dataclass(frozen=True, eq=False)
class Data(Condition):
    """Measured values: ``u(points) = values`` in the least-squares sense.

    Args:
        points: ``(n, d)``.
        values: ``(n,)`` or ``(n, 1)``, finite. Both are copied.
        noise: Standard deviation of the values, above 0: one number, ``(n,)`` or ``(n, 1)``. None where it is not known:
            it is estimated where it is needed.
    """

    points: Any = None
    values: Any = None
    noise: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _refuse_hard(self)
        for argument in ("points", "values"):
            if getattr(self, argument) is None:
                raise ArgumentTypeError(f"Data {argument} needs an array of numbers, got None.")
        points = _table("Data points", self.points)
        if points.ndim != 2 or points.numel() == 0:
            column = " For one coordinate write points[:, None]." if points.ndim == 1 else ""
            raise ArgumentError(
                f"Data points needs shape (n, d) with n, d >= 1, got {tuple(points.shape)}.{column}"
            )
        values = _table("Data values", self.values)
        values = values[:, None] if values.ndim == 1 else values
        if values.shape != (len(points), 1):
            raise ArgumentError(
                f"Data values needs shape ({len(points)},) or ({len(points)}, 1) for as many points, got "
                f"{tuple(values.shape)}."
            )
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "values", values)
        if self.noise is not None:
            object.__setattr__(self, "noise", _deviations(self.noise, len(points)))

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike,
        coordinates: Sequence[str],
        values: str,
        *,
        noise: str | float | None = None,
        **options: Any,
    ) -> Data:
        """Measurements from a file of comma-separated columns with a first row of names.

        Args:
            path: The file.
            coordinates: Names of the columns with the coordinates, in the order of the domain.
            values: Name of the column with the values.
            noise: Name of the column with their standard deviations, one number for all, or None.
            options: As for ``Data``: component, weight, name.

        Raises:
            ArgumentError: The file cannot be read, lacks a column, or holds something else than numbers.
        """
        columns = [coordinates] if isinstance(coordinates, str) else list(coordinates)
        asked = [*columns, values, *([noise] if isinstance(noise, str) else [])]
        table = read_columns(path, asked)
        points = np.stack([table[name] for name in columns], axis=1)
        deviations = table[noise] if isinstance(noise, str) else noise
        return cls(points, table[values], deviations, **options)


def _table(argument: str, value: Any) -> Tensor:
    """A new float64 CPU tensor of finite numbers, of any shape."""
    if isinstance(value, Tensor):
        if value.requires_grad:
            raise ArgumentTypeError(
                f"{argument} needs fixed numbers, got a tensor that requires grad: write .detach()."
            )
        value = value.cpu().numpy()
    try:
        array = np.asarray(value)
        kind = array.dtype.kind
    except ValueError:
        raise ArgumentTypeError(f"{argument} needs an array of numbers, got ragged rows.") from None
    if kind not in "iuf":
        raise ArgumentTypeError(f"{argument} needs an array of numbers, got {_entry(array)}.")
    table = torch.from_numpy(array.astype(np.float64))
    if not bool(torch.isfinite(table).all()):
        raise ArgumentError(f"{argument} needs finite numbers, got nan or infinity.")
    return table


def _deviations(noise: Any, n: int) -> Tensor:
    """Standard deviations, ``(n, 1)``."""
    table = _table("Data noise", noise)
    if table.shape not in ((), (1,), (n,), (n, 1)):
        raise ArgumentError(
            f"Data noise needs one number or one a value, shape ({n},), got shape {tuple(table.shape)}."
        )
    if not bool((table > 0).all()):
        raise ArgumentError(
            f"Data noise needs standard deviations above 0, got {float(table.min())!r}; None where it is not known."
        )
    return table.reshape(-1, 1).expand(n, 1).clone()


def _entry(array: np.ndarray) -> str:
    return f"{array.flat[0]!r} among them" if array.size else f"dtype {array.dtype}"


def _refuse_hard(condition: Condition) -> None:
    if condition.hard:
        raise ArgumentError(
            f"hard=True: {type(condition).__name__} conditions are penalty terms; only Dirichlet, Initial and Periodic "
            "can be built into the trial function."
        )
