"""Vertices lie where the normal of the boundary jumps."""

from __future__ import annotations

import math

import pytest
import torch

from sciml.corners.places import corners_of
from sciml.domains import Box, Disk, Interval, Polygon
from sciml.domains.vertices import vertices
from tests.sciml.domains.cases import DOMAINS


@pytest.mark.parametrize(
    "name", ["box", "star", "four holes", "cube", "keyhole", "nested", "refilled", "step"]
)
def test_vertices_lie_on_the_boundary_where_its_normal_jumps(name):
    domain = DOMAINS[name]
    x = vertices(domain)
    assert len(x) >= 4
    assert domain._depth(x).abs().max() < 1e-6 * domain._size
    touching = torch.stack([piece.gap(x) < 1e-6 * domain._size for piece in domain._pieces]).sum(0)
    assert touching.min() >= 2
    assert len(vertices(Disk([0, 0], 1))) == len(vertices(Interval(0, 1))) == 0
    assert len(vertices(Box([0, 0], [1, 1]) - Box([0.2, 0.2], [0.5, 0.5]))) == 8
    assert len(vertices(Disk([0, 0], 1) | Disk([1, 0], 1))) == 2


@pytest.mark.parametrize("half", [1.3, 0.4, 0.05, 0.01])
@pytest.mark.parametrize("turned", [0.0, 0.7])
def test_the_tip_of_a_notch_is_where_its_sides_meet(half, turned):
    """Looks to both sides of an edge end before the tip, the farther, the sharper it is."""
    turn = torch.tensor(
        [[math.cos(turned), -math.sin(turned)], [math.sin(turned), math.cos(turned)]], dtype=torch.float64
    )
    notch = (torch.tensor([[0.3, 0.1], [4.3, 0.1 - half], [4.3, 0.1 + half]], dtype=torch.float64)) @ turn.T
    domain = Disk([0, 0], 1) - Polygon(notch.tolist())
    x = vertices(domain)
    assert len(x) == 3
    assert float((x - notch[0]).norm(dim=1).min()) < 1e-12
    corners, odd = corners_of(domain)
    assert odd == []
    (tip,) = [c for c in corners if math.dist(c.at, notch[0].tolist()) < 1e-12]
    assert tip.angle == pytest.approx(2 * math.pi - 2 * math.atan(half / 4), abs=1e-9)


@pytest.mark.parametrize("center", [1.3, 1.02, 0.62, 0.605])
def test_circles_that_meet_at_a_small_angle_end_where_they_cross(center):
    domain = Disk([0, 0], 1) - Disk([center, 0], 0.4)
    x = (1 + center**2 - 0.16) / (2 * center)
    found = vertices(domain)
    assert len(found) == 2
    assert float((found[:, 0] - x).abs().max()) < 1e-12
    assert float((found.norm(dim=1) - 1).abs().max()) < 1e-12
