"""Functions that carry what contradicts itself in a problem's data, and are added to its trial function."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sciml.corners.functions import Frame
from sciml.corners.steps import HalfSpace
from sciml.domains.pieces import Piece


class Jump(Protocol):
    """A function of points that is not continuous at a corner, and its values on the sides there.

    Attributes:
        note: What it carries, for a user.
    """

    @property
    def note(self) -> str:
        """What it carries, for a user."""
        ...

    def __call__(self, x: Tensor) -> Tensor:
        """At points of the domain, ``(n, d) -> (n, 1)``."""
        ...

    def on(self, piece: int, x: Tensor) -> Tensor:
        """Its values on a piece of the boundary, as a function of points inside, too: ``(n, d) -> (n, 1)``.

        At a corner they are the limits along that piece.
        """
        ...

    def fits(self, piece: int) -> bool:
        """Whether ``on`` knows the piece."""
        ...


@dataclass(frozen=True)
class Rise:
    """What one face of a box does at the first instant.

    Attributes:
        space: The half-space behind it.
        kind: ``"step"``, ``"flux"`` or ``"ramp"``: which of its answers.
        height: Size of it at points ``(n, d)`` of the face at the first instant: ``(n, 1)``.
    """

    space: HalfSpace
    kind: str
    height: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class StartJump:
    """The answers of the faces of a box to what contradicts the initial value; zero at the first instant.

    Adjacent faces that step are joined as in transfinite interpolation: ``1 - (1 - E_1)(1 - E_2)`` where both step by one,
    the solution in a quadrant.

    Attributes:
        rises: Of the faces.
        faces: Axis and value of each piece of the boundary.
        note: For a user.
    """

    rises: tuple[Rise, ...]
    faces: tuple[tuple[int, float], ...]
    note: str

    def __call__(self, x: Tensor) -> Tensor:
        total = torch.zeros_like(x[:, :1])
        steps = []
        for rise in self.rises:
            if rise.kind == "step":
                steps.append((rise, rise.space.step(x)))
            else:
                total = total + self._height(x, rise) * getattr(rise.space, rise.kind)(x)
        for size in range(1, len(steps) + 1):
            for chosen in itertools.combinations(steps, size):
                if len({rise.space.axis for rise, _ in chosen}) < size:
                    continue
                term = self._height(x, *(rise for rise, _ in chosen))
                for _, step in chosen:
                    term = term * step
                total = total + term if size % 2 else total - term
        return total

    def _height(self, x: Tensor, *rises: Rise) -> Tensor:
        """The height at the points where the faces meet at the first instant."""
        held = {rise.space.axis: rise.space.at for rise in rises}
        held[rises[0].space.time] = rises[0].space.start
        return rises[0].height(at_values(x, held))

    def on(self, piece: int, x: Tensor) -> Tensor:
        axis, at = self.faces[piece]
        return self(at_values(x, {axis: at}))

    def fits(self, piece: int) -> bool:
        return True


@dataclass(frozen=True)
class Fan:
    """Two values that meet at a corner of the plane, joined along the angle: harmonic in the corner's frame.

    Attributes:
        frame: Polar coordinates there.
        height: What the value on the second side is above that on the first.
        first, second: Pieces of the boundary that the sides lie on.
        through: Pieces whose straight line passes through the corner elsewhere.
    """

    frame: Frame
    height: float
    first: int
    second: int

    def __call__(self, x: Tensor) -> Tensor:
        square, psi = self.frame.polar(x)
        share = (
            (psi / self.frame.angle + 0.5).clamp(0.0, 1.0)
            if self.frame.end is None
            else psi / self.frame.angle + 0.5
        )
        return self.frame.faded(self.height * share[:, None], square)

    def at_second(self, x: Tensor) -> Tensor:
        """On the second side: the height, as far as it is not faded."""
        square, _ = self.frame.polar(x)
        return self.frame.faded(torch.full_like(x[:, :1], self.height), square)


@dataclass(frozen=True)
class AngleJump:
    """What values that differ where two sides meet ask for, at each such corner.

    Attributes:
        fans: One a corner.
        pieces: Of the boundary.
        straight: Which of them are straight.
        note: For a user.
    """

    fans: tuple[Fan, ...]
    pieces: Sequence[Piece]
    straight: tuple[bool, ...]
    note: str

    def __call__(self, x: Tensor) -> Tensor:
        return torch.stack([fan(x) for fan in self.fans]).sum(0)

    def on(self, piece: int, x: Tensor) -> Tensor:
        total = torch.zeros_like(x[:, :1])
        line = on_line(self.pieces[piece], x)
        for fan in self.fans:
            if piece == fan.second:
                total = total + fan.at_second(line)
            elif piece != fan.first:
                total = total + fan(line)
        return total

    def fits(self, piece: int) -> bool:
        return self.straight[piece] and not any(fan.first == fan.second == piece for fan in self.fans)


def on_line(piece: Piece, x: Tensor) -> Tensor:
    """The points' feet on the straight line of a piece, ``(n, 2) -> (n, 2)``."""
    on, _ = piece.place(torch.full((1, piece.cube), 0.5, dtype=torch.float64))
    normal = piece.normal(on).to(x)
    return x - ((x - on.to(x)) * normal).sum(1, keepdim=True) * normal


def at_values(x: Tensor, held: dict[int, float]) -> Tensor:
    """The points with some coordinates replaced by numbers."""
    columns = [torch.full_like(x[:, i], held[i]) if i in held else x[:, i] for i in range(x.shape[1])]
    return torch.stack(columns, 1)
