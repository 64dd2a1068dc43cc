"""What a relative residual is relative to."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sciml.solvers.training.adapted_system import AdaptedSystem
from sciml.solvers.training.residual_system import ResidualSystem

ALMOST_NOTHING = 1e-10  # relative residual of a problem of which its conditions leave rounding only
CANCELLED = 1e-5  # of what cancels in the equations: a relative residual is relative to that at least


def residual_scale(held_out: ResidualSystem | AdaptedSystem, theta: Tensor) -> tuple[float, float, bool]:
    """Size of the residual when the network's part is zero: what there is to be solved.

    At least a share of what cancels in the equations: a problem that its conditions solve leaves rounding only.

    Args:
        held_out: On points that training never sees; its parameters are not put back.
        theta: Those of the start, ``(P,)``.

    Returns:
        The scale; the residual of a network of zeros relative to it; and whether rounding is all that is left of that.
    """
    held = held_out.silent_value()
    silent = math.sqrt(2.0 * held) if math.isfinite(held) else 0.0
    scale = max(silent, CANCELLED * held_out.size_of_terms())
    solved = math.isfinite(held) and silent <= held_out.rounding()
    if solved:  # also where every derivative of the exact part is zero but for rounding
        scale = max(scale, silent / ALMOST_NOTHING)
    if scale == 0 and not math.isfinite(held):  # measure against the start
        start = held_out.value(theta)
        scale = math.sqrt(2.0 * start) if math.isfinite(start) else 1.0
    relative = silent / scale if scale > 0 and math.isfinite(held) else (0.0 if scale == 0 else math.inf)
    return scale or 1.0, relative, solved


def said_of_silence(system: ResidualSystem | AdaptedSystem) -> str:
    """What a user should know of a problem that is solved by its conditions: whether that is the solution zero."""
    said = "the conditions alone solve the equation: the network's part is zero."
    with torch.no_grad():
        if bool(system.trial(system.points.interior).any()):
            return said
    return (
        f"{said} That is the solution zero; another one, such as an eigenfunction, needs a condition that zero fails, "
        'such as sciml.Condition("inside", lambda u, x: u**2 - 1, mean=True).'
    )
