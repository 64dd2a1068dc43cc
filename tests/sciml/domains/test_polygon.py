"""Polygons against winding numbers and the shoelace formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.func import grad, vmap

from sciml.domains import Polygon
from sciml.errors import ArgumentError


def winding(v, x):
    """Winding number by summing angles: independent of crossings and half-planes."""
    d = v[None] - x[:, None]
    a = np.arctan2(d[..., 1], d[..., 0])
    turn = np.roll(a, -1, 1) - a
    return np.round(((turn + np.pi) % (2 * np.pi) - np.pi).sum(1) / (2 * np.pi))


def untangled(points):
    """A closed path through the points, uncrossed by reversing stretches; None when it takes too long."""
    p = [np.array(q, float) for q in points]

    def side(a, b, c):
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    for _ in range(200):
        n = len(p)
        for i in range(n):
            for j in range(i + 2, n - (i == 0)):
                a, b, c, d = p[i], p[i + 1], p[j], p[(j + 1) % n]
                if side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b):
                    p[i + 1 : j + 1] = p[i + 1 : j + 1][::-1]
                    break
            else:
                continue
            break
        else:
            return np.array(p)
    return None


@settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=14, unique=True))
def test_any_simple_polygon(points):
    """On a small grid of integers, so that vertices share lines and sides are parallel."""
    v = untangled(points)
    assume(v is not None)
    try:
        polygon = Polygon(v)
    except ArgumentError:
        assume(False)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 6, (400, 2))
    inside = torch.from_numpy(winding(v, x) != 0)
    x = torch.from_numpy(x)
    assert torch.equal(polygon.contains(x), inside)
    assert torch.equal(polygon._level(x) > 0, inside)
    s = polygon.sample(64)
    assert (winding(v, s.numpy()) != 0).all()
    boundary = polygon.boundary()
    y = boundary.sample(64)
    assert boundary.distance(y).abs().max() < 1e-12
    slope = vmap(grad(lambda p: polygon._level(p)))(y)
    corner = torch.cdist(y, polygon.vertices).amin(1) < 1e-3
    assert torch.allclose(slope[~corner], -boundary.normal(y)[~corner], atol=1e-6)
    shoelace = 0.5 * abs(np.sum(v[:, 0] * np.roll(v[:, 1], -1) - v[:, 1] * np.roll(v[:, 0], -1)))
    assert polygon.measure == pytest.approx(shoelace)
