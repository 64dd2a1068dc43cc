"""Distances at corners: a bounded Laplacian at convex ones, the growth of a solution at re-entrant ones."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciml.domains import Box, Polygon
from sciml.domains.distances.corners import blunt, wedge
from sciml.domains.vertices import vertices
from tests.sciml.domains.cases import DOMAINS, FOUR

RE_ENTRANT = {
    "L": Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)]),
    "L turned": Polygon([(0, -1), (-1, -1), (-1, 1), (1, 1), (1, 0), (0, 0)]),
    "L by -": Box([-1, -1], [1, 1]) - Box([0, -1], [1, 0]),
    "L by |": Box([-1, -1], [0, 1]) | Box([-1, 0], [1, 1]),
    "L by &": Box([-1, -1], [1, 1]) & Polygon([(-2, -2), (0, -2), (0, 0), (2, 0), (2, 2), (-2, 2)]),
    "step": DOMAINS["step"],
    "square hole": Box([-1, -1], [1, 1]) - Box([-0.3, -0.2], [0.3, 0.4]),
}
CONVEX = {
    "square": Polygon([(0, 0), (1, 0), (1, 1), (0, 1)]),
    "triangle": Polygon([(0, 0), (1, 0.1), (0.3, 0.8)]),
    "hexagon": Polygon([(math.cos(math.pi * k / 3), math.sin(math.pi * k / 3)) for k in range(6)]),
    "bite": DOMAINS["bite"],
    "four holes": FOUR,
}


def laplacians(domain, at, radii=(1e-2, 1e-3, 1e-4)):
    """Root mean square of the distance's Laplacian next to a point, by difference quotients of its values."""
    out = []
    g = torch.Generator().manual_seed(3)
    for r in radii:
        a = 2 * math.pi * torch.rand(4000, generator=g, dtype=torch.float64)
        x = at + r * torch.stack([a.cos(), a.sin()], 1)
        x = x[domain._depth(x) > 0.2 * r]
        f, h = domain.boundary().distance, 1e-3 * r
        steps = h * torch.eye(2, dtype=torch.float64)
        total = sum(f(x + s) - 2 * f(x) + f(x - s) for s in steps) / h**2
        out.append(float(total.square().mean().sqrt()))
    return out


@pytest.mark.parametrize("name", CONVEX)
def test_laplacian_stays_bounded_at_convex_corners(name):
    domain = CONVEX[name]
    corners = vertices(domain)
    assert len(corners) >= 3
    for corner in corners:
        first, *_, last = laplacians(domain, corner)
        assert last < 2 * first + 1


@pytest.mark.parametrize("name", RE_ENTRANT)
def test_distance_at_a_re_entrant_corner_begins_like_the_solution(name):
    """As r^(2/3) sin(2 theta / 3), whose Laplacian is zero."""
    domain = RE_ENTRANT[name]
    at = torch.tensor(
        {"step": [2.0, 1.0], "square hole": [0.3, 0.4]}.get(name, [0.0, 0.0]), dtype=torch.float64
    )
    first, second, third = laplacians(domain, at)
    assert third < 3 * second < 9 * first + 9
    # the solid angle begins at the side that goes along the normal of the other
    base = {"step": -math.pi, "square hole": -math.pi / 2}.get(name, 0.0)
    theta = torch.linspace(0.1, 1.5 * math.pi - 0.1, 9, dtype=torch.float64)
    way = torch.stack([torch.cos(base + theta), torch.sin(base + theta)], 1)
    near = domain.boundary().distance(at + 1e-5 * way)[:, 0]
    ratio = near / torch.sin(2 * theta / 3)
    assert torch.allclose(ratio, ratio.mean().expand(9), rtol=1e-3)
    far = domain.boundary().distance(at + 8e-5 * way)[:, 0]
    assert torch.allclose(far / near, torch.full((9,), 4.0, dtype=torch.float64), rtol=1e-2)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.floats(1.7, 6.1).filter(lambda a: abs(a - math.pi) > 0.05), st.floats(0.1, 0.9), st.floats(0.01, 3))
def test_wedge_is_harmonic(angle, share, r):
    """Against r^a sin(a theta) in polar coordinates; ``blunt`` times both levels is the same."""
    theta = share * angle
    one, two = (torch.tensor([r * math.sin(t)], dtype=torch.float64) for t in (theta, angle - theta))
    power = math.pi / angle
    expected = r**power * math.sin(power * theta)
    assert float(wedge(one, two, angle)[0]) == pytest.approx(expected, rel=1e-9)
    if angle < math.pi:
        assert float((blunt(one, two, angle) * one * two)[0]) == pytest.approx(expected, rel=1e-9)
    for at_side in (0.0, angle):
        sides = (torch.tensor([r * math.sin(t)], dtype=torch.float64) for t in (at_side, angle - at_side))
        assert abs(float(wedge(*sides, angle)[0])) < 1e-13 * (1 + r**power)
