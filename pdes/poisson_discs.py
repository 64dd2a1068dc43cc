"""Laplace's equation on a square with four round holes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import ClassVar

import torch
from torch import Tensor

from sciml.field import Field
from sciml.pdes.holes import SquareWithHoles

CENTRE, RADIUS = 0.3, 0.1
POLES, POLYNOMIALS, CELLS = 24, 8, 1


@dataclass(frozen=True, repr=False)
class PoissonDiscs(SquareWithHoles):
    """``-Δu = f`` on ``[-½, ½]²`` minus discs of radius 0.1 at ``(±0.3, ±0.3)``.

    u is 1 on the outer boundary and 0 on the circles; the default f is 0. A first test of a domain that is no
    box (PINNacle's Poisson2D-Classic, arXiv 2306.08827).

    The exact solution is a series of poles in the holes, their mirror images, and polynomials, each harmonic.
    Its coefficients are fitted on the boundary, where its error is largest, by the maximum principle: below
    1e-13.
    """

    registry_name: ClassVar[str] = "poisson-discs"
    floor = 1e-13

    half = 0.5
    discs = tuple((x, y, RADIUS) for x, y in product((-CENTRE, CENTRE), repeat=2))
    outer, inner = 1.0, 0.0

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``-Δu - f``."""
        return -u.laplacian() - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``, computed in float64 whatever the dtype of x."""
        return (1 + _basis(x.double()) @ _coefficients().to(x.device)).to(x.dtype)


def _basis(x: Tensor) -> Tensor:
    """Harmonic functions with the square's symmetries, ``(n, 1 + POLES + POLYNOMIALS)``.

    Images with alternating signs make the pole terms nearly vanish on the sides, which leaves little for the
    polynomials.
    """
    z = torch.complex(x[:, 0], x[:, 1])
    poles: list[Tensor] = [torch.zeros_like(x[:, 0])] * (POLES + 1)
    for m, n in product(range(-CELLS, CELLS + 1), repeat=2):
        for p, q in product((-CENTRE, CENTRE), repeat=2):
            outwards = complex(p, q) / abs(complex(p, q))
            w = outwards * RADIUS / (z - complex(m + p, n + q))
            sign, power = (-1.0) ** (m + n), torch.ones_like(w)
            poles[0] = poles[0] + sign * w.abs().log()
            for k in range(1, POLES + 1):
                power = power * w
                poles[k] = poles[k] + sign * power.real
    powers = [torch.ones_like(z)]
    for _ in range(1, POLYNOMIALS):
        powers.append(powers[-1] * 4 * z**4)
    return torch.stack([*poles, *(power.real for power in powers)], dim=1)


@lru_cache(maxsize=1)
def _coefficients() -> Tensor:
    """Least squares on one side and one circle; the symmetries take care of the others."""
    angle = torch.linspace(0, math.pi, 400, dtype=torch.float64)
    side = torch.stack([torch.full_like(angle, 0.5), 0.5 * torch.cos(angle)], dim=1)
    circle = CENTRE + RADIUS * torch.stack([torch.cos(2 * angle), torch.sin(2 * angle)], dim=1)
    basis = _basis(torch.cat([side, circle]))
    scale = basis.abs().amax(dim=0)
    wanted = torch.cat([torch.zeros(400, 1), -torch.ones(400, 1)]).double()
    return torch.linalg.lstsq(basis / scale, wanted, driver="gelsd").solution / scale[:, None]
