"""The functions of a corner that a network sees as inputs.

At a corner of interior angle ``w`` the solution of a second-order elliptic equation begins with ``r^a sin(a theta)`` or
``r^a cos(a theta)``, ``a = pi / w``, and ``a = pi / (2 w)`` where the kind of condition changes (Kondrat'ev 1967; Grisvard
1985, Elliptic Problems in Nonsmooth Domains, chapter 2). Further terms are powers and products of these with the
coordinates. A network that sees ``r^a cos(a theta)`` and ``r^a sin(a theta)`` beside them is a function of what the
solution is an analytic function of. At a right angle between two prescribed values it is ``r^2 log r`` that comes with a
source (section 2.4 there).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.corners.holes import Hole

if TYPE_CHECKING:
    from sciml.problem import PDE

NEAR = 1e-3  # angle around a removable singularity in which a series is used
LOG_UNIT = 0.3  # of the logarithm: an input of about one
# radius over the reach below which the logarithm is constant: a network that is not a factor of something that vanishes
# there, as a flow's pressure is not, would answer for an input at the tip that no point of its training comes near
LOG_FLOOR = 1e-4


@dataclass(frozen=True)
class Frame:
    """Polar coordinates at a corner, in which the equation's leading part is the Laplacian.

    Attributes:
        at: The corner.
        along, across: Rows of the map to coordinates in which the bisector is the first axis.
        angle: Interior angle there.
        reach: Length that counts as one.
        end: Radius from which on the functions are constant; None for nowhere. Behind a corner the angle jumps, and the
            domain may be there again.
    """

    at: tuple[float, float]
    along: tuple[float, float]
    across: tuple[float, float]
    angle: float
    reach: float
    end: float | None = None

    def polar(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``r^2 (n,)`` over ``reach^2``, and the angle from the bisector ``(n,)``, at points of space ``(n, 2)``."""
        dx, dy = x[:, 0] - self.at[0], x[:, 1] - self.at[1]
        p = (self.along[0] * dx + self.along[1] * dy) / self.reach
        q = (self.across[0] * dx + self.across[1] * dy) / self.reach
        tip = (p == 0) & (q == 0)  # atan2 has no derivative there
        return p**2 + q**2, torch.atan2(q, torch.where(tip, torch.ones_like(p), p))

    def faded(self, values: Tensor, square: Tensor) -> Tensor:
        """``values (n, k)``, brought to 0 with four derivatives at the radius ``end``."""
        if self.end is None:
            return values
        s = (square * (self.reach / self.end) ** 2).clamp(max=1.0)
        return values * ((1 - s) ** 5 * (1 + 5 * s + 15 * s**2))[:, None]


@dataclass(frozen=True)
class Powers:
    """``r^a cos(a theta)`` and ``r^a sin(a theta)``, ``theta`` from the first side."""

    frame: Frame
    exponent: float

    count = 2

    def __call__(self, x: Tensor) -> Tensor:
        square, psi = self.frame.polar(x)
        theta = self.exponent * (psi + self.frame.angle / 2)
        size = power(square, self.exponent / 2)
        return self.frame.faded(torch.stack([size * torch.cos(theta), size * torch.sin(theta)], 1), square)


@dataclass(frozen=True)
class Quotient:
    """Of ``r^a sin(a theta)`` and the product of the distances to both sides, the one that vanishes at the corner.

    It is what a factor that begins like the one leaves to a network where the solution has both. For angles below pi.
    """

    frame: Frame
    exponent: float

    count = 1

    def __call__(self, x: Tensor) -> Tensor:
        square, psi = self.frame.polar(x)
        half, a = self.frame.angle / 2, self.exponent
        psi = psi.clamp(-half, half)
        near = half - _magnitude(psi)  # angle to the nearer side
        small = near < NEAR
        safe = torch.where(small, torch.ones_like(near), near)
        series = a * (1 - (a**2 - 1) * near**2 / 6)
        ratio = torch.where(small, series, torch.sin(a * safe) / torch.sin(safe)) / torch.sin(2 * half - near)
        values = power(square, abs(a / 2 - 1)) * (ratio if a > 2 else 1 / ratio)
        return self.frame.faded(values[:, None], square)


@dataclass(frozen=True)
class Logarithm:
    """What a source makes at a right angle, ``r^2 log r`` and its angular part.

    The solution of ``-Laplace v = 1`` that is zero on both sides,
    ``v = -r^2 / 4 - (r^2 / pi) (log r cos 2 psi - psi sin 2 psi)``, ``psi`` from the bisector.

    Attributes:
        divided: By the product of the distances to both sides, of which it is the factor then.
    """

    frame: Frame
    divided: bool

    count = 1

    def __call__(self, x: Tensor) -> Tensor:
        square, psi = self.frame.polar(x)
        tiny = torch.finfo(square.dtype).tiny
        log = square.clamp(min=LOG_FLOOR**2 if self.divided else tiny).log()
        if not self.divided:
            bend = psi * torch.sin(2 * psi)
            v = -square / 4 - square / math.pi * (0.5 * log * torch.cos(2 * psi) - bend)
            return self.frame.faded(v[:, None] / LOG_UNIT, square)
        # with e = 2 |psi| - pi/2 the angular part is -(e cos e - pi/2 (1 - cos e)) / sin e
        e = 2 * _magnitude(psi) - math.pi / 2
        small = e.abs() < NEAR
        safe = torch.where(small, torch.ones_like(e), e)
        exact = -(safe * torch.cos(safe) - math.pi / 2 * (1 - torch.cos(safe))) / torch.sin(safe)
        series = -1 + math.pi / 4 * e + e**2 / 3 + math.pi / 48 * e**3 + e**4 / 45
        part = torch.where(small, series, exact)
        return self.frame.faded(((part - log) * LOG_UNIT)[:, None], square)


Function = Powers | Quotient | Logarithm | Hole


@dataclass(frozen=True)
class CornerInputs:
    """Inputs of a network besides the coordinates, ``(n, d) -> (n, k)``.

    Attributes:
        functions: Of the corners and the round holes.
        axes: Of space.
        notes: Which there are, and why there are none where one would expect some.
    """

    functions: tuple[Function, ...]
    axes: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """``k``."""
        return sum(function.count for function in self.functions)

    def __call__(self, x: Tensor) -> Tensor:
        y = x[:, list(self.axes)]
        return torch.cat([function(y) for function in self.functions], 1)


def _magnitude(psi: Tensor) -> Tensor:
    """``|psi|`` with the slope 1 at 0, where that of ``abs`` is 0: an even function keeps its second derivative there."""
    return torch.where(psi < 0, -psi, psi)


def power(square: Tensor, exponent: float) -> Tensor:
    """``square^exponent``, with derivatives 0 instead of infinite at 0."""
    at_zero = square <= 0
    return torch.where(at_zero, torch.zeros_like(square), torch.where(at_zero, 1.0, square) ** exponent)


def no_corners(problem: PDE) -> CornerInputs:
    """No functions."""
    return CornerInputs((), tuple(problem.domain.space_axes))
