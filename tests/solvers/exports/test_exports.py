"""What leaves for other programs is what the solution says, read back by those programs."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.solvers.exports import grids
from sciml.solvers.exports.program import recorded
from sciml.solvers.report import Report
from tests.solvers.plots.known import CENTRED, CUBE, DOMAINS, SQUARE, Known, Turning, exactly, solved

BRIEF = {"max_steps": 1, "progress": False, "points": 60}


class Warm(Known):
    units = {"x": "m", "u": "K"}  # noqa: RUF012


def values(x: np.ndarray, names) -> np.ndarray:
    """What ``Known`` stands for."""
    scale = {"x": 1.0, "y": 10.0, "z": 100.0, "t": 1000.0}
    return 1 + sum(scale[name] * x[:, k] for k, name in enumerate(names))


# ---- xarray


@pytest.mark.parametrize("name", DOMAINS)
def test_a_dataset_holds_the_values(name):
    pytest.importorskip("xarray")
    solution = solved(Known(DOMAINS[name], ("u", "v")), 0.5)
    data = solution.to_xarray(7)
    assert tuple(data.u.dims) == tuple(DOMAINS[name].names)
    table = data.to_dataframe().reset_index()
    inside = table.u.notna().to_numpy()
    x = table[list(data.u.dims)].to_numpy().copy()
    assert inside.tolist() == solution.problem.domain.contains(torch.from_numpy(x)).tolist()
    expected = values(x, data.u.dims)
    np.testing.assert_allclose(table.u[inside], expected[inside] + 0.5, rtol=1e-12)
    np.testing.assert_allclose(table.v[inside], 2 * expected[inside] + 0.5, rtol=1e-12)


def test_a_dataset_carries_units_and_chosen_values(tmp_path):
    pytest.importorskip("xarray")
    data = solved(Warm(DOMAINS["time and line"])).to_xarray({"t": [0.25, 1.0], "x": 3})
    assert data.sizes == {"t": 2, "x": 3}
    assert (data.x.attrs, data.u.attrs) == ({"units": "m"}, {"units": "K"})
    assert float(data.u.sel(t=0.25, x=2.0)) == 1 + 250 + 2
    assert data.attrs["problem"].startswith("Warm(") and data.attrs["outcome"] == "converged"
    one = solved(Known(DOMAINS["square"])).to_xarray({"x": 0.5})
    assert one.sizes == {"x": 1, "y": 101}


def test_an_unknown_of_a_coordinates_name():
    pytest.importorskip("xarray")
    data = solved(Known(SQUARE, ("x", "y"))).to_xarray(3)
    assert set(data.data_vars) == {"x_", "y_"} and data.x.ndim == 1


@pytest.mark.parametrize(
    "grid, error, match",
    [
        ("many", ArgumentTypeError, "grid needs a number of points or a mapping of coordinates"),
        (1, ArgumentError, r"grid\['x'\] needs"),
        ({"q": 3}, ArgumentError, "grid needs coordinates of x, y, got 'q'"),
        ({"x": [0.0, 5.0]}, ArgumentError, r"grid\['x'\] needs values in \[0, 2\], got 0 to 5"),
        ({"x": [1.0, 0.5]}, ArgumentError, r"grid\['x'\] needs increasing values"),
        (100_000, ArgumentError, "grid needs at most 20,000,000 points"),
    ],
)
def test_grids_that_do_not_fit(grid, error, match):
    pytest.importorskip("xarray")
    with pytest.raises(error, match=match):
        solved(Known(SQUARE)).to_xarray(grid)


def test_many_coordinates_need_a_grid():
    pytest.importorskip("xarray")
    problem = Known(sciml.Box([0] * 5, [1] * 5, names=("x", "y", "z", "t", "s")))
    problem.exact = lambda x: x[:, :1]  # type: ignore[method-assign]
    with pytest.raises(
        ArgumentError, match="grid needs points or values for every one of 5 coordinates, got none for"
    ):
        exactly(problem).to_xarray({"x": 3})
    assert exactly(problem).to_xarray({"x": 3, "y": 2, "z": 2, "t": 0.5, "s": 0.1}).u.shape == (3, 2, 2, 1, 1)


@pytest.mark.parametrize(
    "method, package, path, extra",
    [
        ("to_xarray", "xarray", None, "export"),
        ("to_vtk", "meshio", "u.vtu", "export"),
        ("export", "onnx", "u.onnx", "onnx"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, tmp_path, method, package, path, extra):
    def missing(module):
        raise ImportError(module)

    monkeypatch.setattr(grids, "import_module", missing)
    arguments = [] if path is None else [tmp_path / path]
    with pytest.raises(
        ArgumentError, match=rf"{method}.* needs the package {package},.*sciml-kan\[{extra}\]"
    ):
        getattr(solved(Known(SQUARE)), method)(*arguments)


# ---- VTK


def measure(mesh) -> float:
    """Length, area or volume of a mesh's cells."""
    (block,) = mesh.cells
    x = mesh.points[block.data]
    if block.type == "line":
        return float(np.linalg.norm(x[:, 1] - x[:, 0], axis=1).sum())
    if block.type == "quad":
        return float(np.abs(np.cross(x[:, 2] - x[:, 0], x[:, 3] - x[:, 1])[:, 2]).sum() / 2)
    if block.type == "hexahedron":
        return float(np.prod(x[:, 6] - x[:, 0], axis=1).sum())
    sides = x[:, 1:] - x[:, :1]
    if block.type == "triangle":
        return float(np.abs(np.cross(sides[:, 0], sides[:, 1])[:, 2]).sum() / 2)
    return float(np.abs(np.linalg.det(sides)).sum() / 6)


