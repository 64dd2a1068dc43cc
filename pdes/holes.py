"""A square with round holes, one value on its sides and another on the circles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from sciml.conditions import Dirichlet
from sciml.domains import Box, Disk, Domain
from sciml.problem import PDE


class SquareWithHoles(PDE):
    """Problems on ``[-half, half]²`` minus discs.

    Attributes:
        half: Half the length of a side.
        discs: Centre and radius of every hole, ``(x, y, r)``.
        outer: Value on the sides.
        inner: Value on the circles.
    """

    half: ClassVar[float]
    discs: ClassVar[Sequence[tuple[float, float, float]]]
    outer: ClassVar[float]
    inner: ClassVar[float]

    @cached_property
    def _shapes(self) -> tuple[Box, list[Disk]]:
        return Box([-self.half] * 2, [self.half] * 2), [Disk((x, y), r) for x, y, r in self.discs]

    @cached_property
    def domain(self) -> Domain:
        """The square minus the discs."""
        domain, discs = self._shapes
        for disc in discs:
            domain = domain - disc
        return domain

    @cached_property
    def conditions(self) -> list[Dirichlet]:
        """One value on the square's boundary, another on the circles."""
        square, discs = self._shapes
        return [
            Dirichlet(self.outer, on=square, name="outer"),
            Dirichlet(self.inner, on=discs, name="circles"),
        ]
