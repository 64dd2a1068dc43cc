"""Corners of plane domains: places and interior angles, against geometry by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sciml import Box, Disk, Polygon
from sciml.corners.places import corners_of

L_SHAPE = Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
SQUARE = Box([0, 0], [1, 1])
PENTAGON = Polygon([(math.cos(2 * math.pi * k / 5), math.sin(2 * math.pi * k / 5)) for k in range(5)])


def angles(space, parts=()):
    found, odd = corners_of(space, parts)
    assert not odd
    return {(round(c.at[0], 6) + 0.0, round(c.at[1], 6) + 0.0): math.degrees(c.angle) for c in found}


def test_l_shape():
    found = angles(L_SHAPE)
    assert found.pop((0.0, 0.0)) == pytest.approx(270)
    assert len(found) == 5 and all(a == pytest.approx(90) for a in found.values())


def test_orientation_does_not_matter():
    turned = Polygon([tuple(v) for v in L_SHAPE.vertices.flip(0).tolist()])
    assert angles(turned) == pytest.approx(angles(L_SHAPE))


@pytest.mark.parametrize(
    ("space", "degrees"),
    [
        (SQUARE, [90] * 4),
        (PENTAGON, [108] * 5),
        (Polygon([(0, 0), (2, 0), (0.3, 0.7)]), [22.3801350519596, 66.8014094863519, 90.8184554616885]),
        (Disk((0, 0), 1.0), []),
        (SQUARE - Disk((0.5, 0.5), 0.2), [90] * 4),
        (SQUARE - Box([0.3, 0.3], [0.6, 0.6]), [90] * 4 + [270] * 4),
        # a disc cuts the corner off at right angles to the sides
        (SQUARE - Disk((0, 0), 0.5), [90] * 5),
        (Box([-1, -1], [1, 1]) - Box([0, -2], [2, 0]), [90] * 5 + [270]),
        # the circle's tangent at (1, 0) stands upright
        (Disk((0, 0), 1.0) - Box([0, -2], [2, 0]), [90, 90, 270]),
        # two discs of radius 1, a distance of 1 apart, meet at 240 degrees
        (Disk((0, 0), 1.0) | Disk((1, 0), 1.0), [240, 240]),
    ],
)
def test_angles(space, degrees):
    assert sorted(angles(space).values()) == pytest.approx(sorted(degrees), abs=1e-4)


def test_a_vertex_on_a_straight_side():
    assert angles(Polygon([(0, 0), (0.5, 0), (1, 0), (0, 1)]))[(0.5, 0.0)] == pytest.approx(180)


def test_ends_of_a_part_of_a_side():
    part = SQUARE.boundary(lambda x: (x[:, 1] == 0) & (x[:, 0] < 0.3))
    assert angles(SQUARE, part.pieces)[(0.3, 0.0)] == pytest.approx(180)


def test_the_domain_lies_between_the_sides():
    found, _ = corners_of(L_SHAPE)
    for corner in found:
        half = math.atan2(corner.first[1], corner.first[0]) + corner.angle / 2
        inside = torch.tensor([[corner.at[0] + 1e-3 * math.cos(half), corner.at[1] + 1e-3 * math.sin(half)]])
        assert bool(L_SHAPE.contains(inside.double())[0])
        assert L_SHAPE.boundary().contains(corner.on_sides(1e-3)).all()


def test_a_cusp_is_named():
    """Two discs of which one touches the other from inside."""
    found, odd = corners_of(Disk((0, 0), 1.0) - Disk((0.5, 0), 0.5))
    assert not found
    assert odd and all(math.dist(at, (1.0, 0.0)) < 0.01 for at in odd)