@pytest.mark.parametrize("suffix", [".vtu", ".vtk"])
@pytest.mark.parametrize(
    "name, kind", [("line", "line"), ("square", "quad"), ("cube", "hexahedron"), ("triangle", "triangle")]
)
def test_a_mesh_has_the_domain_and_the_values(tmp_path, name, kind, suffix):
    meshio = pytest.importorskip("meshio")
    domain = DOMAINS[name]
    mesh = meshio.read(solved(Known(domain, ("u", "v")), 0.5).to_vtk(tmp_path / f"u{suffix}", 9))
    assert [block.type for block in mesh.cells] == [kind]
    assert measure(mesh) == pytest.approx(domain.measure, rel=0.02)
    expected = values(mesh.points[:, : domain.dim], domain.names)
    np.testing.assert_allclose(mesh.point_data["u"], expected + 0.5, rtol=1e-6)
    np.testing.assert_allclose(mesh.point_data["v"], 2 * expected + 0.5, rtol=1e-6)


@pytest.mark.parametrize(
    "domain, kind",
    [(DOMAINS["hole"], "triangle"), (CUBE - sciml.Ball([0, 0, 0], 0.5, names=("x", "y", "z")), "tetra")],
)
def test_a_mesh_ends_at_the_boundary(tmp_path, domain, kind):
    meshio = pytest.importorskip("meshio")
    mesh = meshio.read(solved(Known(domain)).to_vtk(tmp_path / "u.vtu", 25 if domain.dim == 2 else 13))
    assert mesh.cells[0].type == kind
    assert measure(mesh) == pytest.approx(domain.measure, rel=0.02)
    x = torch.from_numpy(mesh.points[:, : domain.dim].copy())
    assert float(domain._depth(x).min()) > -1e-9


def test_a_series_in_time_and_a_vector(tmp_path):
    meshio = pytest.importorskip("meshio")
    solution = exactly(Turning(sciml.TimeInterval(0, 1) * CENTRED))
    path = solution.to_vtk(tmp_path / "flow.pvd", {"t": [0, 0.5, 1], "x": 3, "y": 3}, vector=("u", "v"))
    text = path.read_text()
    assert [f'timestep="{t}"' in text for t in (0.0, 0.5, 1.0)] == [True] * 3
    last = meshio.read(tmp_path / "flow_0002.vtu")
    x = last.points
    np.testing.assert_allclose(
        last.point_data["vector"], np.stack([-2 * x[:, 1], 2 * x[:, 0], 0 * x[:, 0]], 1), atol=1e-12
    )
    one = meshio.read(solution.to_vtk(tmp_path / "one.vtu", 3, time=0.5))
    np.testing.assert_allclose(one.point_data["u"], -1.5 * one.points[:, 1], atol=1e-12)


