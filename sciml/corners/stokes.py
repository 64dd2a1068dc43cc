"""Slow flow at a corner without slip: the powers of the radius that its velocity and pressure begin with.

Near a corner of angle ``w`` the stream function of a viscous flow is a sum of ``r^(a + 1) f(angle)`` whose values and
slopes vanish on both sides: ``sin(a w) = -a sin w`` for ``f`` even about the bisector, ``sin(a w) = a sin w`` for an odd
one (Dean and Montagnon 1949, Proc. Cambridge Philos. Soc. 45, 389; Moffatt 1964, J. Fluid Mech. 18, 1). The velocity goes
like ``r^a``, the pressure like ``r^(a - 1)``: at a re-entrant corner it has no bound. Complex powers come in pairs of one
real and one imaginary part.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sciml.corners.functions import Frame, power

SMOOTH = 2.0  # real parts from which on a velocity is smooth enough for a network
LEAST = 0.3  # below every power: that of a slit is 1/2
TALLEST = 1.6  # imaginary parts looked at
START = 0.1  # distance of the guesses from which roots are looked for
STEPS = 30
SAME = 1e-7  # roots that differ by less are one; the power 1 belongs to no flow
TIP = 1e-12  # of the reach: a pressure is that of this radius within it

Complex = tuple[Any, Any]  # real and imaginary part, tensors


def powers(angle: float) -> list[tuple[complex, bool]]:
    """The powers ``a`` of the velocity below ``SMOOTH``, each with whether its stream function is odd about the bisector.

    Args:
        angle: Interior angle of the corner, above 0 and at most 2 pi.
    """
    found: list[tuple[complex, bool]] = []
    for odd in (False, True):
        sign = -1.0 if odd else 1.0
        for i in range(int((SMOOTH - LEAST) / START) + 2):
            for k in range(int(TALLEST / START)):
                a = _root(complex(LEAST + i * START, k * START), angle, sign)
                if a is None or any(o == odd and abs(a - b) < SAME for b, o in found):
                    continue
                found.append((a, odd))
    return sorted(found, key=lambda one: (one[0].real, one[0].imag))


def _root(a: complex, angle: float, sign: float) -> complex | None:
    """The root of ``sin(a w) + sign a sin w`` near a guess by Newton's method; None where there is none to be used."""
    for _ in range(STEPS):
        slope = angle * cmath.cos(a * angle) + sign * math.sin(angle)
        if abs(slope) < 1e-12:
            return None
        step = (cmath.sin(a * angle) + sign * a * math.sin(angle)) / slope
        a -= step
        if abs(a) > 10:
            return None
    if abs(step) > 1e-12 or not LEAST < a.real < SMOOTH or a.imag < -SAME or abs(a - 1) < SAME:
        return None
    return complex(a.real, a.imag if a.imag > SAME else 0.0)


@dataclass(frozen=True)
class StokesPower:
    """Velocities and pressures of one power at a corner, for a viscosity of one.

    Attributes:
        frame: Orthogonal polar coordinates there.
        exponent: ``a``.
        odd: Whether the stream function is odd about the bisector.
        lines: Coefficients ``(a, b, c)`` of ``a x + b y + c``, one at the corner, on whose zeros the flow is to vanish.
    """

    frame: Frame
    exponent: complex
    odd: bool
    lines: tuple[tuple[float, float, float], ...] = ()

    @property
    def count(self) -> int:
        """Flows: of a complex power the real and the imaginary part."""
        return 2 if self.exponent.imag else 1

    def velocity(self, x: Tensor) -> Tensor:
        """The first flow's at points of space, ``(n, 2) -> (n, 2)``."""
        return self(x)[:, :2]

    def pressure(self, x: Tensor) -> Tensor:
        """The first flow's, in units of velocity over the frame's reach: ``(n, 2) -> (n, 1)``."""
        return self(x)[:, 2:3]

    def __call__(self, x: Tensor) -> Tensor:
        """Both components of the velocity and the pressure, flow by flow: ``(n, 2) -> (n, 3 count)``."""
        square, psi = self.frame.polar(x)
        a, (A, B) = self.exponent, self._weights
        size = _power(square, a)
        one, other = (_times(size, _wave(b, psi, not self.odd)) for b in (a, a - 2))
        two, last = (_times(size, _wave(b, psi, self.odd)) for b in (a, a - 2))
        sign = -1.0 if self.odd else 1.0
        # A weighs the harmonic part r^(a + 1) of the stream function, B that of r^2 r^(a - 1)
        p = _sum((sign * (B - A * (a + 1)), one), (-sign * a * B, other))
        q = _sum((-(A * (a + 1) + B), two), (-a * B, last))
        lowered = _power(square.clamp(min=TIP**2), a - 1)
        pressure = _scaled(-sign * 4 * a * B, _times(lowered, _wave(a - 1, psi, not self.odd)))
        (c, s), (d, e) = self.frame.along, self.frame.across
        columns = []
        for k in range(self.count):
            columns += [c * p[k] + d * q[k], s * p[k] + e * q[k], pressure[k]]
        return self.frame.faded(torch.stack(columns, 1) * self._share(x)[:, None], square)

    def _share(self, x: Tensor) -> Tensor:
        """One at the corner, zero on the lines; wide, since a network has to make up for what it leaves."""
        total = torch.ones_like(x[:, 0])
        for a, b, c in self.lines:
            t = a * x[:, 0] + b * x[:, 1] + c
            total = total * t * (0.5 + 0.5 * t**2) ** -0.5
        return total

    @property
    def _weights(self) -> tuple[complex, complex]:
        """Of both parts of the stream function: where values and slopes vanish on the sides, velocities about one."""
        h, a = self.frame.angle / 2, self.exponent
        wave, slope = (cmath.sin, cmath.cos) if self.odd else (cmath.cos, lambda z: -cmath.sin(z))
        rows = [
            [wave((a + 1) * h), wave((a - 1) * h)],
            [(a + 1) * slope((a + 1) * h), (a - 1) * slope((a - 1) * h)],
        ]
        _, _, vectors = torch.linalg.svd(torch.tensor(rows, dtype=torch.complex128))
        A, B = (complex(v) for v in vectors[1].conj())
        turn = abs(B) / B if abs(B) > abs(A) else abs(A) / A  # real for a real power
        size = abs(a + 1) * abs(A) + abs(a) * abs(B)
        return A * turn / size, B * turn / size


def _power(square: Tensor, a: complex) -> Complex:
    """``r^a``."""
    size = power(square, a.real / 2)
    if not a.imag:
        return size, 0.0
    turn = 0.5 * a.imag * square.clamp(min=TIP**2).log()
    return size * torch.cos(turn), size * torch.sin(turn)


def _wave(a: complex, psi: Tensor, sine: bool) -> Complex:
    """``sin(a psi)`` or ``cos(a psi)``."""
    c, s = torch.cos(a.real * psi), torch.sin(a.real * psi)
    if not a.imag:
        return (s if sine else c), 0.0
    up, down = torch.exp(a.imag * psi), torch.exp(-a.imag * psi)
    high, low = 0.5 * (up + down), 0.5 * (up - down)
    return (s * high, c * low) if sine else (c * high, -1.0 * s * low)


def _times(a: Complex, b: Complex) -> Complex:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _scaled(c: complex, a: Complex) -> Complex:
    return c.real * a[0] - c.imag * a[1], c.imag * a[0] + c.real * a[1]


def _sum(one: tuple[complex, Complex], two: tuple[complex, Complex]) -> Complex:
    """Of both products."""
    a, b = _scaled(*one), _scaled(*two)
    return a[0] + b[0], a[1] + b[1]
