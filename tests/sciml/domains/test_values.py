"""Domains as values: names, parts, equality, configurations, and refusals of bad arguments."""

from __future__ import annotations

import copy
import json
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from sciml.domains import Ball, Box, Disk, Domain, Interval, PointCloud, Polygon, Product, TimeInterval
from sciml.errors import ArgumentError, ArgumentTypeError, SciMLError
from tests.cases import ROOT

BOX = Box([0, 0], [1, 2])
TRIANGLE = [(0, 0), (1, 0), (0, 1)]
ALL = [
    Interval(0, 1, "s"),
    BOX,
    Box([0, 0, 0, 0], [1, 1, 1, 1]),
    Ball([0.1] * 5, 2),
    Disk([0, 1 / 3], 0.1, names=("r", "z")),
    Polygon(TRIANGLE),
    TimeInterval(0, 1),
    TimeInterval(0, 1) * BOX,
    PointCloud([[0.0, 1.0], [2.0, 3.0]], [[0, 0]], [[3, 4]]),
    TimeInterval(0, 1) * PointCloud([[0.5], [0.7]]),
    BOX - Disk([0, 0], 0.5),
    Disk([0, 0], 0.5) * Interval(0, 1, "z"),
    TimeInterval(0, 1) * (BOX - Disk([0, 0], 0.5)) * Ball([0], 1, names=("k",)),
    (BOX | Polygon(TRIANGLE)) & (Disk([0, 0], 0.5) - Disk([0, 0], 0.1)),
    TimeInterval(0, 1, "tau") * (BOX - Disk([0, 0], 0.5)),
]


@pytest.mark.parametrize("domain", ALL, ids=lambda d: str(d)[:40])
def test_round_trips(domain):
    config = json.loads(json.dumps(domain.to_config()))
    for other in (Domain.from_config(config), copy.deepcopy(domain), pickle.loads(pickle.dumps(domain))):
        assert other == domain
        assert hash(other) == hash(domain)
        assert repr(other) == repr(domain)
        assert torch.equal(other.sample(5), domain.sample(5))
    assert len({*ALL, domain}) == len(ALL)


@pytest.mark.parametrize("domain", [d for d in ALL if "PointCloud" not in str(d)], ids=lambda d: str(d)[:40])
def test_repr_is_python(domain):
    names = {c.__name__: c for c in (Ball, Box, Disk, Interval, Polygon, TimeInterval)}
    rebuilt = eval(repr(domain), names)
    assert rebuilt.names == domain.names
    assert torch.allclose(rebuilt.sample(5), domain.sample(5), atol=1e-10)


def test_immutable():
    with pytest.raises(AttributeError, match="immutable"):
        BOX.names = ("a", "b")
    BOX.lower.fill_(7)
    assert BOX.lower.tolist() == [0, 0]


def test_names_and_axes():
    assert Box([0] * 3, [1] * 3).names == ("x", "y", "z")
    assert Ball([0] * 4, 1).names == ("x1", "x2", "x3", "x4")
    domain = TimeInterval(0, 2) * BOX
    assert domain.names == ("t", "x", "y")
    assert (domain.dim, domain.time_axis, domain.space_axes) == (3, 0, (1, 2))
    assert (BOX.time_axis, BOX.space_axes, BOX.space) == (None, (0, 1), BOX)
    assert domain.space == BOX
    assert domain.upper.tolist() == [2, 1, 2]
    assert domain.upper.dtype == torch.float64


@pytest.mark.parametrize(
    ("on", "axis", "value"),
    [
        ("x=0", 0, 0),
        ("x=1.0", 0, 1),
        (" x = 1 ", 0, 1),
        ("y=2", 1, 2),
        ("y=1.999999999", 1, 2),
        ("y=max", 1, 2),
        ("x=min", 0, 0),
        ("left", 0, 0),
        ("right", 0, 1),
        ("bottom", 1, 0),
        ("top", 1, 2),
    ],
)
def test_faces_by_name(on, axis, value):
    for domain, shift in ((BOX, 0), (TimeInterval(0, 1) * BOX, 1), (BOX - Disk([0.5, 1], 0.2), 0)):
        y = domain.boundary(on).sample(6)
        assert (y[:, axis + shift] == value).all()


