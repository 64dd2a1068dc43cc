"""Regions of meshes against closed forms, polygons and brute force over all facets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import sciml
from benchmarks.mesh_shapes import L_SHAPE, box, bunny, icosphere, l_triangles, radius, ring
from sciml.domains import Ball, Box, Domain, Mesh, Polygon
from sciml.errors import ArgumentError, FileFormatError, MissingPackageError

SPHERE = Mesh(*icosphere(3))
BUNNY = Mesh(*bunny(3))


def plane_with_hole():
    """The L-shape around a square hole, and the same by CSG."""
    outer, edges = ring(L_SHAPE)
    hole, inner = ring([(-0.6, -0.6), (-0.6, -0.2), (-0.2, -0.2), (-0.2, -0.6)])
    mesh = Mesh(np.concatenate([outer, hole]), np.concatenate([edges, inner + len(outer)]))
    return mesh, Polygon(L_SHAPE) - Box([-0.6, -0.6], [-0.2, -0.2])


def brute_distance(points, facets, x, parts=60):
    """Distance by many points on each facet: an upper bound, above by at most the spacing."""
    rng = np.random.default_rng(0)
    w = rng.dirichlet(np.ones(points.shape[1]), parts)
    on = np.einsum("wj,kjd->kwd", w, points[facets]).reshape(-1, points.shape[1])
    return torch.cdist(torch.as_tensor(x), torch.as_tensor(on)).min(1).values


def solid_angle(points, facets, x):
    """Winding number by solid angles (Van Oosterom and Strackee 1983): independent of rays."""
    c = points[facets][None] - x[:, None, None]
    a, b, d = (c[:, :, i] for i in range(3))
    la, lb, ld = (np.linalg.norm(v, axis=2) for v in (a, b, d))
    volume = (a * np.cross(b, d)).sum(2)
    below = la * lb * ld + (a * b).sum(2) * ld + (b * d).sum(2) * la + (d * a).sum(2) * lb
    return np.arctan2(volume, below).sum(1) / (2 * math.pi)


def test_volume_and_area_of_a_sphere_approach_the_ball():
    """A mesh of edges h has errors of h^2."""
    lost = [4 / 3 * math.pi - Mesh(*icosphere(n)).measure for n in (2, 3)]
    assert 3.8 < lost[0] / lost[1] < 4.2
    area = Mesh(*icosphere(3)).boundary().measure
    assert area == pytest.approx(4 * math.pi, rel=1e-2) and area < 4 * math.pi


@pytest.mark.parametrize(
    "shape", [icosphere(2), bunny(2), box([0, -1, 2], [1, 1, 5])], ids=["sphere", "bunny", "box"]
)
def test_inside_is_where_the_winding_number_is_one(shape):
    mesh = Mesh(*shape)
    u = torch.rand(500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = mesh.lower + (mesh.upper - mesh.lower) * (1.2 * u - 0.1)
    inside = torch.from_numpy(solid_angle(*shape, x.numpy()) > 0.5)
    assert torch.equal(mesh.contains(x), inside)
    assert mesh.contains(mesh.points).all()
    assert not mesh.contains(torch.full((1, 3), torch.nan)).any()


def test_rays_through_points_and_edges_count_once():
    """Points right below vertices and edges: a ray meets several triangles there."""
    points, facets = icosphere(2)
    mesh = Mesh(points, facets)
    middles = points[facets[:, :2]].mean(1)
    for at in (points, middles):
        for share in (0.999, 0.5, 0.0, -0.5):
            x = np.concatenate([at[:, :2], share * at[:, 2:]], 1) * 0.999
            assert torch.equal(
                mesh.contains(torch.from_numpy(x)), torch.from_numpy(solid_angle(points, facets, x) > 0.5)
            )


@pytest.mark.parametrize("name", ["bunny", "hole"])
def test_distance_is_exact_near_the_boundary_and_never_too_large(name):
    mesh = BUNNY if name == "bunny" else plane_with_hole()[0]
    y = mesh.boundary().sample(60, seed=1)
    n = mesh.boundary().normal(y)
    for step in (0.0, 1e-6, 1e-3, 0.02, 0.3):
        x = torch.cat([y + step * n, y - step * n])
        brute = brute_distance(mesh.points.numpy(), mesh.facets.numpy(), x.numpy())
        depth = mesh._depth(x).abs()
        spacing = 0.04 if name == "bunny" else 0.15
        assert (depth <= brute + 1e-12).all()
        near = brute <= mesh._nearest.radius
        assert (depth[near] >= brute[near] - spacing).all()
        if step <= 1e-3:
            assert torch.allclose(depth, torch.full_like(depth, step), atol=1e-12) or name == "bunny"
            assert (depth <= step + 1e-12).all()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_inside_of_any_star_shaped_polygon_is_that_of_a_polygon(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 40))
    angle = np.sort(rng.permutation(360)[:n]) * math.pi / 180
    if np.max(np.diff(np.append(angle, angle[0] + 2 * math.pi))) > 3:
        return
    v = (rng.integers(2, 9, n) / 8)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    try:
        mesh = Mesh(*ring(v))
    except ArgumentError:
        with pytest.raises(ArgumentError):
            Polygon(v)
        return
    polygon = Polygon(v)
    x = torch.from_numpy(rng.uniform(-1.1, 1.1, (300, 2)))
    assert torch.equal(mesh.contains(x), polygon.contains(x))
    assert mesh.measure == pytest.approx(polygon.measure)
    y = polygon.boundary().sample(50)
    assert mesh.boundary().contains(y).all() and mesh.contains(y).all()


def test_samples_lie_inside_and_fill_evenly():
    x = BUNNY.sample(4000, seed=3)
    length = x.norm(dim=1)
    # at the waist the facets stand out of the surface between their corners
    assert (length.numpy() < 1.03 * radius((x / length[:, None]).numpy())).all()
    assert BUNNY.contains(x).all() and len(torch.unique(x, dim=0)) == 4000
    # a ball of points around the centre has its share
    share = float((length < 0.4).double().mean())
    assert share == pytest.approx(4 / 3 * math.pi * 0.4**3 / BUNNY.measure, rel=0.02)


def test_boundary_points_lie_on_it_and_normals_point_out():
    boundary = SPHERE.boundary()
    y = boundary.sample(1001, seed=5)
    n = boundary.normal(y)
    assert boundary.contains(y).all()
    assert torch.allclose(n.norm(dim=1), torch.ones(1001, dtype=torch.float64))
    assert ((n * y).sum(1) > 0.97).all()
    assert not SPHERE.contains(y + 1e-6 * n).any() and SPHERE.contains(y - 1e-6 * n).all()
    # divergence theorem: the flux of x is three volumes
    assert float((n * y).sum(1).mean()) * boundary.measure / 3 == pytest.approx(SPHERE.measure, rel=1e-3)


def test_parts_by_name_plane_side_and_predicate():
    points, facets = box([0, 0, 0], [2, 1, 1])
    mesh = Mesh(points, facets, parts={"inlet": [0, 1]})
    assert mesh.parts == ("inlet", "side0", "side1", "side2", "side3", "side4")
    assert mesh.boundary("inlet").measure == pytest.approx(1.0)
    assert (mesh.boundary("inlet").sample(50)[:, 0] == 0).all()
    assert (mesh.boundary("x=max").sample(50)[:, 0] == 2).all()
    assert mesh.boundary("x=min").chosen == mesh.boundary("inlet").chosen
    lids = mesh.boundary(["z=min", "z=max"])
    assert lids.measure == pytest.approx(4.0)
    half = mesh.boundary(lambda x: x[:, 0] > 1)
    assert half.measure == pytest.approx(5.0, rel=1e-2) and (half.sample(100)[:, 0] > 1).all()
    with pytest.raises(ArgumentError, match="one of inlet, side0"):
        mesh.boundary("outlet")
    with pytest.raises(ArgumentError, match="one of side0"):
        SPHERE.boundary("x=min")


def test_a_plane_mesh_with_straight_sides_is_a_polygon():
    points, facets = ring(L_SHAPE)
    # twice the points along each side, from elsewhere around
    middle = (points[facets[:, 0]] + points[facets[:, 1]]) / 2
    fine = np.roll(np.stack([points, middle], 1).reshape(-1, 2), 3, axis=0)
    mesh, polygon = Mesh(*ring(fine)), Polygon(L_SHAPE)
    assert len(mesh.parts) == 6
    x = polygon.sample(200)
    assert torch.allclose(mesh.boundary().distance(x), polygon.boundary().distance(x), rtol=1e-2)
    assert torch.allclose(
        mesh.boundary().distance(polygon.boundary().sample(100)), torch.zeros(100, 1).double(), atol=1e-12
    )
    low = mesh.boundary("y=min")
    assert torch.allclose(low.distance(low.sample(9)), torch.zeros(9, 1).double(), atol=1e-12)
    assert (low.distance(x) > 0).all()


def test_a_curve_is_one_side_and_has_no_distance():
    angle = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    circle, edges = ring(np.stack([0.3 * np.cos(-angle), 0.3 * np.sin(-angle)], 1))
    outer, rim = ring([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    mesh = Mesh(np.concatenate([outer, circle]), np.concatenate([rim, edges + 4]))
    assert len(mesh.parts) == 5 and not mesh.boundary().has_distance
    assert mesh.boundary("side4").measure == pytest.approx(2 * math.pi * 0.3, rel=1e-3)
    y = mesh.boundary("side4").sample(200)
    assert torch.allclose(mesh.boundary("side4").normal(y), -y / y.norm(dim=1, keepdim=True), atol=0.06)
    with pytest.raises(ArgumentError, match="no distance"):
        mesh.boundary().distance(y)


def test_holes_are_those_of_a_difference():
    mesh, other = plane_with_hole()
    x = torch.rand(2000, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * 2.2 - 1.1
    assert torch.equal(mesh.contains(x), other.contains(x))
    assert mesh.measure == pytest.approx(3 - 0.16)


def test_csg_takes_a_mesh():
    tunnel = Box([-1.5, -1.5, -1.5], [1.5, 1.5, 1.5]) - SPHERE
    other = Box([-1.5, -1.5, -1.5], [1.5, 1.5, 1.5]) - Ball([0, 0, 0], 1)
    x = tunnel.sample(500)
    assert (x.norm(dim=1) > 0.96).all() and not tunnel.boundary().has_distance
    assert tunnel.measure == pytest.approx(other.measure, rel=1e-2)
    y = tunnel.boundary(SPHERE).sample(50)
    assert ((tunnel.boundary(SPHERE).normal(y) * y).sum(1) < -0.95).all()


def test_two_bodies_and_a_cavity():
    points, facets = icosphere(1)
    both = Mesh(np.concatenate([points, points + 3]), np.concatenate([facets, facets + len(points)]))
    one = Mesh(points, facets)
    assert both.measure == pytest.approx(2 * one.measure)
    hollow = Mesh(
        np.concatenate([points, 0.5 * points]), np.concatenate([facets, facets[:, ::-1] + len(points)])
    )
    assert hollow.measure == pytest.approx(7 / 8 * one.measure)
    assert not hollow.contains(torch.zeros(1, 3, dtype=torch.float64)).any()


def test_configurations_hold_the_geometry_and_values_compare():
    mesh = Mesh(*box([0, 0, 0], [2, 1, 1]), parts={"inlet": [0, 1]}, names=("a", "b", "c"))
    again = Domain.from_config(mesh.to_config())
    assert again == mesh and hash(again) == hash(mesh) and again.parts == mesh.parts
    assert mesh != Mesh(*box([0, 0, 0], [2, 1, 1]))
    assert torch.equal(again.sample(5), mesh.sample(5))


def faulty(what):
    points, facets = icosphere(1)
    if what == "open":
        return points, facets[1:]
    if what == "inside out":
        return points, facets[:, ::-1]
    if what == "one turned":
        return points, np.concatenate([facets[:1, ::-1], facets[1:]])
    if what == "nested":
        return np.concatenate([points, 0.5 * points]), np.concatenate([facets, facets + len(points)])
    if what == "crossing":
        return np.concatenate([points, points + 0.9]), np.concatenate([facets, facets + len(points)])
    if what == "pushed through":
        points = points.copy()
        points[0] = -1.5 * points[0]
        return points, facets
    if what == "no area":
        return np.concatenate([points, points[:1]]), np.concatenate([facets, [[0, 1, len(points)]]])
    if what == "eight":
        return ring([(0, 0), (2, 2), (2, 0), (0, 2)])
    if what == "clockwise":
        return ring(L_SHAPE[::-1])
    if what == "touching":
        return np.array([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)], float), np.array(
            [(0, 1), (1, 2), (2, 0), (0, 3), (3, 4), (4, 0)]
        )
    return points, facets + 100


@pytest.mark.parametrize(
    "what, match",
    [
        ("open", "closed boundary, got an open one: 3 edges"),
        ("inside out", "80 of 80 facets inside out"),
        ("one turned", "go the other way"),
        ("nested", "facets inside out"),
        ("crossing", "pairs that cross"),
        ("pushed through", "pairs that cross"),
        ("no area", "areas above 0, got 1 of 81"),
        ("eight", "pairs that cross"),
        ("clockwise", "6 of 6 facets inside out"),
        ("touching", "more facets"),
        ("indices", "indices from 0 to 41"),
    ],
)
def test_what_bounds_no_region_is_refused(what, match):
    with pytest.raises(ArgumentError, match=match):
        Mesh(*faulty(what))


@pytest.mark.parametrize(
    "parts, match",
    [
        ({"a": [0], "b": [0]}, "no other part has"),
        ({"a": [99]}, "from 0 to 11"),
        ({"a": []}, "no other part has"),
        ({"": [0]}, "different names"),
    ],
)
def test_parts_are_checked(parts, match):
    with pytest.raises(ArgumentError, match=match):
        Mesh(*box([0, 0, 0], [1, 1, 1]), parts=parts)


# ---- files --------------------------------------------------------------------------------------------


def gmsh_text(points, cells, lines):
    """A mesh in Gmsh's format 2.2: cells and lines with the number of their group, groups with names."""
    text = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$PhysicalNames", "3"]
    text += ['1 1 "wall"', '1 2 "lid"', '2 3 "body"', "$EndPhysicalNames", "$Nodes", str(len(points))]
    text += [f"{i + 1} {x} {y} 0" for i, (x, y) in enumerate(points)]
    text += ["$EndNodes", "$Elements", str(len(lines) + len(cells))]
    text += [f"{i + 1} 1 2 {tag} {tag} {a + 1} {b + 1}" for i, (tag, a, b) in enumerate(lines)]
    text += [f"{len(lines) + i + 1} 2 2 3 3 {a + 1} {b + 1} {c + 1}" for i, (a, b, c) in enumerate(cells)]
    return "\n".join([*text, "$EndElements", ""])


