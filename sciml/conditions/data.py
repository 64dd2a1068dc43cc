"""Measurements as a condition."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml.conditions.base import BaseCondition, refuse_hard
from sciml.csv_columns import read_columns
from sciml.errors import ArgumentError, ArgumentTypeError


@dataclass(frozen=True, eq=False)
class Data(BaseCondition):
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
        refuse_hard(self)
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