def test_parts_are_found_by_their_names():
    third = Box([1 / 3], [2 / 3])
    assert third.parts == ("x=0.333333333333", "x=0.666666666667")
    assert third.boundary("x=0.333333").sample(1).item() == 1 / 3
    shared = BOX - Disk([0, 0], 0.5) - Disk([1, 2], 0.25)
    assert shared.parts == ("x=0", "x=1", "y=0", "y=2", "circle")
    holes = shared.boundary("circle")
    assert holes.measure == pytest.approx(math.pi * 0.75 / 2, rel=1e-3)
    assert shared.boundary(Disk([1, 2], 0.25)).measure == pytest.approx(math.pi / 8, rel=1e-3)


def test_masks_and_lists():
    domain = TimeInterval(0, 1) * BOX
    low = domain.boundary(lambda x: x[:, 2] < 0.5)
    assert not low.has_distance
    y = low.sample(200)
    assert (y[:, 2] < 0.5).all()
    assert low.contains(y).all()
    assert low.measure == pytest.approx(2, rel=1e-3)
    with pytest.raises(ArgumentError, match="no distance"):
        low.distance(y)
    mixed = domain.boundary(["top", lambda x: x[:, 2] < 0.5, "y=max"])
    assert mixed.measure == pytest.approx(3, rel=1e-3)
    whole = domain.boundary(["left", "right", ("bottom", "top")])
    assert torch.equal(whole.distance(y), domain.boundary().distance(y))
    with pytest.raises(ArgumentError, match="has no boundary that on"):
        domain.boundary(lambda x: x[:, 2] > 9)
    with pytest.raises(ArgumentError, match="mask that returns"):
        domain.boundary(lambda x: x[:1, 2] > 0)