def test_an_l_shape_of_gmsh(tmp_path):
    pytest.importorskip("meshio")
    points, cells = l_triangles(4)
    edges = Mesh(*ring(L_SHAPE))
    path = tmp_path / "l.msh"
    along = np.sort(np.concatenate([cells[:, [0, 1]], cells[:, [1, 2]], cells[:, [2, 0]]]), 1)
    rim, count = np.unique(along, axis=0, return_counts=True)
    lines = [(2 if (points[[a, b], 1] == 1).all() else 1, a, b) for a, b in rim[count == 1]]
    path.write_text(gmsh_text(points, cells, lines))
    mesh = Mesh.from_file(path, scale=2.0)
    polygon = Polygon([(2 * x, 2 * y) for x, y in L_SHAPE])
    assert mesh.dim == 2 and mesh.parts == ("wall", "lid") and edges.measure == pytest.approx(3.0)
    assert mesh.measure == pytest.approx(12.0) and mesh.boundary("lid").measure == pytest.approx(2.0)
    x = torch.rand(1000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 4.4 - 2.2
    assert torch.equal(mesh.contains(x), polygon.contains(x))
    assert mesh.boundary().has_distance and len(mesh.boundary().pieces) == 6


@pytest.mark.parametrize("kind", ["stl", "vtu", "ply"])
def test_a_sphere_through_files(tmp_path, kind):
    meshio = pytest.importorskip("meshio")
    points, facets = icosphere(3)
    path = tmp_path / f"ball.{kind}"
    meshio.write(path, meshio.Mesh(points, [("triangle", facets)]))
    mesh = Mesh.from_file(path)
    assert mesh.measure == pytest.approx(SPHERE.measure, rel=1e-6) and len(mesh.facets) == len(facets)


def test_tetrahedra_lend_their_boundary(tmp_path):
    meshio = pytest.importorskip("meshio")
    points = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], float)
    # six tetrahedra around the diagonal (Kuhn), whatever their orientation
    steps = [(4, 6, 7), (4, 5, 7), (2, 6, 7), (2, 3, 7), (1, 5, 7), (1, 3, 7)]
    path = tmp_path / "cube.vtu"
    meshio.write(path, meshio.Mesh(points, [("tetra", np.array([(0, *s) for s in steps]))]))
    mesh = Mesh.from_file(path, names=("a", "b", "c"))
    assert mesh.measure == pytest.approx(1.0) and len(mesh.parts) == 6 and mesh.names == ("a", "b", "c")


