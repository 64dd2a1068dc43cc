"""Checks that the catalogue's dataclasses make of their own fields."""

from __future__ import annotations

import math
from typing import Any

from sciml.errors import ArgumentError, ArgumentTypeError


def check_int(problem: Any, name: str, low: int, high: int) -> None:
    """Require an integer field in ``[low, high]``.

    Raises:
        ArgumentTypeError: No integer.
        ArgumentError: Outside the range.
    """
    value = getattr(problem, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ArgumentTypeError(
            f"{name} must be an integer in {low}..{high}; got {value!r} of type {type(value).__name__}."
        )
    if not low <= value <= high:
        raise ArgumentError(f"{name} must be an integer in {low}..{high}; got {value}.")


def check_float(problem: Any, name: str, low: float, high: float) -> None:
    """Require a real field in ``[low, high]`` and store it as a float.

    Raises:
        ArgumentTypeError: No real number.
        ArgumentError: Not finite or outside the range.
    """
    value = getattr(problem, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ArgumentTypeError(
            f"{name} must be a number in [{low:g}, {high:g}]; got {value!r} of type {type(value).__name__}."
        )
    if not (math.isfinite(value) and low <= value <= high):
        raise ArgumentError(f"{name} must be a number in [{low:g}, {high:g}]; got {value!r}.")
    object.__setattr__(problem, name, float(value))  # the dataclass is frozen