@pytest.mark.parametrize("dim", [1, 3, 17])
@pytest.mark.parametrize("timed", [False, True])
def test_points_are_on_the_faces_of_a_box_that_were_chosen(dim, timed):
    box = Box([-0.5] * dim, [1.0 + 0.1 * k for k in range(dim)])
    domain = TimeInterval(0.25, 1) * box if timed else box
    chosen = [domain.parts[k] for k in range(0, 2 * dim, 3)]
    x = torch.cat([domain.boundary().sample(12 * dim, seed=3), domain.sample(30, seed=4)])
    shifted = x + 1e-3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(5), dtype=x.dtype)
    x = torch.cat([x, shifted, x.roll(1, 1), torch.full_like(x[:1], torch.nan)])
    for tol in (1e-6, 2e-3):
        for part in (domain.boundary(), domain.boundary(chosen)):
            size = tol * float((domain.upper - domain.lower).max()) + 1e-12
            expected = torch.stack([piece.on(x, size) for piece in part.pieces]).any(0)
            assert expected.any() and not expected.all()
            assert torch.equal(part.contains(x, tol), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interval(1, 1), r"b needs a number above a = 1.0, got 1.0"),
        (lambda: Interval(0, math.inf), "b needs a finite number"),
        (lambda: Interval(0, 10**400), "b needs a finite number"),
        (lambda: Interval(0, 1, name=""), "name needs"),
        (lambda: Interval(0, 1, name="x=1"), "name needs"),
        (lambda: Box([0, 0], [1]), "upper needs 2 numbers, got 1"),
        (lambda: Box([0, 2], [1, 2]), r"upper\[1\] needs a number above lower\[1\]"),
        (lambda: Box([0, math.nan], [1, 2]), r"lower\[1\] needs a finite number"),
        (lambda: Box([-1e308], [1e308]), "finite"),
        (lambda: Box([], []), "lower needs at least one"),
        (lambda: Box([0, 0], [1, 1], names=("x", "x")), "names needs 2 different"),
        (lambda: Box([0, 0], [1, 1], names=("x",)), "names needs 2 different"),
        (lambda: Ball([0, 0], 0), "radius needs a number above 0, got 0.0"),
        (lambda: Disk([0, 0, 0], 1), "center needs 2 numbers, got 3"),
        (lambda: Polygon([(0, 0), (1, 1)]), "at least 3 points"),
        (lambda: Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "edge0 and edge2 meet"),
        (lambda: Polygon([(0, 0), (2, 0), (1, 0)]), "meet elsewhere"),
        (lambda: Polygon([(0, 0), (2, 0), (2, 2), (1, 0), (0, 2)]), "meet elsewhere"),
        (lambda: Polygon([(0, 0), (2, 0), (2, 0), (0, 2)]), "same point twice"),
        (lambda: Polygon([(0, 0, 0), (1, 0, 0), (0, 1, 0)]), "points with 2 coordinates, got 3"),
        (lambda: Polygon([(0, 0), (1, 0), (0, math.inf)]), "finite"),
        (lambda: TimeInterval(1, 0), "t1 needs a number above t0"),
        (lambda: TimeInterval(0, 1) * (TimeInterval(0, 1, "s") * BOX), "space needs a domain without time"),
        (lambda: TimeInterval(0, 1, "x") * BOX, "time needs a name that space does not use"),
        (lambda: BOX * TimeInterval(0, 1), "time comes first"),
        (lambda: Interval(0, 1) * Interval(0, 2), "different coordinates, got x in .*name them"),
        (lambda: Disk((0, 0), 1) * BOX, "different coordinates, got x, y in"),
        (lambda: Disk((0, 0), 1) * PointCloud([[0, 0]], names=("z", "w")), "b needs a domain with an inside"),
        (
            lambda: Product(Disk((0, 0), 1), TimeInterval(0, 1)),
            "b needs a domain without time.*time comes first",
        ),
        (lambda: BOX - Ball([0, 0, 0], 1), r"b needs the coordinates of a \(x, y\), got x, y, z"),
        (lambda: BOX - Disk([0, 0], 1, names=("a", "b")), "b needs the coordinates of a"),
        (lambda: BOX - TimeInterval(0, 1) * BOX, "without time"),
        (lambda: (TimeInterval(0, 1) * BOX) | BOX, "without time"),
        (lambda: BOX - PointCloud([[0, 0]]), "b needs a domain with an inside"),
        (lambda: PointCloud([[0, 0]], normals=[[1, 0]]), "normals needs boundary points"),
        (lambda: PointCloud([[0, 0]], [[0, 1]], [[0, 0]]), "not zero"),
        (lambda: PointCloud([[0, 0]], [[0, 1, 2]]), "boundary needs points with 2"),
        (lambda: PointCloud([[0, 0]]).measure, "measure needs"),
        (lambda: PointCloud([[0, 0]]).boundary(), "has no boundary"),
        (lambda: PointCloud([[0, 0]], [[0, 1]]).boundary().normal(torch.zeros(1, 2)), "normals needs"),
        (lambda: PointCloud([[0, 0]], [[0, 1]]).boundary().distance(torch.zeros(1, 2)), "no distance"),
        (lambda: BOX.initial(), r"initial\(\) needs a domain with time"),
        (lambda: TimeInterval(0, 1).boundary(), "has no boundary"),
        (lambda: BOX.boundary("z=0"), "x=0, x=1, y=0, y=2.*got 'z=0'"),
        (lambda: BOX.boundary("x=0.5"), "got 'x=0.5'"),
        (lambda: BOX.boundary("x=zero"), "got 'x=zero'"),
        (lambda: BOX.boundary(Disk([0, 0], 1)), "got Disk"),
        (lambda: BOX.boundary([]), "at least one part"),
        (lambda: Box([0] * 3, [1] * 3).boundary("left"), "got 'left'"),
        (lambda: BOX.sample(0), "n needs an int of at least 1, got 0"),
        (lambda: BOX.sample(3, seed=-1), "seed needs"),
        (lambda: BOX.grid([2, 3, 4]), "n needs one int or 2"),
        (lambda: BOX.check(torch.zeros(5, 3)), r"\(n, 2\) with coordinates x, y, got \(5, 3\)"),
        (lambda: BOX.contains(torch.zeros(())), "shape"),
        (lambda: BOX.boundary().distance(torch.zeros(5, 1)), r"got \(5, 1\)"),
        (lambda: (TimeInterval(0, 1) * BOX).boundary().normal(torch.zeros(5, 2)), "coordinates t, x, y"),
        (lambda: BOX.boundary().contains(torch.zeros(1, 2), tol=0), "tol needs"),
        (lambda: Domain.from_config({"kind": "Domain"}), "needs one of"),
        (lambda: Domain.from_config({"kind": "_Timed"}), "needs one of"),
        (lambda: Domain.from_config({"kind": "Box", "lower": [0]}), "wrong entries"),
        (lambda: Domain.from_config({"kind": "Disk", "center": [0, 0], "radius": 1}), "needs .*names"),
        (lambda: Domain.from_config([]), "dict with a 'kind'"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("angle", [0.1, 0.3, 1.0, 2.5])
def test_edges_that_touch_up_to_round_off_are_refused(angle, scale):
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) * scale
    with pytest.raises(ArgumentError, match="meet elsewhere"):
        Polygon(np.array([(0, 0), (3, 0), (2, 2), (1, 0), (0, 2)]) @ turn)
    Polygon(np.array([(0, 0), (3, 0), (2, 2), (1, 1e-6), (0, 2)]) @ turn)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Interval("0", 1),
        lambda: Interval(True, 2),
        lambda: Box(0, 1),
        lambda: Box("01", "12"),
        lambda: Box([0, 0], [1, 1], names="xy"),
        lambda: Polygon([("0", "0"), ("1", "0"), ("0", "1")]),
        lambda: Polygon([(0, 0), (1, 0, 2), (0, 1)]),
        lambda: BOX.sample(2.5),
        lambda: BOX.check(np.zeros((3, 2))),
        lambda: BOX.check(torch.zeros(3, 2, dtype=torch.int64)),
        lambda: BOX.boundary(3),
    ],
)
def test_bad_types_are_refused(make):
    with pytest.raises(ArgumentTypeError):
        make()