@pytest.mark.parametrize(
    "name, text", [("a.stl", "no mesh\n"), ("a.msh", "$MeshFormat\n"), ("a.vtu", "<x"), ("a.odd", "")]
)
def test_a_file_that_is_no_mesh_is_refused(tmp_path, name, text, capsys):
    pytest.importorskip("meshio")
    (tmp_path / name).write_text(text)
    with pytest.raises(FileFormatError, match=name):
        Mesh.from_file(tmp_path / name)
    assert capsys.readouterr().out == ""


def test_files_of_other_things_are_refused(tmp_path):
    meshio = pytest.importorskip("meshio")
    points, facets = icosphere(1)
    meshio.write(tmp_path / "lines.vtu", meshio.Mesh(points, [("line", facets[:, :2])]))
    with pytest.raises(FileFormatError, match="needs triangles, quadrilaterals or tetrahedra, got line"):
        Mesh.from_file(tmp_path / "lines.vtu")
    meshio.write(tmp_path / "open.stl", meshio.Mesh(points, [("triangle", facets[3:])]))
    with pytest.raises(
        FileFormatError, match=r"open\.stl holds no mesh that bounds a region: .* an open one"
    ):
        Mesh.from_file(tmp_path / "open.stl")
    with pytest.raises(FileNotFoundError, match="missing"):
        Mesh.from_file(tmp_path / "missing.stl")
    with pytest.raises(ArgumentError, match="scale"):
        Mesh.from_file(tmp_path / "open.stl", scale=0.0)