@pytest.mark.parametrize(
    "name, path, options, match",
    [
        ("square", "u.obj", {}, "path needs a name that ends in .vtu or .vtk or .pvd"),
        ("square", "no/u.vtu", {}, "path needs a folder that exists"),
        ("square", "u.pvd", {}, "path needs a name in .vtu or .vtk for one moment"),
        ("square", "u.vtu", {"time": 0}, "time needs a problem in time"),
        ("time and line", "u.vtu", {}, "time needs a moment for a file in .vtu"),
        ("time and line", "u.vtu", {"time": 7}, r"grid\['t'\] needs values in \[0, 1\]"),
        ("time", "u.vtu", {"time": 0}, "to_vtk needs one to three dimensions of space, got 0"),
        ("square", "u.vtu", {"vector": ("u", "q")}, "vector needs one of the unknowns"),
    ],
)
def test_meshes_that_are_refused(tmp_path, name, path, options, match):
    pytest.importorskip("meshio")
    with pytest.raises(ArgumentError, match=match.replace(".v", r"\.v")):
        solved(Known(DOMAINS[name], ("u", "v"))).to_vtk(tmp_path / path, **options)


# ---- CSV


def test_a_table_comes_back_as_measurements(tmp_path):
    solution = solved(Known(DOMAINS["hole"], ("u", "v")), 1 / 3)
    path = solution.to_csv(tmp_path / "u.csv", 9)
    assert path.read_text().splitlines()[0] == "x,y,u,v"
    data = sciml.Data.from_csv(path, ["x", "y"], "v", component="v")
    assert bool(solution.problem.domain.contains(data.points).all())
    assert torch.equal(data.values.reshape(-1), solution(data.points)[:, 1])  # every digit
    assert 9 * 9 - 25 < len(data.points) < 9 * 9


def test_a_table_of_given_points(tmp_path):
    solution = solved(Known(DOMAINS["time and line"]))
    points = np.array([[0.5, 1.0], [1.0, 0.25]])
    rows = np.loadtxt(solution.to_csv(tmp_path / "u.csv", points), delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows, [[0.5, 1.0, 502.0], [1.0, 0.25, 1001.25]])
    with pytest.raises(
        ArgumentError,
        match=r"points needs points in the domain, got 1 of 2 outside, the first at \[0.5, 3.0\]",
    ):
        solution.to_csv(tmp_path / "v.csv", [[0.5, 1.0], [0.5, 3.0]])
    with pytest.raises(ArgumentError, match="x needs shape"):
        solution.to_csv(tmp_path / "v.csv", [[0.5, 1.0, 3.0]])
    assert not (tmp_path / "v.csv").exists()


def test_a_chain_that_ended_early_is_written_up_to_its_end(tmp_path):
    pytest.importorskip("xarray")
    problem = pdes.Burgers(nu=0.1)
    whole = sciml.solve(problem, windows=2, **BRIEF)
    first = sciml.Solution(problem, type(whole.trial)(problem, whole.trial.windows[:1]), [], Report())
    data = first.to_xarray(5)
    assert float(data.t.max()) == first.trial.until < 1
    assert bool(np.isfinite(data.u).all())
    with pytest.raises(ArgumentError, match=r"grid\['t'\] needs values in \[0, 0.5\]"):
        first.to_xarray({"t": [0.0, 1.0]})
    assert np.isfinite(np.loadtxt(first.to_csv(tmp_path / "u.csv", 5), delimiter=",", skiprows=1)).all()


# ---- programs


class OnL(sciml.PDE):
    domain = sciml.Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -u.laplacian() - 1


