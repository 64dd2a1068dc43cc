"""What to do about an evolution that could not be solved at all times at once."""

from __future__ import annotations

from sciml.ansatz.window import check_windows
from sciml.checks.values import statements
from sciml.domains import Interval
from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.report import Report

FAR = 0.1  # estimated error above which a solution is none
ENDED = ("stalled", "max_time", "max_steps")


def window_advice(problem: PDE, stats: Report) -> list[str]:
    """A note that a long time goes window by window, where a solve of an evolution ended far from a solution.

    A residual that is small almost everywhere may belong to another solution after an instant where it is not: in a
    chaotic or a stiff equation every start of the rest is as good as the right one.
    """
    error = stats.error_estimate
    if stats.outcome not in ENDED or (error is not None and error <= FAR):
        return []
    far = "its error is unknown" if error is None else f"the estimated error is {error:.1e}"
    try:
        check_windows(problem)
    except ArgumentError:
        if not _starts_at_one_end(problem):
            return []
        name, low, high = (
            problem.domain.names[0],
            float(problem.domain.lower[0]),
            float(problem.domain.upper[0]),
        )
        return [
            f"{far}, and all conditions hold at one end of {name}, as in an evolution: stated with "
            f"TimeInterval({low:g}, {high:g}, name={name!r}) and Initial it can be solved one short time after another, by "
            'windows="auto".'
        ]
    return [f'{far} for all times at once: windows="auto" solves one short time after another.']


def _starts_at_one_end(problem: PDE) -> bool:
    """Whether a problem on a line has conditions at its lower end alone."""
    domain = problem.domain
    if not isinstance(domain, Interval):
        return False
    stated = statements(problem)
    low, room = domain.lower[0], 1e-9 * (domain.upper[0] - domain.lower[0])
    return len(stated) == len(problem.conditions) > 0 and all(
        bool((s.points[:, 0] - low <= room).all()) for s in stated
    )
