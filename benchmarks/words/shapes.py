"""Boundary values: waves, plates, elastic bodies, corners, layers, many dimensions."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

import sciml
from benchmarks.rows import corners, higher_order, layers
from benchmarks.rows.case import Case, closed_form
from benchmarks.trust_cases.equations import Layer
from benchmarks.words.case import Words, of_trial

DIM = 100


class SkewPolygon(corners.Skew):
    """``-Δu = 2xy`` on the unit square, which is given by its vertices."""

    domain = sciml.Polygon([(0, 0), (1, 0), (1, 1), (0, 1)])


class Many(sciml.PDE):
    """Poisson's equation in 100 dimensions."""

    domain = sciml.Box([0.0] * DIM, [1.0] * DIM)

    @property
    def conditions(self) -> Any:
        """The solution on all sides."""
        return (sciml.Dirichlet(self.exact),)

    def residual(self, u: Any, x: Tensor) -> Any:
        """The equation."""
        return -u.laplacian() + 2.0 - 0.09 * torch.sin(3 * x.mean(1, keepdim=True))

    def exact(self, x: Tensor) -> Tensor:
        """A paraboloid and a wave along the diagonal."""
        return (x**2).mean(1, keepdim=True) + torch.sin(3 * x.mean(1, keepdim=True))


def _skew() -> Any:
    return closed_form(SkewPolygon.domain, corners._skew)


def _row(cases: tuple[Case, ...], name: str) -> Any:
    return of_trial(next(case for case in cases if case.name == name).answer)


PROBLEMS = (
    Words(
        "helmholtz",
        "Helmholtz, k = 8π, a plane wave given on each of four sides",
        layers.PlaneWave,
        1.19,
        8.4e-7,
        _row(layers.CASES, "Helmholtz, k = 8π"),
    ),
    Words(
        "elasticity",
        "plane elasticity, the displacement given side by side",
        layers.Elastic,
        0.49,
        2.6e-9,
        _row(layers.CASES, "elasticity, four sides"),
    ),
    Words(
        "l-shape",
        "-Δu = 1 on an L, zero on its boundary",
        corners.LShape,
        0.64,
        0.025,
        _row(corners.CASES, "L-shape"),
        "integral",
    ),
    Words(
        "polygon",
        "-Δu = 2xy on a square that is given by its vertices",
        SkewPolygon,
        2.5e-4,
        3.5e-6,
        of_trial(_skew),
    ),
    Words(
        "plate",
        "a clamped plate under a load",
        lambda: higher_order.TWO,
        1.3e-6,
        1e-8,
        _row(higher_order.CASES, "clamped plate, two modes"),
    ),
    Words("poisson-100", "Poisson's equation in 100 dimensions", Many, None, 0.24),
    Words("layer", "-0.003 u'' + u' = 1 with zero ends", partial(Layer, 0.003), 0.97, 5e-8),
)
