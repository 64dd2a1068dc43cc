"""Smooth distances and normals, against boundary samples and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import grad, hessian, jvp, vmap

from sciml.domains import Box, Disk, Interval, TimeInterval
from sciml.errors import ArgumentError
from tests.sciml.domains.cases import DOMAINS

PARTS = [(name, part) for name, domain in DOMAINS.items() for part in (None, *domain.parts)]
PARTS += [("box", ["left", "y=max"]), ("comb", ["edge1", "edge4"]), ("step", ["x=2", "y=1"])]
PARTS += [("four holes", [Disk([0.3, 0.3], 0.1), "left"]), ("nested", Disk([1, 0], 0.8))]
PARTS += [("refilled", Box([0, 0], [4, 4]) - Disk([2, 2], 1)), ("island", Disk([2, 2], 0.5))]
PARTS += [("cylinder", Disk([0, 1], 1.5)), ("cylinder", ["circle", "z=max"]), ("pipe", Disk([0, 0], 0.4))]


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
