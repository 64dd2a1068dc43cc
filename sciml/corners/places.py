"""Where the boundary of a plane domain turns, and where a condition on it ends: the corners, with their angles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.domains import Domain
from sciml.domains.pieces import Piece
from sciml.domains.vertices import TOUCH, ends_of, first_of_each

STEP = 1e-4  # of the size: how far along a side one looks
ASIDE = 0.1  # of a step: what lies further from a side is not on it
FLAT = 1e-6  # angle by which sides that go on straight may differ
STRAIGHT = 1e-9  # change of a normal along a piece that counts as none


@dataclass(frozen=True)
class Corner:
    """A point of the boundary with its two sides.

    Attributes:
        at: The point.
        first, second: Unit vectors along the sides; counterclockwise from the first to the second lies the domain.
        angle: Interior angle, above 0 and at most 2 pi.
    """

    at: tuple[float, float]
    first: tuple[float, float]
    second: tuple[float, float]
    angle: float

    @property
    def straight(self) -> bool:
        """Whether the sides go on into each other."""
        return abs(self.angle - math.pi) < FLAT

    def inwards(self, step: float) -> Tensor:
        """A point on the bisector, ``(1, 2)``."""
        c, s = math.cos(self.angle / 2), math.sin(self.angle / 2)
        x, y = self.first
        way = torch.tensor([[c * x - s * y, s * x + c * y]], dtype=torch.float64)
        return torch.tensor(self.at, dtype=torch.float64) + step * way

    def on_sides(self, step: float) -> Tensor:
        """A point on each side, ``(2, 2)``."""
        at = torch.tensor(self.at, dtype=torch.float64)
        return at + step * torch.tensor([self.first, self.second], dtype=torch.float64)


def corners_of(space: Domain, parts: Sequence[Piece] = ()) -> tuple[list[Corner], list[tuple[float, float]]]:
    """The corners of a plane domain, and points at which the boundary touches itself or has a cusp.

    Args:
        space: A domain without time, of two coordinates.
        parts: Pieces of the boundary, or parts of such, whose ends count as corners, too, where they lie on a side.
    """
    found: list[Corner] = []
    odd: list[tuple[float, float]] = []
    for at in _candidates(space, [*space._pieces, *parts]):
        corner = _corner(space, at)
        if corner is None:
            odd.append((float(at[0]), float(at[1])))
        else:
            found.append(corner)
    return found, odd


def _candidates(space: Domain, pieces: Sequence[Piece]) -> Tensor:
    ends = [end for piece in pieces if piece.cube == 1 for end in ends_of(piece)]
    x = torch.cat([torch.zeros(0, 2, dtype=torch.float64), *ends])
    x = x[space._depth(x).abs() <= TOUCH * space._size]
    x = x[first_of_each((x / space._size / (10 * TOUCH)).round())]
    closed = [piece for piece in pieces if piece.cube == 1 and _closed(piece)]
    for piece in closed:  # a circle's ends are no corner
        start = piece.place(torch.tensor([[0.0]], dtype=torch.float64))[0]
        x = x[(x - start).norm(dim=1) > TOUCH * space._size]
    return x


def _closed(piece: Piece) -> bool:
    x, keep = piece.place(torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    return bool((x[0] - x[1]).norm() <= TOUCH * piece.size) and (keep is None or bool(keep.all()))


def _corner(space: Domain, at: Tensor) -> Corner | None:
    step = STEP * space._size
    outgoing: list[Tensor] = []
    incoming: list[Tensor] = []
    for piece in space._pieces:
        if float(piece.gap(at)) > TOUCH * space._size:
            continue
        normal = piece.normal(at)
        tangent = torch.stack([-normal[1], normal[0]])  # with the domain on its left
        for sides, way in ((outgoing, tangent), (incoming, -tangent)):
            x = at + step * way
            near = float(piece.gap(x)) <= ASIDE * step and float(space._depth(x).abs()) <= ASIDE * step
            if near and not any(float((way - other).norm()) < FLAT for other in sides):
                sides.append(way)
    if len(outgoing) != 1 or len(incoming) != 1:
        return None
    (first,), (second,) = outgoing, incoming
    turn = float(first[0] * second[1] - first[1] * second[0])
    angle = math.atan2(turn, float(first @ second)) % (2 * math.pi)
    if angle < FLAT or angle > 2 * math.pi - FLAT:
        angle = 2 * math.pi
    half = torch.tensor(
        [[math.cos(angle / 2), -math.sin(angle / 2)], [math.sin(angle / 2), math.cos(angle / 2)]],
        dtype=torch.float64,
    )
    if float(space._depth(at + step * (half @ first))) <= 0:
        return None
    point, one, two = ((float(v[0]), float(v[1])) for v in (at, first, second))
    return Corner(point, one, two, angle)


def nearest(domain: Domain, x: Tensor) -> int:
    """The piece of the boundary that a point ``(2,)`` lies on."""
    return int(torch.stack([piece.gap(x) for piece in domain._pieces]).argmin())


def straight(piece: Piece) -> bool:
    """Whether a piece of the boundary of a plane domain is a part of a line."""
    if piece.cube != 1:
        return False
    x, _ = piece.place(torch.linspace(0.1, 0.9, 5, dtype=torch.float64)[:, None])
    normal = piece.normal(x)
    return float((normal - normal[0]).abs().max()) < STRAIGHT
