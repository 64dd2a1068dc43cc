"""Vertices lie where the normal of the boundary jumps."""

from __future__ import annotations

import pytest
import torch

from sciml.domains import Box, Disk, Interval
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
