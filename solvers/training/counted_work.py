"""Work as it is counted, so that decisions do not depend on the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sciml.solvers.training.defaults import FLOPS

STEP_WORK = 0.01  # seconds of a step besides its linear algebra, on a usual core


def counted_work(
    history: Sequence[Mapping[str, float]], columns: int, parameters: int, second_order: bool
) -> float:
    """Seconds that the steps of a run take on a usual core.

    Args:
        history: A row a look, with its step and its number of points.
        columns: Equations, each a row of the Jacobian at every point.
        parameters: Trained numbers, ``P``.
        second_order: Whether a step solves a linear system.
    """
    total, before = 0.0, 0.0
    P = float(parameters)
    for row in history:
        M = columns * row["points"]
        small = min(P, M)
        one = STEP_WORK + (2.0 * P * M * small + small**3 / 3.0) / FLOPS
        total += (row["step"] - before) * (one if second_order else STEP_WORK)
        before = row["step"]
    return total
