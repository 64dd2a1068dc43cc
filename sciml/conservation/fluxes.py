"""What flows out through each side of a domain, and how much of the inflow is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.conservation.velocity import Velocity, velocity_of
from sciml.domains import Domain
from sciml.errors import SciMLError

if TYPE_CHECKING:
    from sciml.problem import PDE

POINTS = 1024  # on each side; a smooth profile is known to six digits
SEED = 40_031
LOST = 1e-3  # of the inflow: what is worth a note
THROUGH = 1e-3  # of speed times boundary: a smaller flow through the sides is none


@dataclass(frozen=True)
class Fluxes:
    """Flow through the boundary.

    Attributes:
        sides: Part of the boundary -> flow out through it: the integral of the velocity's normal component, over time, too,
            where there is time.
        through: Whether more flows in than the resolution of the sides' integrals.
    """

    sides: dict[str, float]
    through: bool

    @property
    def inflow(self) -> float:
        """What flows in, a positive number."""
        return -sum(v for v in self.sides.values() if v < 0)

    @property
    def lost(self) -> float | None:
        """The share of the inflow that does not come out; negative for a gain, None where nothing flows through."""
        return -sum(self.sides.values()) / self.inflow if self.through and self.inflow > 0 else None

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:+.4g}" for name, value in self.sides.items())


def fluxes(domain: Domain, velocity: Velocity, u: Callable[[Tensor], Tensor]) -> Fluxes:
    """The flow through each part of a domain's boundary.

    Args:
        domain: With or without time.
        velocity: Which unknowns are the velocity.
        u: ``(n, d) -> (n, m)``.
    """
    sides: dict[str, float] = {}
    reach = 0.0
    for k, piece in enumerate(domain._pieces):
        x = piece.sample(POINTS, (SEED, k))
        normal = piece.normal(x)[:, list(domain.space_axes)]
        with torch.no_grad():
            speed = u(x)[:, list(velocity.unknowns)].to(normal)
        sides[piece.name] = sides.get(piece.name, 0.0) + piece.measure * float((speed * normal).sum(1).mean())
        reach += piece.measure * float(speed.norm(dim=1).mean())
    size = sum(abs(value) for value in sides.values())
    return Fluxes(sides, size > THROUGH * reach)


def flux_notes(problem: PDE, u: Callable[[Tensor], Tensor]) -> list[str]:
    """A note where a flow that should keep its volume loses some of what flows in.

    Args:
        problem: What was solved.
        u: The solution, ``(n, d) -> (n, m)`` float64.
    """
    velocity = velocity_of(problem)
    if velocity is None or not problem.domain._pieces:
        return []
    try:
        found = fluxes(problem.domain, velocity, u)
    except (SciMLError, ArithmeticError, RuntimeError):  # a cloud of points without normals, say
        return []
    if found.lost is None or not abs(found.lost) > LOST:
        return []
    names = ", ".join(problem.unknowns[i] for i in velocity.unknowns)
    what = "is lost" if found.lost > 0 else "is added"
    return [
        f"{abs(found.lost):.2g} of the inflow {what} though {velocity.part!r} keeps the volume: ({names}) flows out by "
        f"{found}. The errors of the flow are as large at least; a longer solve or a finer network may help."
    ]
