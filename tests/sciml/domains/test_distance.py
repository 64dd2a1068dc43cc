"""Smooth distances and normals, against boundary samples and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.func import grad, hessian, jvp, vmap

from sciml.domains import Ball, Box, Disk, Interval, Polygon, TimeInterval
from sciml.domains.distances.corners import blunt, wedge
from sciml.domains.vertices import vertices
from sciml.errors import ArgumentError

STAR = [((1 if k % 2 else 0.4) * math.cos(math.pi * k / 5), math.sin(math.pi * k / 5)) for k in range(10)]
COMB = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 0), (3, 0), (3, 2), (0, 2)]
SPIRAL = [(0, 0), (5, 0), (5, 5), (1, 5), (1, 2), (3, 2), (3, 3), (2, 3), (2, 4), (4, 4), (4, 1), (0, 1)]
STAIRS = [(0, 1), (1, 1), (1, 0.5), (2, 0.5), (2, 1), (3, 1), (3, 0), (5, 0), (4, 3), (0, 3)]
SPLIT = [(0, 0), (1, 0), (2, 0), (2, 2), (1, 2), (0, 2), (0, 1)]  # vertices inside straight sides
SQUARE = Box([-0.5, -0.5], [0.5, 0.5])
FOUR = SQUARE
for corner in ((-0.3, -0.3), (-0.3, 0.3), (0.3, -0.3), (0.3, 0.3)):
    FOUR = FOUR - Disk(corner, 0.1)
CUBE = Box([0, 0, 0], [1, 1, 1]) - Ball([0.4, 0.3, 0.6], 0.2) - Ball([0.6, 0.7, 0.6], 0.2)
DOMAINS = {
    "interval": Interval(-2, 1),
    "box": Box([0, -1], [2, 3]),
    "box4": Box([0, 1, 2, 3], [2, 2, 4, 4]),
    "disk": Disk([1, 2], 0.3),
    "ball5": Ball([0] * 5, 2),
    "star": Polygon(STAR),
    "comb": Polygon(COMB[::-1]),
    "spiral": Polygon(SPIRAL),
    "split": Polygon(SPLIT),
    "stairs": Polygon(STAIRS),
    "four holes": FOUR,
    "cube": CUBE,
    "bite": Box([0, 0], [2, 2]) - Disk([2, 1], 0.5),
    "step": Box([0, 0], [4, 2]) - Box([0, 1], [2, 2]),
    "keyhole": Disk([0, 0], 1) | Box([0, -0.3], [2, 0.3]),
    "nested": ((Disk([0, 0], 1) | Disk([1, 0], 0.8)) - Disk([0.5, 0], 0.3)) & Box([-0.5, -0.5], [1.5, 0.7]),
    "island": Box([0, 0], [4, 4]) - (Disk([2, 2], 1.5) - Disk([2, 2], 0.5)),
    "refilled": (Box([0, 0], [4, 4]) - Disk([2, 2], 1)) | Polygon([(1.5, 1.5), (2.5, 1.5), (2, 4.5)]),
    "two intervals": Interval(0, 3) - Interval(1, 2),
    "time": TimeInterval(0, 5) * FOUR,
}
PARTS = [(name, part) for name, domain in DOMAINS.items() for part in (None, *domain.parts)]
PARTS += [("box", ["left", "y=max"]), ("comb", ["edge1", "edge4"]), ("step", ["x=2", "y=1"])]
PARTS += [("four holes", [Disk([0.3, 0.3], 0.1), "left"]), ("nested", Disk([1, 0], 0.8))]
PARTS += [("refilled", Box([0, 0], [4, 4]) - Disk([2, 2], 1)), ("island", Disk([2, 2], 0.5))]


def away_from_corners(boundary, y, step):
    """Points whose neighbourhood on the boundary is one smooth piece: the normal does not jump."""
    n = boundary.normal(y)
    calm = torch.ones(len(y), dtype=torch.bool)
    whole = boundary.domain.boundary()
    g = torch.Generator().manual_seed(0)
    for _ in range(8):
        d = torch.randn(y.shape, generator=g, dtype=y.dtype)
        d = d - (d * n).sum(1, keepdim=True) * n
        near = y + step * d / d.norm(dim=1, keepdim=True).clamp(min=1e-300)
        calm &= (whole.normal(near) * n).sum(1) > 0.99
    return calm


@pytest.mark.parametrize(("name", "part"), PARTS, ids=str)
def test_distance_is_zero_on_the_part_and_positive_elsewhere(name, part):
    domain = DOMAINS[name]
    boundary = domain.boundary(part)
    y = boundary.sample(150, seed=5)
    assert boundary.has_distance
    assert boundary.contains(y).all()
    assert boundary.distance(y).abs().max() < 1e-13
    x = domain.sample(2000)
    d = boundary.distance(x)
    assert d.shape == (2000, 1)
    assert d.min() > 0
    assert (1e-2 if domain.dim > 3 else 0.3) < d.max() < 1.3
    # not zero on the rest of the boundary either
    z = domain.boundary().sample(400, seed=6)
    off = z[~boundary.contains(z, 1e-3)]
    assert len(off) == 0 or boundary.distance(off).min() > 0


@pytest.mark.parametrize(("name", "part"), PARTS, ids=str)
def test_slope_on_the_boundary_and_the_normal(name, part):
    """The normal is -grad distance / |grad distance|, and the slope is of the order of 1 / size."""
    domain = DOMAINS[name]
    boundary = domain.boundary(part)
    y = boundary.sample(150, seed=7)
    normal = boundary.normal(y)
    assert torch.allclose(normal.norm(dim=1), torch.ones(len(y), dtype=y.dtype))
    if domain.time_axis is not None:
        assert normal[:, 0].abs().max() == 0
    slope = vmap(grad(lambda p: boundary.distance(p[None])[0, 0]))(y)
    calm = away_from_corners(boundary, y, 1e-3)
    assert calm.float().mean() > 0.9
    slope, normal = slope[calm], normal[calm]
    steep = slope.norm(dim=1)
    assert torch.allclose(-slope / steep[:, None], normal, atol=1e-9)
    size = float((domain.space.upper - domain.space.lower).min())
    a_product = name not in ("spiral", "stairs")  # its slope falls towards the corners
    assert steep.min() > (1e-5 if a_product else 0.1) / size
    assert steep.max() < 60 / size  # it grows like r^(a - 1), a > 1/2, towards a re-entrant corner


@pytest.mark.parametrize("name", DOMAINS)
def test_normal_points_out_of_the_domain(name):
    domain = DOMAINS[name]
    y = domain.boundary().sample(200, seed=8)
    n = domain.boundary().normal(y)
    size = float((domain.space.upper - domain.space.lower).max())
    calm = away_from_corners(domain.boundary(), y, 1e-4)
    y, n = y[calm], n[calm]
    assert domain.contains(y - 1e-6 * size * n).all()
    assert not domain.contains(y + 1e-6 * size * n).any()


@pytest.mark.parametrize(("name", "part"), PARTS, ids=str)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own, in forward mode
def test_two_derivatives(name, part):
    boundary = DOMAINS[name].boundary(part)
    x = DOMAINS[name].sample(12, seed=2)
    v = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)

    def one(p):
        return boundary.distance(p[None])[0, 0]

    first, second = vmap(grad(one))(x), vmap(hessian(one))(x)
    assert torch.isfinite(second).all()
    _, forward = jvp(boundary.distance, (x,), (v,))
    assert torch.allclose(forward[:, 0], (first * v).sum(1), atol=1e-11)
    h = 1e-5
    along = (boundary.distance(x + h * v) - boundary.distance(x - h * v)) / (2 * h)
    scale = 1 + second.abs().max()
    assert torch.allclose(along[:, 0], (first * v).sum(1), atol=float(1e-4 * scale))

    def slope(p):
        return (vmap(grad(one))(p) * v).sum(1)

    twice = (slope(x + h * v) - slope(x - h * v)) / (2 * h)
    exact = torch.einsum("ni,nij,nj->n", v, second, v)
    assert torch.allclose(twice, exact, rtol=1e-3, atol=float(1e-4 * scale))


@pytest.mark.parametrize("name", DOMAINS)
def test_sign_of_the_level_is_right_everywhere(name):
    space = DOMAINS[name].space
    g = torch.Generator().manual_seed(4)
    width = space.upper - space.lower
    x = (
        space.lower
        - 0.3 * width
        + 1.6 * width * torch.rand(5000, space.dim, generator=g, dtype=torch.float64)
    )
    assert torch.equal(space._level(x) > 0, space.contains(x))


@pytest.mark.parametrize("name", DOMAINS)
def test_single_precision_and_leading_shapes(name):
    domain = DOMAINS[name]
    x = domain.sample(24)
    boundary = domain.boundary()
    single = boundary.distance(x.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), boundary.distance(x), atol=3e-5)
    assert domain.contains(x.float()).dtype == torch.bool
    assert boundary.normal(x.float()).dtype == torch.float32
    shaped = boundary.distance(x.reshape(2, 3, 4, -1))
    assert torch.equal(shaped.reshape(24, 1), boundary.distance(x))
    assert boundary.normal(x.reshape(4, 6, -1)).shape == (4, 6, domain.dim)


@pytest.mark.parametrize("name", DOMAINS)
def test_everything_runs_on_the_device_of_the_points(name):
    """The meta device refuses to mix with the CPU, as a GPU does."""
    domain = DOMAINS[name]
    x = torch.empty(5, domain.dim, device="meta")
    for boundary in (domain.boundary(), domain.boundary(domain.parts[0])):
        assert boundary.distance(x).shape == (5, 1)
        for answer in (boundary.distance(x), boundary.normal(x), boundary.contains(x), domain.contains(x)):
            assert answer.device.type == "meta"


def test_closed_forms():
    x = torch.tensor([[0.3, 0.6], [0.1, 0.9]], dtype=torch.float64)
    box = Box([0, 0], [1, 2])
    whole = 4 * x[:, :1] * (1 - x[:, :1]) * x[:, 1:] * (2 - x[:, 1:])
    assert torch.allclose(box.boundary().distance(x), whole)
    assert torch.allclose(box.boundary(["left", "bottom"]).distance(x), x[:, :1] * x[:, 1:] / 2)
    disk = Disk([0, 1], 2)
    r2 = x[:, :1] ** 2 + (x[:, 1:] - 1) ** 2
    assert torch.allclose(disk.boundary().distance(x), 1 - r2 / 4)
    assert torch.isfinite(hessian(lambda p: disk.boundary().distance(p)[0])(disk.center)).all()
    domain = TimeInterval(-1, 3) * Interval(0, 1)
    assert torch.allclose(domain.initial().distance(x), (x[:, :1] + 1) / 4)
    assert torch.allclose(domain.final().distance(x), (3 - x[:, :1]) / 4)


def test_operands_that_only_touch_have_no_distance():
    seam = Box([0, 0], [1, 1]) | Box([1, 0], [2, 1])
    assert not seam.boundary().has_distance
    assert seam.contains(torch.tensor([[1.0, 0.5]])).all()
    assert seam.boundary().measure == pytest.approx(6)
    with pytest.raises(ArgumentError, match="no distance"):
        seam.boundary().distance(seam.sample(3))
    assert (Box([0, 0], [1.1, 1]) | Box([1, 0], [2, 1])).boundary().has_distance


def test_shared_boundary_is_counted_once():
    flush = Box([0, 0], [2, 1]) | Box([1, 0], [3, 1])  # bottoms and tops overlap
    assert flush.boundary().measure == pytest.approx(8, rel=1e-3)
    y = flush.boundary("y=0").sample(300)
    counts = np.histogram(y[:, 0].numpy(), 3, (0, 3))[0]
    assert counts.tolist() == pytest.approx([100, 100, 100], abs=3)
    inside = Box([0, 0], [2, 2]) & Box([0, 0], [1, 3])
    assert inside.boundary().measure == pytest.approx(6, rel=1e-3)
    outside = Box([0, 0], [1, 1]) - Box([1, 0], [2, 1])  # takes nothing away
    assert outside.boundary().measure == pytest.approx(4, rel=1e-3)


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


# ---- corners

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