class Branching(torch.nn.Module):
    """Asks for the points' values, which no recorded program can."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1).double()

    def forward(self, x):
        return self.layer(x).tanh() if bool(torch.isfinite(x).all()) else x[:, :1]


class Numeric(sciml.PDE):
    domain = sciml.Box([0, 0], [1, 1])
    conditions = (
        sciml.Dirichlet(lambda x: np.cos(np.asarray(x)[:, :1])),
    )  # a penalty: no part of the program

    def residual(self, u, x):
        return u.laplacian()


PROGRAMS = {
    "a sum of networks": lambda: sciml.solve(
        pdes.Poisson(2), nn.Combination([nn.MLP([2, 3, 1]), nn.KAN([2, 1], grid=3)]), **BRIEF
    ),
    "a KAN": lambda: sciml.solve(pdes.Poisson(2), nn.KAN([2, 3, 1], grid=3), **BRIEF),
    **{
        f"a KAN of {basis}": lambda basis=basis: sciml.solve(
            pdes.Poisson(2), nn.KAN([2, 3, 1], basis=basis, size=6), **BRIEF
        )
        for basis in ("chebyshev", "fourier", "rbf", "wavelet")
    },
    "a KAN of two families": lambda: sciml.solve(
        pdes.Poisson(2), nn.SKAN([2, 1], chosen=[[(0, "fourier"), (1, "bspline")]]), **BRIEF
    ),
    "a system in time": lambda: sciml.solve(pdes.TaylorGreen(), **BRIEF),
    "windows": lambda: sciml.solve(pdes.Burgers(nu=0.1), windows=2, **BRIEF),
    "corners": lambda: sciml.solve(OnL(), **BRIEF),
    "an adapter": lambda: sciml.solve(pdes.Poisson(2), **BRIEF).finetune(
        pdes.Poisson(2).with_source(lambda x: x[:, :1]), "head", max_steps=1, progress=False
    ),
    "penalties": lambda: sciml.solve(Numeric(), **BRIEF),
    "single precision": lambda: sciml.solve(pdes.Poisson(2), dtype=torch.float32, **BRIEF),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_the_values_of_the_solution(name):
    solution = PROGRAMS[name]()
    domain = solution.problem.domain
    like = next(solution.network.parameters())
    program = recorded(solution).module()
    for n in (1, 33):
        x = domain.sample(n, seed=5).to(like)
        if name == "windows":  # they may have stopped before the end of time
            x[:, 0] *= solution.trial.until / float(domain.upper[0])
        found, expected = program(x).detach(), solution(x)
        tolerance = 1e-12 if like.dtype == torch.float64 else 1e-5
        assert float((found - expected).abs().max()) <= tolerance * max(1.0, float(expected.abs().max()))
    assert type(solution.network).__name__ != "PlainSplines"  # as it was


def test_a_program_runs_without_sciml(tmp_path):
    solution = sciml.solve(pdes.Poisson(2), **BRIEF)
    path = solution.export(tmp_path / "u.pt2")
    code = (
        "import sys, torch\nu = torch.export.load(sys.argv[1]).module()\n"
        "print(repr(u(torch.tensor([[0.25, 0.5]], dtype=torch.float64)).item()))\nassert 'sciml' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert math.isclose(float(done.stdout), float(solution([0.25, 0.5])[0]), rel_tol=1e-12)


def test_a_program_carries_gradients_by_the_points_alone(tmp_path):
    solution = solved(Known(SQUARE))
    program = torch.export.load(solution.export(tmp_path / "u.pt2")).module()
    x = torch.tensor([[0.3, 0.4]], dtype=torch.float64)
    assert not program(x).requires_grad
    assert all(p.requires_grad for p in solution.network.parameters())
    (mine,) = torch.autograd.grad(solution(y := x.clone().requires_grad_()).sum(), y)
    (found,) = torch.autograd.grad(program(z := x.clone().requires_grad_()).sum(), z)
    torch.testing.assert_close(found, mine, rtol=1e-10, atol=0)


def test_what_is_no_program(tmp_path):
    with pytest.raises(
        ArgumentError, match="path needs a solution whose network and conditions are plain torch functions"
    ):
        sciml.solve(pdes.Poisson(2), Branching(), **BRIEF).export(tmp_path / "u.pt2")
    with pytest.raises(ArgumentError, match=r"path needs a name that ends in \.pt2 or \.onnx"):
        solved(Known(SQUARE)).export(tmp_path / "u.pt")
    assert list(tmp_path.iterdir()) == []
