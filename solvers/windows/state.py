"""What a march through time remembers: of each window it tried, and from one window to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from sciml.ansatz.march import WindowTrial
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


@dataclass
class State:
    """All that the next window depends on.

    Attributes:
        pace: The lengths.
        windows: What is solved.
        scale: The largest residual of a network of zeros so far.
        worst: The largest residual over its tolerance so far, and the window's start.
        sizes: Of unknowns and equations, measured in the first window.
        steps, rejected, tries: In all, and windows rejected in all.
        history: Rows of numbers.
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
    history: list[dict[str, float]] = field(default_factory=list)
