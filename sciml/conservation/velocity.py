"""Which unknowns are the velocity of an incompressible flow: those whose divergence is one of the equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.probe import Waves, double_by_default, interior
from sciml.coefficients import stated_at_guess

if TYPE_CHECKING:
    from sciml.problem import PDE

POINTS = 60  # at which an equation is compared with derivatives of probes
FIT = 1e-9  # of its size: a combination of first derivatives that comes closer is the equation
NONE = 1e-9  # of the largest coefficient: smaller ones are none


@dataclass(frozen=True)
class Velocity:
    """The velocity of an incompressible flow.

    Attributes:
        unknowns: Index of the unknown along each coordinate of space, in their order.
        part: Name of the part of the residual that is its divergence.
        alone: Whether that part has no other column.
    """

    unknowns: tuple[int, ...]
    part: str
    alone: bool


def velocity_of(problem: PDE) -> Velocity | None:
    """The velocity that a problem asks to be free of divergence; None where no equation does.

    The residual is evaluated on two probes in closed form; a column is a divergence where it is the same constant times the
    sum of one first derivative in each direction of space, each of another unknown.
    """
    axes = tuple(problem.domain.space_axes)
    if not 2 <= len(axes) <= problem.outputs:
        return None
    try:
        with double_by_default(), torch.no_grad():
            return _found(stated_at_guess(problem), axes)
    except (
        Exception
    ):  # a user's function may raise anything; the checks of the problem run it again and name it
        return None


def _found(problem: PDE, axes: tuple[int, ...]) -> Velocity | None:
    x = interior(problem, POINTS)
    probes = [Waves(x, problem.domain.lower, problem.domain.upper, problem.outputs, seed) for seed in (5, 6)]
    answers = [problem.residual_terms(problem.field(probe), x) for probe in probes]
    slopes = torch.cat(
        [torch.cat([probe.first(i) for i in axes], 1) for probe in probes]
    )  # (2n, d m), axis by axis
    for name in answers[0]:
        column = torch.cat([answer[name] for answer in answers])
        for k in range(column.shape[1]):
            unknowns = _divergence(column[:, k], slopes, problem.outputs)
            if unknowns is not None:
                return Velocity(unknowns, name, column.shape[1] == 1)
    return None


def _divergence(column: Tensor, slopes: Tensor, outputs: int) -> tuple[int, ...] | None:
    """The unknowns whose derivatives a column adds up, one along each axis; None where it is something else."""
    fitted = torch.linalg.lstsq(slopes, column[:, None]).solution[:, 0]
    size = float(column.abs().max())
    if not size > 0 or float((slopes @ fitted - column).abs().max()) > FIT * size:
        return None
    table = fitted.reshape(-1, outputs)  # (d, m)
    present = table.abs() > NONE * float(table.abs().max())
    if not bool((present.sum(1) == 1).all()) or bool((present.sum(0) > 1).any()):
        return None
    values = table[present]
    if float((values - values[0]).abs().max()) > NONE * float(values[0].abs()):
        return None
    return tuple(int(row.nonzero()[0, 0]) for row in present)
