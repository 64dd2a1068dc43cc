"""What a callback sees of a look at a run, and how its numbers are called."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

from sciml.errors import MissingPackageError


class Look(Protocol):
    """The part of ``sciml.solvers.training.run_state.Event`` that is written.

    Attributes:
        step: Steps so far, of this attempt.
        numbers: What was measured, by name.
        attempt: What is tried in place of a solve that stalled; empty for the first attempt.
    """

    step: int
    numbers: dict[str, float]
    attempt: str


def named(look: Look) -> dict[str, float]:
    """The numbers; those of another attempt are called ``attempt/name``, so that its steps stand in curves of their own."""
    start = f"{look.attempt}/" if look.attempt else ""
    return {f"{start}{name}": value for name, value in look.numbers.items()}


def package(name: str, extra: str) -> Any:
    """An optional package.

    Raises:
        MissingPackageError: It is not installed; the message names the extra that brings it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f'{extra} needs a package that is not installed, {error.name}: pip install "sciml-kan[{extra}]".'
        ) from error
