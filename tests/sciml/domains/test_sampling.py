"""Samples of domains and boundaries: where they lie, how many, and how evenly; grids and measures."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from sciml.domains import Ball, Box, Disk, Interval, PointCloud, Polygon, TimeInterval
from sciml.domains.sampling import Sobol, draw, share
from sciml.errors import ArgumentError

L_SHAPE = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
HOLES = Box([-1, -1], [1, 1]) - Disk([0.5, 0.5], 0.2) - Disk([-1, 0], 0.4)
# domain, volume, integral of |x|^2 over the spatial coordinates, all in closed form
LENS = 2 * math.acos(0.5) - math.sqrt(0.75)  # of two unit disks one apart
CASES = {
    "interval": (Interval(-1, 3), 4.0, 28 / 3),
    "box2": (Box([0, -1], [2, 1]), 4.0, 4 * (4 / 3 + 1 / 3)),
    "box10": (Box([0] * 10, [1] * 10), 1.0, 10 / 3),
    "disk": (Disk([1, 0], 0.5), math.pi / 4, math.pi / 4 * (1 + 0.125)),
    "ball1": (Ball([0.5], 0.5), 1.0, 1 / 3),
    "ball3": (Ball([0, 0, 0], 2), 32 * math.pi / 3, 4 * math.pi * 32 / 5),
    "ball10": (Ball([0] * 10, 1), math.pi**5 / 120, math.pi**5 / 120 * 10 / 12),
    "polygon": (Polygon(L_SHAPE[::-1]), 3.0, 4 * 8 / 3 - (1 * 7 / 3) * 2),
    "union": (Disk([0, 0], 1) | Disk([1, 0], 1), 2 * math.pi - LENS, None),
    "intersection": (Disk([0, 0], 1) & Disk([1, 0], 1), LENS, None),
    "difference": (Box([0, 0, 0], [1, 1, 1]) - Ball([0.5] * 3, 0.3), 1 - 0.036 * math.pi, None),
    "cylinder": (
        Disk([1, 0], 0.5) * Interval(-1, 1, "z"),
        math.pi / 2,
        math.pi / 2 * (1 + 0.125) + math.pi / 4 * 2 / 3,
    ),
    "prism": (Polygon(L_SHAPE) * Box([0, 0], [1, 2], names=("k", "m")), 6.0, None),
    "time": (TimeInterval(1, 3) * Interval(-1, 3), 8.0, 2 * 28 / 3),
    "timecsg": (TimeInterval(0, 2) * HOLES, 2 * (4 - 0.04 * math.pi - 0.08 * math.pi), None),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("n", [1, 7, 1000])
def test_sample_lies_strictly_inside(name, n):
    domain = CASES[name][0]
    x = domain.sample(n, seed=3)
    assert x.shape == (n, domain.dim)
    assert x.dtype == torch.float64
    assert domain.contains(x).all()
    assert (x > domain.lower).all()
    assert (x < domain.upper).all()
    if domain.time_axis is None:
        assert (domain.boundary().distance(x) > 0).all()
    assert torch.equal(x, domain.sample(n, seed=3))
    assert not torch.equal(x, domain.sample(n, seed=4))


@pytest.mark.parametrize("name", CASES)
def test_measure_and_moments_against_closed_forms(name):
    domain, volume, moment = CASES[name]
    assert domain.measure == pytest.approx(volume, rel=2e-3)
    if moment is not None:
        square = domain.sample(4096)[:, list(domain.space_axes)].square().sum(1)
        assert float(square.mean()) * volume == pytest.approx(moment, rel=3e-3)


@pytest.mark.parametrize("name", ["box2", "disk", "ball3", "polygon", "ball10"])
def test_samples_are_quasi_random(name):
    """The error of a mean falls faster than the square root of n allows."""
    domain, volume, moment = CASES[name]
    errors = [
        abs(float(domain.sample(8192, seed=s).square().sum(1).mean()) - moment / volume) for s in range(5)
    ]
    spread = float(domain.sample(8192).square().sum(1).std())
    assert max(errors) < 0.2 * spread / math.sqrt(8192)


def chi_square(counts, expected):
    return ((np.asarray(counts) - expected) ** 2 / expected).sum()


@pytest.mark.parametrize("name", ["disk", "ball3", "ball10"])
def test_ball_is_uniform_in_radius_and_direction(name):
    domain = CASES[name][0]
    x = (domain.sample(4000, seed=1) - domain.center) / domain.radius
    share_of_volume = x.norm(dim=1).pow(domain.dim).numpy()
    counts = np.histogram(share_of_volume, 20, (0, 1))[0]
    assert chi_square(counts, 200) < stats.chi2.ppf(0.95, 19)
    octants = (x[:, 0] > 0) * 4 + (x[:, 1] > 0) * 2 + (x[:, -1] > x[:, 0])
    by_angle = np.bincount(octants.numpy(), minlength=8)
    assert by_angle[[0, 4]].sum() + by_angle[[1, 5]].sum() == pytest.approx(2000, rel=0.05)


def test_polygon_is_uniform_in_area():
    polygon = Polygon([(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)])  # 7 unit squares
    cells = polygon.sample(7000).floor().long()
    counts = np.bincount((3 * cells[:, 0] + cells[:, 1]).numpy(), minlength=9)
    assert counts[4] == counts[5] == 0
    assert chi_square(np.delete(counts, [4, 5]), 1000) < stats.chi2.ppf(0.95, 6)


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_sphere_is_uniform(dim):
    x = Ball([0.0] * dim, 2).boundary().sample(2000)
    assert torch.allclose(x.norm(dim=1), torch.tensor(2.0, dtype=torch.float64), atol=1e-14)
    second = x.T @ x / len(x)
    assert torch.allclose(second, 4 / dim * torch.eye(dim, dtype=torch.float64), atol=0.05)
    assert x.mean(0).abs().max() < 0.02


def test_boundary_is_shared_by_length():
    box = Box([0, 0], [3, 1])
    y = box.boundary().sample(800)
    on = {p: int(box.boundary(p).contains(y).sum()) for p in box.parts}
    assert on == {"x=0": 100, "x=3": 100, "y=0": 300, "y=1": 300}
    polygon = Polygon([(0, 0), (4, 0), (0, 3)])
    edges = [int(polygon.boundary(p).contains(polygon.boundary().sample(120)).sum()) for p in polygon.parts]
    assert edges == [40, 50, 30]


def test_boundary_of_csg_keeps_what_is_left():
    bite = Disk([2, 1], 0.5)
    domain = Box([0, 0], [2, 2]) - bite
    assert domain.boundary("x=2").measure == pytest.approx(1, rel=1e-3)
    assert domain.boundary(bite).measure == pytest.approx(math.pi / 2, rel=1e-3)
    y = domain.boundary().sample(500)
    assert len(y) == 500
    on_arc = (((y - torch.tensor([2.0, 1.0])) ** 2).sum(1) - 0.25).abs() < 1e-12
    assert (y[on_arc, 0] <= 2).all()
    right = y[:, 0] == 2
    assert ((y[right, 1] - 1).abs() >= 0.5).all()
    length = 7 + math.pi / 2
    assert int(on_arc.sum()) == pytest.approx(500 * math.pi / 2 / length, abs=1)


def test_time_boundary_fills_time():
    domain = TimeInterval(1, 3) * Box([0, 0], [1, 1])
    y = domain.boundary("left").sample(1000)
    assert (y[:, 1] == 0).all()
    for column, a, b in ((0, 1, 3), (2, 0, 1)):
        assert chi_square(np.histogram(y[:, column].numpy(), 10, (a, b))[0], 100) < stats.chi2.ppf(0.95, 9)
    assert (domain.initial().sample(9)[:, 0] == 1).all()
    assert (domain.final().sample(9)[:, 0] == 3).all()
    assert domain.space.contains(domain.initial().sample(9)[:, 1:]).all()


@pytest.mark.parametrize("n", [1, 3, 4, 5, 11, 100])
@pytest.mark.parametrize("measures", [(1.0, 1.0, 1.0, 1.0), (1e-9, 1.0, 1.0, 5.0), (3.0, 1.0, 1e-3, 1e-3)])
def test_share(n, measures):
    counts = share(n, measures)
    assert sum(counts) == n
    assert min(counts) >= (n >= len(measures))
    exact = np.array(measures) / sum(measures) * n
    # no count is off by a whole point except to give each piece its one
    assert (np.abs(counts - exact) < 1 + len(measures) * (np.array(exact) < 1).any()).all()


def test_sobol_points_lie_in_the_middle_of_cells():
    """So that none is 0 or 1: scipy's own are whole multiples of 2^-30."""
    cells = torch.cat([Sobol(3, (0,)).draw(64), Sobol(3, (1, 2)).draw(64)]) * 2.0**30
    assert torch.equal(cells - cells.floor(), torch.full_like(cells, 0.5))


