"""What a distance is made of where two straight sides meet.

A factor of a trial function has to vanish like the solution there. At a vertex of interior angle ``w`` a harmonic
function that is zero on both sides begins with ``r^a cos(a psi)``, ``a = pi / w`` and ``psi`` the angle from the
bisector (Grisvard 1985, Elliptic Problems in Nonsmooth Domains, section 2.3). Up to a right angle the product of both
sides' distances is as good and a polynomial; beyond it, and most of all at a re-entrant vertex, where ``a < 1``, the
product (or an R-function) would leave to the network a factor that has no limit at the vertex.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

RIGHT = math.pi / 2 + 1e-9  # up to this angle the product of two levels will do
NEAR = 1e-3  # angle to a side below which a ratio of sines is a series


def _polar(one: Tensor, two: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Squared distance to the vertex, and the angle from the bisector, from the two sides' levels."""
    along = (one + two) / (2 * math.sin(angle / 2))
    across = (one - two) / (2 * math.cos(angle / 2))
    vertex = (along == 0) & (across == 0)  # atan2 has no derivative there
    return along**2 + across**2, torch.atan2(across, torch.where(vertex, torch.ones_like(along), along))


def wedge(one: Tensor, two: Tensor, angle: float) -> Tensor:
    """``r^a cos(a psi)``: harmonic, positive between two straight sides, zero on them.

    Args:
        one, two: Levels of the sides: signed distances to their lines, positive on the inner side.
        angle: Interior angle, above 0 and below 2 pi, not pi.
    """
    square, psi = _polar(one, two, angle)
    power = math.pi / angle
    return _power(square, power / 2) * torch.cos(power * psi)


def blunt(one: Tensor, two: Tensor, angle: float) -> Tensor:
    """``wedge / (one two)``: what makes a product right at an obtuse vertex; positive and analytic but there.

    Args:
        one, two: Levels of the sides, not negative in the domain.
        angle: Between a right angle and pi.
    """
    square, psi = _polar(one, two, angle)
    power = math.pi / angle
    near = angle / 2 - psi.abs()  # angle to the nearer side
    small = near.abs() < NEAR
    safe = torch.where(small, torch.ones_like(near), near)
    series = power * (1 - (power**2 - 1) * near**2 / 6)
    ratio = torch.where(small, series, torch.sin(power * safe) / torch.sin(safe))
    tiny = torch.finfo(square.dtype).tiny
    return square.clamp(min=tiny) ** (power / 2 - 1) * ratio / torch.sin(angle - near)


def _power(square: Tensor, exponent: float) -> Tensor:
    """``square^exponent``, with derivatives 0 instead of infinite at 0."""
    at_zero = square <= 0
    return torch.where(at_zero, torch.zeros_like(square), torch.where(at_zero, 1.0, square) ** exponent)
