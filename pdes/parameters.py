"""Checks that the catalogue's dataclasses make of their own fields, and store as plain numbers."""

from __future__ import annotations

from typing import Any

from sciml import arguments
from sciml.unknown import Unknown


def check_int(problem: Any, name: str, low: int, high: int) -> None:
    """Require an integer field in ``low..high``.

    Raises:
        ArgumentTypeError: No integer.
        ArgumentError: Outside the range.
    """
    _store(problem, name, arguments.integer(name, getattr(problem, name), low, high))


def check_float(problem: Any, name: str, low: float, high: float) -> None:
    """Require a real field in ``[low, high]`` and store it as a float; the range of an ``Unknown`` becomes its bounds.

    Raises:
        ArgumentTypeError: No real number.
        ArgumentError: Not finite or outside the range.
    """
    value = getattr(problem, name)
    if isinstance(value, Unknown):
        object.__setattr__(problem, name, value.within(name, low, high))
        return
    _store(problem, name, arguments.number(name, getattr(problem, name), low, high))


def _store(problem: Any, name: str, value: float) -> None:
    object.__setattr__(problem, name, value)  # the dataclass is frozen