def test_points_of_an_interval_boundary():
    y = Interval(0, 1).boundary().sample(5)
    assert y[:, 0].tolist() == [0, 0, 0, 1, 1]
    y = (TimeInterval(0, 1) * Interval(0, 1)).boundary("x=1").sample(4)
    assert (y[:, 1] == 1).all()
    assert len(set(y[:, 0].tolist())) == 4


def test_point_cloud_uses_each_point_once():
    points = torch.arange(20.0).reshape(10, 2)
    cloud = PointCloud(points, boundary=[[0, 0], [18, 19]], normals=[[-2, 0], [0, 1]])
    x = cloud.sample(10)
    assert sorted(map(tuple, x.tolist())) == sorted(map(tuple, points.tolist()))
    assert set(map(tuple, cloud.sample(25).tolist())) == set(map(tuple, points.tolist()))
    y = cloud.boundary().sample(2)
    assert cloud.boundary().contains(y).all()
    normals = cloud.boundary().normal(torch.tensor([[0.1, 0.2], [17.0, 20.0]]))
    assert normals.tolist() == [[-1, 0], [0, 1]]
    moving = TimeInterval(0, 1) * cloud
    assert moving.sample(8).shape == (8, 3)
    assert moving.boundary().normal(moving.boundary().sample(3))[:, 0].abs().max() == 0
    assert not moving.boundary().has_distance
    assert moving.initial().distance(moving.sample(8)).min() > 0


