"""Checkpoints: the state of a running solve on disk, now and then, so that a killed run can go on."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from sciml.errors import ArgumentError, FileWriteError
from sciml.solvers.files import container
from sciml.solvers.files.expected import Expected

KIND = "checkpoint"
State = tuple[dict[str, Any], Mapping[str, np.ndarray]]


class Checkpoint:
    """Save a state at most every so many seconds.

    A call looks at the clock, and only when a save is due asks for the state: calling it after every step
    costs nothing. A disk that is full or gone must not end a long run, so a call warns where ``save``
    raises.

    Args:
        path: The file, replaced atomically by every save; its folder must exist.
        every_seconds: Time from the end of a save (at first: the making of this object) to the next, in
            seconds; 0 saves at every call.

    Raises:
        ArgumentError: ``every_seconds`` is negative or nan.
    """

    def __init__(self, path: str | os.PathLike, every_seconds: float = 60.0):
        if not every_seconds >= 0:
            raise ArgumentError(f"every_seconds needs a number >= 0, got {every_seconds!r}.")
        self.path = path
        self.every_seconds = every_seconds
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the next call will save."""
        return time.monotonic() - self._last >= self.every_seconds

    def __call__(self, state: Callable[[], State]) -> bool:
        """Save ``state()``, a pair (config, arrays), if it is due; True if it was saved."""
        if not self.due():
            return False
        try:
            self.save(*state())
        except FileWriteError as error:
            self._last = time.monotonic()
            warnings.warn(f"the checkpoint was not saved: {error}", RuntimeWarning, stacklevel=2)
            return False
        return True

    def save(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Save now, due or not; what may be saved and what is raised is as in ``container.write``."""
        container.write(self.path, KIND, config, arrays)
        self._last = time.monotonic()


def load_checkpoint(
    path: str | os.PathLike,
    expect: Callable[[dict[str, Any]], Expected] | None = None,
    optional: Collection[str] = (),
) -> tuple[dict, dict[str, np.ndarray]]:
    """``(config, arrays)`` of the newest save; ``expect`` and ``optional`` as in ``container.read``.

    Raises:
        FileFormatError: As in ``container.read``; another kind of file is refused, too.
    """
    return container.read(path, KIND, expect, optional)
