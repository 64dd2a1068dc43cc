"""Commands that read a solution and a table: ``eval`` and ``compare``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import sciml
from sciml import nn, pdes
from sciml.ansatz import Trial
from sciml.solvers.cli import exit_codes
from sciml.solvers.cli.commands import compare
from sciml.solvers.cli.commands.saved import read_solution
from sciml.solvers.report import Report


def write(path: str, header: str, rows: np.ndarray) -> None:
    np.savetxt(path, rows, delimiter=",", header=header, comments="", fmt="%.17g")


@pytest.fixture
def points() -> np.ndarray:
    x = np.random.default_rng(3).uniform(size=(17, 2))
    # columns in another order, and one that is not asked for
    write("points.csv", "y,weight,x", np.column_stack([x[:, 1], np.ones(17), x[:, 0]]))
    return x


def test_eval_gives_every_digit(run, poisson, solved, points):
    code, out, err = run("eval", poisson, "points.csv")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "x,y,u"
    found = np.array([[float(cell) for cell in line.split(",")] for line in out.splitlines()[1:]])
    assert np.array_equal(found, np.hstack([points, solved(points)]))


def test_eval_to_a_file_and_as_json(run, poisson, solved, points):
    code, out, _ = run("eval", poisson, "points.csv", "-o", "values.csv")
    assert (code, out) == (0, "17 points written to values.csv\n")
    assert np.array_equal(np.loadtxt("values.csv", delimiter=",", skiprows=1)[:, 2:], solved(points))
    record = json.loads(run("eval", poisson, "points.csv", "-o", "values.csv", "--json")[1])["result"]
    assert (record["points"], record["files"]) == (17, {"values": "values.csv"})
    assert "values" in json.loads(run("eval", poisson, "points.csv", "--json")[1])["result"]


def test_eval_notes_points_outside(run, poisson):
    write("out.csv", "x,y", np.array([[0.5, 0.5], [0.5, 1.5]]))
    code, out, err = run("eval", poisson, "out.csv")
    assert code == 0
    assert out.count("\n") == 3
    assert err.startswith("note: 1 of 2 points lie outside the domain")
    assert "note: 1 of 2" in run("eval", poisson, "out.csv", "-o", "values.csv")[1]


@pytest.mark.parametrize("name", ["u.csv", "u.nc", "u.vtu", "u.pt2"])
def test_export_writes_the_values(name, run, poisson, solved):
    if name.endswith((".nc", ".vtu")):
        pytest.importorskip("xarray")
        pytest.importorskip("meshio")
    grid = () if name == "u.pt2" else ("--grid", "5", "--at", "y=0.25")
    grid = ("--grid", "5") if name == "u.vtu" else grid
    code, out, err = run("export", poisson, name, *grid)
    assert (code, out, err) == (0, f"written to {name}\n", "")
    if name == "u.csv":
        found = np.loadtxt(name, delimiter=",", skiprows=1)
        assert found.shape == (5, 3)
        assert np.array_equal(found[:, 2:], solved(found[:, :2]))
    elif name == "u.nc":
        import xarray

        with xarray.open_dataset(name) as data:
            assert np.array_equal(data["u"].to_numpy()[:, 0], solved(np.c_[data["x"], 5 * [0.25]])[:, 0])
    elif name == "u.vtu":
        import meshio

        mesh = meshio.read(name)
        np.testing.assert_allclose(mesh.point_data["u"].ravel(), solved(mesh.points[:, :2])[:, 0], atol=1e-12)


def test_export_refuses_what_it_cannot_write(run, poisson):
    code, _, err = run("export", poisson, "u.xlsx")
    assert code == 2 and "OUT needs one of the endings" in err
    code, _, err = run("export", poisson, "u.pt2", "--grid", "3")
    assert code == 2 and "do not go with a program" in err


def test_eval_of_a_system(run):
    problem = pdes.Kovasznay()
    sciml.Solution(problem, Trial(problem, nn.MLP([2, 4, 3])), [], Report()).save("flow.h5")
    write("points.csv", ",".join(problem.domain.names), problem.sample(5).numpy())
    header = run("eval", "flow.h5", "points.csv")[1].splitlines()[0]
    assert header == ",".join([*problem.domain.names, *problem.unknowns])


def test_compare_with_a_table(run, poisson, solved, points):
    values = solved(points) + 1e-3
    write("base.csv", "x,y,u", np.hstack([points, values]))
    record = json.loads(run("compare", poisson, "base.csv", "--json")[1])["result"]
    expected = float(np.linalg.norm(solved(points) - values) / np.linalg.norm(values))
    assert record["relative"] == pytest.approx(expected, rel=1e-12)
    assert record["largest"] == pytest.approx(1e-3, rel=1e-9)
    assert record["points"] == 17
    code, out, _ = run("compare", poisson, "base.csv")
    assert code == 0
    assert f"{expected:.3e}" in out
    assert run("compare", poisson, "base.csv", "--tol", repr(1.01 * expected))[0] == 0
    assert run("compare", poisson, "base.csv", "--tol", repr(0.99 * expected))[0] == exit_codes.FAILED


def test_compare_names_where_they_differ_most(run, poisson, solved, points):
    values = solved(points)
    values[4] += 0.5
    write("base.csv", "x,y,u", np.hstack([points, values]))
    at = json.loads(run("compare", poisson, "base.csv", "--json")[1])["result"]["largest_at"]
    assert (at["x"], at["y"]) == tuple(points[4])


def test_compare_two_solutions(run, poisson, solved):
    other = sciml.solve(
        pdes.Poisson(2, frequency=2), nn.MLP([2, 4, 1]), progress=False, points=25, max_steps=2
    )
    other.save("other.h5")
    record = json.loads(run("compare", poisson, "other.h5", "--json")[1])["result"]
    x = pdes.Poisson(2).domain.sample(4000, seed=987_654).numpy()
    expected = np.linalg.norm(solved(x) - other(x)) / np.linalg.norm(other(x))
    assert record["relative"] == pytest.approx(expected, rel=1e-12)
    assert "the problems differ" in record["notes"][0]
    assert json.loads(run("compare", poisson, poisson, "--json")[1])["result"]["relative"] == 0


def test_compare_keeps_to_what_both_have(run, poisson):
    """Poisson's square is a part of nothing else in the catalogue: the other domain is made here."""
    Path("shifted.py").write_text(
        "import sciml\n\nclass Shifted(sciml.PDE):\n"
        '    domain = sciml.Box([0.5, 0.5], [1.5, 1.5], names=("x", "y"))\n'
        "    conditions = (sciml.Dirichlet(0.0),)\n\n"
        "    def residual(self, u, x):\n        return u.laplacian() - 1.0\n"
    )
    quick = ("--max-steps", "1", "--points", "25", "--widths", "2,4,1", "--quiet")
    assert run("solve", "shifted.py:Shifted", *quick, "-o", "shifted.h5")[0] == 0
    one, other = read_solution(poisson), read_solution("shifted.h5", "shifted.py:Shifted")
    pair = compare._with_solution(one, other)
    assert (pair.points >= 0.5).all()
    assert (pair.points <= 1.0).all()
    assert 900 < len(pair.points) < 1100
    assert "the domains differ" in pair.notes[0]


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("x,y,v", [[0.1, 0.2, 0.3]], "one column 'u'"),
        ("x,y,u", [[2.0, 2.0, 0.3]], "needs points in the domain of A, got none of 1"),
        ("x,y,u", [[0.1, 0.2, np.nan]], "finite numbers in column 'u'"),
    ],
)
def test_compare_refuses_a_table_by_name(header, rows, message, run, poisson):
    write("base.csv", header, np.array(rows))
    code, out, err = run("compare", poisson, "base.csv")
    assert (code, out) == (exit_codes.USAGE, "")
    assert message in err


def test_compare_refuses_another_space(run, poisson):
    problem = pdes.Burgers()
    sciml.Solution(problem, Trial(problem, nn.MLP([2, 4, 1])), [], Report()).save("burgers.h5")
    code, _, err = run("compare", poisson, "burgers.h5")
    assert code == exit_codes.USAGE
    assert "B needs the coordinates x, y of A, got t, x" in err
    code, _, err = run("compare", poisson, "burgers.h5", "--tol", "-1")
    assert "--tol needs a number of at least 0" in err
