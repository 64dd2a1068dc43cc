"""What a march through time remembers: of each window it tried, and from one window to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from sciml.ansatz.march import WindowTrial
from sciml.solvers.training.loop import Run
from sciml.solvers.training.residual_system import ResidualSystem
from sciml.solvers.windows.pace import Pace


@dataclass
class Reached:
    """What a window came to.

    Attributes:
        trial: Its trial function.
        residual: Root mean square on held-out points, in the units that ``scale`` has.
        scale: The same with a network of zeros.
        steps, rejected: Of the optimiser.
        effort: Share of the steps that it might have taken.
        history: Rows of the run.
        outcome: ``interrupted``, ``diverged`` or anything else.
        system: What it was trained on.
        run: That trained it; None where the last layer alone was solved for.
    """

    trial: WindowTrial
    residual: float
    scale: float
    steps: int
    rejected: int
    effort: float
    history: list[dict[str, float]]
    outcome: str
    system: ResidualSystem
    run: Run | None = None


@dataclass
class State:
    """All that the next window depends on.

    Attributes:
        pace: The lengths.
        windows: What is solved.
        scale: The largest residual of a network of zeros so far.
        worst: The largest residual over its tolerance so far.
        residual: The largest residual over its scale so far.
        sizes: Of unknowns and equations, measured in the first window.
        steps, rejected, tries: In all, and windows rejected in all.
        tried, closest: Windows rejected since the last one was accepted, and the smallest residual over its tolerance that
            they came to.
        best: Length of the window that came so close; of the logarithm of time where the pace is.
        worse: How many windows in a row were shorter and no better.
        settled: 1 where the next window is taken whatever it reaches, as shorter ones are no better; else 0.
        last, last_scale: Residual and scale of the last window.
        points, weights: Interior points and weights of the last window.
        history: Rows of numbers.
        notes: What a user should know.
    """

    pace: Pace
    windows: list[WindowTrial] = field(default_factory=list)
    scale: float = 0.0
    worst: float = 0.0
    residual: float = 0.0
    sizes: tuple[Tensor, dict[str, float]] | None = None
    steps: int = 0
    rejected: int = 0
    tries: int = 0
    tried: int = 0
    closest: float = math.inf
    best: float = 0.0
    worse: int = 0
    settled: int = 0
    last: float = 0.0
    last_scale: float = 0.0
    points: int | None = None
    weights: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, found: Reached, scale: float) -> None:
        """Take a window as solved, with a residual that is relative to ``scale``."""
        self.windows.append(found.trial)
        self.history += found.history
        self.residual = max(self.residual, found.residual / scale if scale else 0.0)
        self.last, self.last_scale = found.residual, scale
        self.points = found.system.points.interior.shape[0]
        self.weights = dict(found.system.points.weights)

    def count(self, found: Reached) -> None:
        """Count the steps of a window, whatever becomes of it."""
        self.steps += found.steps
        self.rejected += found.rejected