def test_grid():
    domain = TimeInterval(0, 2) * Disk([0, 0], 1)
    points, mask, shape = domain.grid((3, 5, 5))
    assert shape == (3, 5, 5)
    assert points.shape == (75, 3)
    assert torch.equal(points[0], domain.lower)
    assert torch.equal(points[-1], domain.upper)
    assert torch.equal(mask, points[:, 1:].square().sum(1) <= 1)
    assert mask.sum() == 3 * 13
    assert Interval(0, 1).grid(4)[0].shape == (4, 1)


def test_empty_domains_say_so():
    with pytest.raises(ArgumentError, match=r"cannot sample.*is it empty"):
        (Box([0, 0], [1, 1]) - Box([-1, -1], [2, 2])).sample(5)
    with pytest.raises(ArgumentError, match="has no boundary"):
        (Box([0, 0], [1, 1]) - Box([-1, -1], [2, 2])).boundary()
    with pytest.raises(ArgumentError, match="bounding boxes do not"):
        Disk([0, 0], 1) & Disk([3, 0], 1)


@pytest.mark.parametrize("n", [1, 5, 100, 3000, 9001])
def test_points_that_are_remembered_are_those_of_the_sequence(n):
    """Also where rejection asks for more than the beginning, and where somebody changes what was drawn before."""

    def place(u):
        return u, u[:, 0] < 0.3

    sequence, kept, chunk = Sobol(2, [3, 1]), [], 1 << (n - 1).bit_length()
    while sum(map(len, kept)) < n:
        u = sequence.draw(chunk)
        kept.append(u[u[:, 0] < 0.3])
        chunk *= 2
    for _ in range(2):
        found = draw(2, n, [3, 1], place, "a strip")
        assert torch.equal(found, torch.cat(kept)[:n])
        found.zero_()
