"""Slow flow at a corner whose sides ask for velocities, or for slopes of velocities, that do not fit each other.

Near a corner a viscous flow has a stream function that satisfies the biharmonic equation. What contradicts itself at the
corner is a power of the radius there: ``r g(angle)`` for velocities that differ (Taylor 1962, the flow at a scraper) and
``r^2 g(angle)`` for slopes that no flow without sources has, as at a lid whose speed rises from a wall. The pressure of the
first is ``1/r``, that of the second ``log r``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.corners.functions import Frame, power
from sciml.corners.jumps import on_line
from sciml.domains.pieces import Piece

SOLVED = 1e-9  # of the data: what may be left of the conditions on both sides
TIP = 1e-12  # of the reach: a pressure is that of this radius within it


@dataclass(frozen=True)
class CornerFlow:
    """Velocity and pressure of a slow flow at one corner.

    Attributes:
        frame: Polar coordinates there.
        values: Velocities along both sides at the corner, ``((a, b), (a, b))``.
        slopes: Their derivatives along the sides, in units of the frame's reach.
        steep: Coefficients of the stream function over ``r``: ``cos t``, ``sin t``, ``t cos t``, ``t sin t``.
        mild: Coefficients over ``r^2``: ``1``, ``t``, ``cos 2t``, ``sin 2t``; ``t`` is the angle from the first side.
        sides: Pieces of the boundary that the sides lie on.
    """

    frame: Frame
    values: tuple[tuple[float, float], tuple[float, float]]
    slopes: tuple[tuple[float, float], tuple[float, float]]
    steep: tuple[float, float, float, float]
    mild: tuple[float, float, float, float]
    sides: tuple[int, int]

    def velocity(self, x: Tensor) -> Tensor:
        """At points of space, ``(n, 2) -> (n, 2)``, without source."""
        p, q, square, t = self._turned(x)
        a, b, c, d = self.steep
        e, f, g, h = self.mild
        along = q * (2 * e - 2 * g + 2 * f * t) + p * (f + 2 * h)
        across = -p * (2 * e + 2 * g + 2 * f * t) + q * (f - 2 * h)
        if any(self.steep):
            share = (c * p + d * q) / square.clamp(min=TIP**2)
            along, across = along + b + d * t + share * p, across - a - c * t + share * q
        one, two = self._axes
        turned = [one[0] * along + two[0] * across, one[1] * along + two[1] * across]
        return self.frame.faded(torch.stack(turned, 1), square)

    def pressure(self, x: Tensor) -> Tensor:
        """For a viscosity of one, in units of velocity over the frame's reach: ``(n, 2) -> (n, 1)``."""
        p, q, square, _ = self._turned(x)
        square = square.clamp(min=TIP**2)
        _, _, c, d = self.steep
        both = 2 * self.mild[1] * square.log() + 2 * (d * q + c * p) / square
        return self.frame.faded(both[:, None], square)

    def _turned(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Coordinates along the first side and across it over the reach, ``r^2``, and the angle from that side."""
        square, psi = self.frame.polar(x)
        dx, dy = ((x[:, i] - self.frame.at[i]) / self.frame.reach for i in (0, 1))
        one, two = self._axes
        return one[0] * dx + one[1] * dy, two[0] * dx + two[1] * dy, square, psi + self.frame.angle / 2

    @property
    def _axes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Unit vectors along the first side and across it."""
        c, s = math.cos(self.frame.angle / 2), math.sin(self.frame.angle / 2)
        (a, b), (d, e) = self.frame.along, self.frame.across
        return (c * a - s * d, c * b - s * e), (s * a + c * d, s * b + c * e)

    def on_side(self, k: int, x: Tensor) -> Tensor:
        """The velocity on the first or second side at points of its line, ``(n, 2) -> (n, 2)``; the limit at the corner."""
        square, _ = self.frame.polar(x)
        a, b = (_row(v[k], x) for v in (self.values, self.slopes))
        return self.frame.faded(a + power(square, 0.5)[:, None] * b, square)


def corner_flow(
    frame: Frame,
    values: tuple[tuple[float, float], tuple[float, float]],
    slopes: tuple[tuple[float, float], tuple[float, float]],
    sides: tuple[int, int],
) -> CornerFlow | None:
    """The flow with these velocities and slopes on the sides; None where no such flow has a stream function of this form.

    Args:
        frame: An orthogonal one.
        values, slopes, sides: As in ``CornerFlow``.
    """
    found = []
    first, second = CornerFlow(frame, values, slopes, (0, 0, 0, 0), (0, 0, 0, 0), sides)._axes
    for degree, data in enumerate((values, slopes)):
        rows, right = [], []
        for side, (a, b) in enumerate(data):
            t = side * frame.angle
            g, slope = _functions(t)[degree]
            p, q = first[0] * a + first[1] * b, second[0] * a + second[1] * b
            # along the radius and across it
            rows += [slope, [-(degree + 1) * v for v in g]]
            right += [math.cos(t) * p + math.sin(t) * q, math.cos(t) * q - math.sin(t) * p]
        matrix, given = (torch.tensor(v, dtype=torch.float64) for v in (rows, right))
        c = torch.linalg.lstsq(matrix, given, driver="gelsd").solution
        if float((matrix @ c - given).abs().max()) > SOLVED * float(given.abs().max()):
            return None
        found.append(tuple(c.tolist()))
    return CornerFlow(frame, values, slopes, found[0], found[1], sides)


def _functions(t: float) -> tuple[tuple[list[float], list[float]], tuple[list[float], list[float]]]:
    """The functions of the angle and their derivatives, of both powers of the radius."""
    c, s, c2, s2 = math.cos(t), math.sin(t), math.cos(2 * t), math.sin(2 * t)
    return ([c, s, t * c, t * s], [-s, c, c - t * s, s + t * c]), ([1, t, c2, s2], [0, 1, -2 * s2, 2 * c2])


def _row(coefficients: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(coefficients, dtype=like.dtype, device=like.device)


@dataclass(frozen=True)
class FlowJump:
    """One unknown's part of the flows at the corners of a domain.

    Attributes:
        flows: One a corner.
        component: 0 or 1 of the velocity, 2 for the pressure.
        viscosities: Factor of the pressure of each flow.
        pieces: Of the boundary.
        straight: Which of them are straight.
        note: For a user.
    """

    flows: tuple[CornerFlow, ...]
    component: int
    viscosities: tuple[float, ...]
    pieces: Sequence[Piece]
    straight: tuple[bool, ...]
    note: str

    def __call__(self, x: Tensor) -> Tensor:
        k = self.component
        if k == 2:
            parts = [mu * flow.pressure(x) for flow, mu in zip(self.flows, self.viscosities, strict=True)]
        else:
            parts = [flow.velocity(x)[:, k : k + 1] for flow in self.flows]
        return torch.stack(parts).sum(0)

    def on(self, piece: int, x: Tensor) -> Tensor:
        k, line = self.component, on_line(self.pieces[piece], x)
        total = torch.zeros_like(x[:, :1])
        for flow in self.flows:
            there = (
                flow.on_side(flow.sides.index(piece), line) if piece in flow.sides else flow.velocity(line)
            )
            total = total + there[:, k : k + 1]
        return total

    def fits(self, piece: int) -> bool:
        return (
            self.component < 2
            and self.straight[piece]
            and not any(a == b == piece for a, b in (f.sides for f in self.flows))
        )
