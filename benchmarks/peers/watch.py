"""The clock of a solve: CPU seconds without the looks at the error, and the marks that were passed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.problems import PROBLEMS, TRUTH

MARKS = tuple(10.0**-k for k in range(1, 7))
FIRST, GROWTH = 0.02, 1.03  # seconds of the first look, and from one to the next


class TimeIsOver(Exception):
    """The seconds of a solve are used up."""


class Watch:
    """Measures one solve, from its creation on.

    Args:
        problem: Name of the problem.
        seconds: CPU seconds it may use.

    Attributes:
        points: Where the error is measured, ``(n, d)``, time first; empty for an unknown coefficient.
        reached: Mark -> CPU seconds and step at which the error first was no larger.
        best, best_at: The least error and its CPU seconds.
        first: CPU seconds before the first look: set-up, compiling and the first step.
        last, steps: The error and the steps at the last look.
    """

    def __init__(self, problem: str, seconds: float):
        answer = PROBLEMS[problem].answer
        self.points, self._values = answer() if answer else (np.zeros((0, 2)), np.zeros((0, 1)))
        self._size = float(np.linalg.norm(self._values))
        self._coefficient = answer is None
        self.seconds, self.best, self.best_at = seconds, math.inf, 0.0
        self.last, self.steps = math.inf, 0
        self.reached: dict[str, tuple[float, int]] = {}
        self.first = math.nan
        self._next, self._aside, self._began = FIRST, 0.0, time.process_time()

    def clock(self) -> float:
        """CPU seconds so far, without the looks."""
        return time.process_time() - self._began - self._aside

    def due(self) -> bool:
        """Whether it is time for a look."""
        return self.clock() >= self._next

    def look(self, found: Callable[[np.ndarray], Any], step: int) -> None:
        """Note the error.

        Args:
            found: The solution at points ``(n, d)``, ``(n, 1)``; of an unknown coefficient its value, whatever the points.
            step: Steps so far.

        Raises:
            TimeIsOver: The seconds are used up.
        """
        now, began = self.clock(), time.process_time()
        value = found(self.points)
        if self._coefficient:
            error = abs(float(np.asarray(value).reshape(())) / TRUTH - 1)
        else:
            difference = np.asarray(value, dtype=np.float64).reshape(self._values.shape) - self._values
            error = float(np.linalg.norm(difference)) / self._size
        self.last, self.steps = error, step
        if math.isnan(self.first):
            self.first = round(now, 2)
        if error < self.best:
            self.best, self.best_at = error, round(now, 2)
        for mark in MARKS:
            if error <= mark:
                self.reached.setdefault(f"{mark:.0e}", (round(now, 2), step))
        self._next = max(now + FIRST, GROWTH * now)
        self._aside += time.process_time() - began
        if now > self.seconds:
            raise TimeIsOver

    def record(self) -> dict[str, Any]:
        """What was measured."""
        return {
            "seconds": round(self.clock(), 2),
            "first": self.first,
            "steps": self.steps,
            "best": self.best,
            "best_at": self.best_at,
            "last": self.last,
            "reached": self.reached,
        }
