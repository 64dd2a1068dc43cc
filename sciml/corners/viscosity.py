"""The viscosity that an incompressible flow has at a corner, from what the equations make of a slow flow there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from sciml.corners.functions import Frame
from sciml.derivatives import AutogradSource, DetachedSource

if TYPE_CHECKING:
    from sciml.problem import PDE

NEAR = 1e-4  # of the reach: where the equations are asked
ALONG = 16  # points there
BALANCED = 1e-2  # of what viscosity does there: what the pressure may leave


class LocalFlow(Protocol):
    """Velocity and pressure at a corner, for a viscosity of one."""

    @property
    def frame(self) -> Frame: ...

    def velocity(self, x: Tensor) -> Tensor: ...

    def pressure(self, x: Tensor) -> Tensor: ...


def viscosity_of(problem: PDE, unknowns: tuple[int, ...], pressure: int, flow: LocalFlow) -> float | None:
    """The factor of the flow's pressure with which viscosity and pressure cancel; None where none does.

    Args:
        problem: Of a velocity and a pressure in the plane.
        unknowns: Indices of the velocity along each coordinate.
        pressure: Index of the pressure.
        flow: A slow flow near a corner.
    """
    frame = flow.frame
    t = (torch.arange(ALONG, dtype=torch.float64) + 0.5) / ALONG * frame.angle - frame.angle / 2
    turn = torch.tensor([frame.along, frame.across], dtype=torch.float64)
    x = (
        torch.tensor(frame.at, dtype=torch.float64)
        + NEAR * frame.reach * torch.stack([t.cos(), t.sin()], 1) @ turn
    )

    def left(speed: float, factor: float) -> Tensor:
        def fields(y: Tensor) -> Tensor:
            v = speed * flow.velocity(y)
            columns = {
                pressure: factor * flow.pressure(y),
                **{i: v[:, k : k + 1] for k, i in enumerate(unknowns)},
            }
            return torch.cat([columns[i] for i in range(3)], 1)

        return _rows(problem, fields, x)

    # of small velocities, of which no products count
    still, tiny = left(0.0, 0.0), 1e-6
    viscous, pressed = (left(tiny, 0.0) - still) / tiny, left(0.0, 1.0) - still
    square = float(pressed @ pressed)
    if not (0 < square < float("inf") and bool(torch.isfinite(viscous).all())):
        return None
    factor = -float(pressed @ viscous) / square
    rest = float((viscous + factor * pressed).norm())
    return factor if rest <= BALANCED * float(viscous.norm()) else None


def _rows(problem: PDE, fields: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    source = DetachedSource(AutogradSource(fields, x))
    with torch.enable_grad():
        terms = problem.residual_terms(problem.field(source), x)
    return torch.cat([term.detach().double().reshape(-1) for term in terms.values()])
