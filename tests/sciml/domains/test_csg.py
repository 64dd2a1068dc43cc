"""Laws of sets, and points near boundaries, for random CSG trees."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciml.domains import Ball, Box, Disk, Domain, Interval, Polygon
from sciml.errors import ArgumentError

COORDINATE = st.integers(-4, 4).map(lambda k: k / 2)
SIZE = st.integers(1, 6).map(lambda k: k / 2)


@st.composite
def leaf(draw):
    kind, x, y, s, t = draw(st.integers(0, 2)), *(draw(c) for c in (COORDINATE, COORDINATE, SIZE, SIZE))
    if kind == 0:
        return Box([x, y], [x + s, y + t])
    if kind == 1:
        return Disk([x, y], s)
    return Polygon([(x, y), (x + s, y), (x + s / 3, y + t / 3), (x, y + t)])


def combined(children):
    def tree(draw_of):
        a, b, sign = draw_of
        try:
            return a - b if sign == "-" else a | b if sign == "|" else a & b
        except ArgumentError:  # an intersection of things apart
            return a | b

    return st.tuples(children, children, st.sampled_from("-|&")).map(tree)


TREE = st.recursive(leaf(), combined, max_leaves=5)


def points(seed=0):
    g = torch.Generator().manual_seed(seed)
    random = 12 * torch.rand(300, 2, generator=g, dtype=torch.float64) - 5
    grid = torch.cartesian_prod(torch.arange(-10, 11) / 2, torch.arange(-10, 11) / 2).double()
    return torch.cat([random, grid])  # the grid hits corners and edges


@settings(max_examples=40, deadline=None, derandomize=True)
@given(TREE, TREE)
def test_set_laws(a, b):
    x = points()
    in_a, in_b = a.contains(x), b.contains(x)
    off = (a._depth(x).abs() > 1e-9) & (
        b._depth(x).abs() > 1e-9
    )  # on a boundary closed sets may share points
    assert torch.equal((a | b).contains(x)[off], (in_a | in_b)[off])
    assert torch.equal((a - b).contains(x)[off], (in_a & ~in_b)[off])
    assert not ((a - b).contains(x) & ~in_a).any()
    try:
        both = a & b
    except ArgumentError:
        assert not (in_a & in_b)[off].any()
    else:
        assert torch.equal(both.contains(x)[off], (in_a & in_b)[off])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(TREE, TREE, TREE)
def test_de_morgan(a, b, c):
    """``a - (b | c) = (a - b) & (a - c)``, down to the depth of every point."""
    x = points(1)
    assert torch.equal((a - (b | c))._depth(x), ((a - b) & (a - c))._depth(x))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(TREE, st.integers(0, 5))
def test_boundary_separates_inside_from_outside(domain: Domain, seed):
    try:
        x = domain.sample(64, seed)
    except ArgumentError:
        return
    assert domain.contains(x).all()
    boundary = domain.boundary()
    y = boundary.sample(64, seed)
    n = boundary.normal(y)
    step = 1e-5
    fine = boundary.normal(y + step * torch.stack([-n[:, 1], n[:, 0]], 1)).eq(n).all(1) | (
        (boundary.normal(y + step * torch.stack([-n[:, 1], n[:, 0]], 1)) * n).sum(1) > 0.99
    )
    inner, outer = domain.contains(y - 1e-7 * n), domain.contains(y + 1e-7 * n)
    # a sample may lie within the step of a corner by chance
    assert (inner & ~outer)[fine].float().mean() > 0.95
    assert boundary.contains(y).all()
    if boundary.has_distance:
        assert boundary.distance(y).abs().max() < 1e-9
        assert boundary.distance(x).min() > 0
        z = points(2)
        away = domain._depth(z).abs() > 1e-9
        assert torch.equal((domain._level(z) > 0)[away], domain.contains(z)[away])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(TREE)
def test_parts_make_up_the_whole(domain):
    try:
        whole = domain.boundary()
    except ArgumentError:
        return
    parts = [domain.boundary(p) for p in domain.parts]
    assert sum(p.measure for p in parts) == pytest.approx(whole.measure)
    y = whole.sample(50)
    assert torch.stack([p.contains(y) for p in parts]).any(0).all()
    if not whole.has_distance:
        return
    for part in parts:
        z = part.sample(20)
        assert part.distance(z).abs().max() < 1e-9
        x = domain.sample(100)
        assert part.distance(x).min() > 0


@pytest.mark.parametrize(("scale", "shift"), [(1e-5, 0.0), (1e5, -3e5), (1.0, 1e5), (2e-3, 10.0)])
def test_size_and_place_do_not_matter(scale, shift):
    """Scaled and moved, a domain has the same boundary, normals and distance."""

    def build(s, m):
        moved = Box([m, m], [4 * s + m, 4 * s + m]) - Disk([2 * s + m, 4 * s + m], s)
        return moved | Polygon([(m + 3 * s, m + s), (m + 6 * s, m + 2 * s), (m + 3 * s, m + 3 * s)])

    here, there = build(1.0, 0.0), build(scale, shift)
    assert len(here.parts) == len(there.parts)
    for p, q in zip((None, *here.parts), (None, *there.parts), strict=True):
        a, b = here.boundary(p), there.boundary(q)
        y = a.sample(40, seed=1)
        z = y * scale + shift
        rounding = 1e-12 + 1e-15 * abs(shift) / scale
        assert torch.allclose(b.sample(40, seed=1), z, atol=10 * rounding * scale)
        assert b.contains(z).all()
        assert torch.allclose(b.normal(z), a.normal(y), atol=10 * rounding)
        x = here.sample(50)
        assert torch.allclose(b.distance(x * scale + shift), a.distance(x), atol=100 * rounding)


def test_nesting_in_one_and_four_dimensions():
    line = (Interval(0, 1) | Interval(2, 3)) - Interval(0.25, 0.5)
    assert line.measure == pytest.approx(1.75, rel=1e-3)
    assert line.parts == ("x=0", "x=1", "x=2", "x=3", "x=0.25", "x=0.5")
    normals = {p: line.boundary(p).normal(line.boundary(p).sample(1)).item() for p in line.parts}
    assert normals == {"x=0": -1, "x=1": 1, "x=2": -1, "x=3": 1, "x=0.25": 1, "x=0.5": -1}
    solid = Box([0] * 4, [1] * 4) - Ball([0.5] * 4, 0.4) & Ball([0.5] * 4, 0.7)
    x = solid.sample(500)
    r = (x - 0.5).norm(dim=1)
    assert ((r > 0.4) & (r < 0.7)).all()
    y = solid.boundary("sphere").sample(300)
    r = (y - 0.5).norm(dim=1)
    assert (((r - 0.4).abs() < 1e-12) | ((r - 0.7).abs() < 1e-12)).all()
    assert ((y >= 0) & (y <= 1)).all()


def test_an_operand_that_occurs_twice_is_one_part():
    disk = Disk([0, 0], 1)
    domain = (disk - Disk([0, 0], 0.5)) | (disk & Box([-2, 0], [2, 2]))
    y = domain.boundary(disk).sample(200)
    assert torch.allclose(y.norm(dim=1), torch.ones(200, dtype=torch.float64))
    assert domain.boundary(disk).measure == pytest.approx(2 * torch.pi, rel=2e-3)