def test_a_deep_configuration_is_refused():
    config = Disk([0, 0], 1).to_config()
    for _ in range(5000):
        config = {"kind": "Union", "a": config, "b": Disk([0, 0], 1).to_config()}
    with pytest.raises(SciMLError, match="nested"):
        Domain.from_config(config)


def test_nan_is_outside():
    x = torch.full((1, 2), math.nan)
    for domain in ALL:
        if domain.dim == 2:
            assert not domain.contains(x).any()


def test_import_is_light():
    code = "import sys, sciml.domains; print([m for m in ('scipy.stats', 'matplotlib') if m in sys.modules])"
    root = ROOT
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert answer.stdout.strip() == "[]"


def test_a_boundary_of_many_sides_holds_the_points_within_its_tolerance_and_no_others():
    box = Box([0.0] * 11, [float(k + 1) for k in range(11)])
    inside = box.sample(33, seed=4)
    rows = [inside]
    for axis in (0, 6, 10):
        for end, way in ((0.0, 1.0), (axis + 1.0, -1.0)):
            near = inside.clone()
            near[:, axis] = end + way * torch.linspace(0.0, 3e-5, 33, dtype=torch.float64)
            rows.append(near)
    x = torch.cat([*rows, inside + 20.0])
    outside = (x - box.upper).clamp(min=0).square().sum(1).sqrt()
    to_a_side = torch.minimum(x.abs(), (x - box.upper).abs()).min(1).values
    # of a box with the largest side 11, within 1e-6 of it
    expected = (outside <= 11e-6) & (to_a_side <= 11e-6)
    assert 0 < expected.sum() < len(x) - 33
    assert torch.equal(box.boundary().contains(x), expected)


def test_a_product_of_boxes_is_a_box():
    assert Interval(0, 1) * Interval(2, 3, "y") == Box([0, 2], [1, 3])
    assert BOX * Interval(-1, 1, "k") == Box([0, 0, -1], [1, 2, 1], names=("x", "y", "k"))
    assert TimeInterval(0, 1) * Interval(0, 1) * Interval(0, 2, "k") == TimeInterval(0, 1) * Box(
        [0, 0], [1, 2], names=("x", "k")
    )


def test_a_product_has_the_parts_of_its_factors():
    pipe = (Disk([0, 0], 1) - Disk([0, 0], 0.4)) * Interval(0, 2, "z")
    assert pipe.parts == ("circle", "z=0", "z=2")
    inner = pipe.boundary(Disk([0, 0], 0.4))
    assert inner.measure == pytest.approx(2 * np.pi * 0.4 * 2, rel=1e-12)
    assert torch.allclose(inner.normal(torch.tensor([[0.4, 0.0, 1.0]])), torch.tensor([[-1.0, 0.0, 0.0]]))
    both = pipe.boundary(["circle", "z=min"])
    assert both.measure == pytest.approx(2 * np.pi * 1.4 * 2 + np.pi * (1 - 0.16), rel=1e-3)
