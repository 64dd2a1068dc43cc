"""Integrals over domains and sides against closed forms, with error figures that hold."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml.domains.quadrature.estimate import integral
from sciml.errors import ArgumentError

HALF, THIRD = math.pi / 2, 1 / 3
SQUARE = sciml.Box([0, 0], [2, 1])
L_SHAPE = sciml.Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
LENS = 2 * math.pi / 3 - math.sqrt(3) / 2  # two unit disks, one apart
DOMAINS = {  # name -> domain, area, length of the boundary
    "interval": (sciml.Interval(-1, 2), 3.0, 2.0),
    "square": (SQUARE, 2.0, 6.0),
    "box": (sciml.Box([0, 0, 0], [1, 2, 3]), 6.0, 22.0),
    "disk": (sciml.Disk([1, 2], 0.5), math.pi / 4, math.pi),
    "ball": (sciml.Ball([0, 0, 1], 2.0), 32 * math.pi / 3, 16 * math.pi),
    "L": (L_SHAPE, 3.0, 8.0),
    "hole": (SQUARE - sciml.Disk([0.7, 0.5], 0.25), 2 - math.pi / 16, 6 + HALF),
    "crescent": (sciml.Disk([0, 0], 1.0) - sciml.Disk([1, 0], 1.0), math.pi - LENS, 2 * math.pi),
    "lens": (sciml.Disk([0, 0], 1.0) & sciml.Disk([1, 0], 1.0), LENS, 4 * math.pi / 3),
    "boxes": (sciml.Box([0, 0], [1, 1]) | sciml.Box([0.5, 0.5], [2, 2]), 3.0, 8.0),
    "notch": (SQUARE - sciml.Disk([1, 0], 0.3), 2 - 0.045 * math.pi, 5.4 + 0.3 * math.pi),
    "triangle": (sciml.Polygon([(0, 0), (2, 0), (0, 2)]) - SQUARE, 0.5, 2 + math.sqrt(2)),
    "cylinder": (
        sciml.Disk([1, 2], 0.5) * sciml.Interval(0, 2, "z"),
        math.pi / 2,
        2 * math.pi + math.pi / 2,
    ),
    "prism": (
        sciml.Interval(0, 2, "z") * sciml.Polygon([(0, 0), (0.6, 0), (0, 0.8)]),
        0.48,
        5.28,
    ),
    "gap": (sciml.Interval(0, 1) - sciml.Interval(0.25, 0.5), 0.75, 4.0),
}


def one(x, normal):
    return torch.ones(len(x), dtype=torch.float64)


@pytest.mark.parametrize("name", DOMAINS)
def test_measures(name):
    domain, area, length = DOMAINS[name]
    for found, truth in ((integral(domain, one), area), (integral(domain, one, inside=False), length)):
        assert abs(found.value - truth) <= found.error
        assert found.error <= 2e-9 * truth


@pytest.mark.parametrize("name", [n for n in DOMAINS if n not in ("interval", "gap")])
def test_gauss_theorem(name):
    """The divergence inside is the flux through all sides."""
    domain = DOMAINS[name][0]

    def vector(x):
        return torch.stack([torch.exp(0.3 * x.sum(1)) * torch.cos(x[:, k]) for k in range(x.shape[1])], 1)

    def divergence(x, normal):
        return sum(
            torch.exp(0.3 * x.sum(1)) * (0.3 * torch.cos(x[:, k]) - torch.sin(x[:, k]))
            for k in range(x.shape[1])
        )

    volume = integral(domain, divergence)
    surface = integral(domain, lambda x, normal: (vector(x) * normal).sum(1), inside=False)
    assert abs(volume.value - surface.value) <= volume.error + surface.error
    assert volume.error + surface.error < 1e-6


def test_powers_of_the_distance_to_a_vertex():
    radius = integral(L_SHAPE, lambda x, _: torch.linalg.vector_norm(x, dim=1) ** (2 / 3))
    # in polar coordinates: six right triangles with the vertex as their tip
    angle = torch.linspace(0, math.pi / 4, 200_001, dtype=torch.float64)
    truth = 6 * float(torch.trapezoid(torch.cos(angle) ** (-8 / 3), angle)) * 3 / 8
    assert abs(radius.value - truth) <= max(radius.error, 1e-9)
    assert radius.error < 1e-7
    edge = integral(
        L_SHAPE, lambda x, _: torch.linalg.vector_norm(x, dim=1) ** (-1 / 3), on="edge1", inside=False
    )
    assert abs(edge.value - 1.5) <= edge.error < 1e-6


@pytest.mark.parametrize("dim", [3, 7])
def test_what_has_no_rule_has_honest_points(dim):
    box = sciml.Box([0] * dim, [1] * dim)
    domain = box - sciml.Ball([0.5] * dim, 0.3) if dim == 3 else box
    truth = dim / 3 if dim > 3 else 1.0 - 4 / 3 * math.pi * 0.027 * (0.75 + 3 * 0.09 / 5)
    found = integral(domain, lambda x, _: x.square().sum(1))
    assert abs(found.value - truth) <= 1.5 * found.error  # an interval of 95 %
    assert 0 < found.error < 2e-3


def test_time_is_integrated_or_fixed():
    domain = sciml.TimeInterval(1, 3) * DOMAINS["hole"][0]
    area = DOMAINS["hole"][1]
    assert integral(domain, lambda x, _: x[:, 0]).value == pytest.approx(4 * area, rel=1e-9)
    assert integral(domain, lambda x, _: x[:, 0], time=2.0).value == pytest.approx(2 * area, rel=1e-9)
    assert integral(domain, one, until=1.5).value == pytest.approx(0.5 * area, rel=1e-9)
    through = integral(domain, lambda x, n: n[:, 1] * x[:, 1] + 5 * n[:, 0], on="circle", inside=False)
    assert through.value == pytest.approx(-2 * math.pi / 16, rel=1e-9)
    assert integral(sciml.TimeInterval(0, 2), lambda x, _: x[:, 0]).value == pytest.approx(2.0)


def test_parts_of_a_boundary():
    assert integral(SQUARE, lambda x, _: x[:, 1], on="x=2", inside=False).value == pytest.approx(0.5)
    half = integral(SQUARE, one, on=lambda x: x[:, 0] > 1.5, inside=False)
    assert half.value == pytest.approx(2.0, abs=1e-9)
    assert integral(SQUARE, one, on=["left", "right"], inside=False).value == pytest.approx(2.0)


def test_what_is_refused():
    with pytest.raises(ArgumentError, match="on needs a part of the boundary"):
        integral(SQUARE, one, on="x=7", inside=False)
    with pytest.raises(ArgumentError, match=r"f needs a finite number at every point, got none at \["):
        integral(SQUARE, lambda x, _: torch.log(x[:, 0] - 1.0))
    with pytest.raises(ArgumentError, match="integrals need a domain with an inside"):
        integral(sciml.PointCloud(torch.rand(9, 2)), one)
    with pytest.raises(ArgumentError, match="on needs a domain in space"):
        integral(sciml.TimeInterval(0, 1), one, inside=False)
    with pytest.raises(
        ArgumentError, match="on needs the name of a side for a problem in time, got a function"
    ):
        integral(sciml.TimeInterval(0, 1) * SQUARE, one, on=lambda x: x[:, 0] > 0, inside=False)