def test_without_meshio_the_error_says_so(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "meshio", None)
    with pytest.raises(MissingPackageError, match="pip install"):
        Mesh.from_file(tmp_path / "a.stl")


# ---- problems -----------------------------------------------------------------------------------------


class OnMesh(sciml.PDE):
    """``-Δu = 3 sin x sin y sin z``, whose solution is the product of the sines."""

    domain = BUNNY
    conditions = (sciml.Dirichlet(lambda x: x.sin().prod(1, keepdim=True)),)

    def residual(self, u, x):
        return -u.laplacian() - 3 * x.sin().prod(1, keepdim=True)

    def exact(self, x):
        return x.sin().prod(1, keepdim=True)


def test_poisson_on_a_body_with_ears():
    solution = sciml.solve(OnMesh(), model=sciml.nn.MLP([3, 12, 1]), max_steps=60, points=400, progress=False)
    assert solution.error() < 2e-3
    assert any("no distance function" in note for note in solution.stats.notes)


class OnPlaneMesh(sciml.PDE):
    """``-Δu = 1`` on the L-shape, its corner known from the mesh."""

    domain = Mesh(*ring(L_SHAPE))
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -u.laplacian() - 1.0


def test_a_plane_mesh_keeps_its_conditions_exact_and_knows_its_corners(tmp_path):
    problem = OnPlaneMesh()
    solution = sciml.solve(problem, max_steps=2, progress=False)
    assert float(solution(problem.domain.boundary().sample(50)).abs().max()) < 1e-12
    assert any("r^0.667 of the corner at (0, 0)" in note for note in solution.stats.notes)
    solution.save(tmp_path / "l.h5")
    x = problem.domain.sample(10)
    assert torch.equal(sciml.load(tmp_path / "l.h5", problem=OnPlaneMesh())(x), solution(x))
