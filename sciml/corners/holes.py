"""Round holes: what a network sees of them besides the coordinates.

Outside a disc a harmonic function is a multiple of ``log r`` and a power series in the inverted coordinates
``(x - c) / r^2``; in space ``1 / r`` takes the place of the logarithm (Kelvin's inversion). Around several holes it is a
sum of such series, one for each (Schwarz's alternating method). A network that sees both has short series to find, not
poles beyond the boundary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.domains import CSG, Domain
from sciml.domains.ball import Sphere


@dataclass(frozen=True)
class Hole:
    """``log r`` (in space ``1 / r``) and the inverted coordinates of a round hole, all between -1 and 1.

    Attributes:
        at: Its centre.
        radius: Its radius.
        reach: Largest distance from the centre at which the domain has points.
    """

    at: tuple[float, ...]
    radius: float
    reach: float

    @property
    def count(self) -> int:
        """One and the coordinates."""
        return 1 + len(self.at)

    def __call__(self, x: Tensor) -> Tensor:
        d = x - x.new_tensor(self.at)
        square = (d**2).sum(1, keepdim=True)
        if len(self.at) == 2:
            span = math.log(self.reach / self.radius)
            first = (square / self.radius**2).log() / span - 1
        else:
            first = 2 * self.radius / square.sqrt() - 1
        return torch.cat([first, self.radius * d / square], 1)


def holes_of(space: Domain) -> list[Hole]:
    """The round holes of a domain without time, in two or three coordinates."""
    if not isinstance(space, CSG) or space.dim not in (2, 3):
        return []
    found: list[Hole] = []
    low, high = space.lower, space.upper
    for piece in space._pieces:
        whole = getattr(piece, "piece", piece)
        if not isinstance(whole, Sphere):
            continue
        at = torch.tensor(whole.center, dtype=torch.float64)
        inwards = piece.normal(at + whole.radius * torch.eye(space.dim, dtype=torch.float64)[0])[0] < 0
        if not bool(inwards) or bool(space.contains(at)):
            continue
        reach = float(torch.maximum((low - at).abs(), (high - at).abs()).norm())
        hole = Hole(tuple(whole.center), whole.radius, reach)
        if hole not in found:
            found.append(hole)
    return found
