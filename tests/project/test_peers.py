"""Solves of other libraries: what is refused, what the error is measured against, which rows there are."""

import re
import time
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.peers import __main__ as program
from benchmarks.peers import l_shape, libraries
from benchmarks.peers.watch import TimeIsOver, Watch
from benchmarks.tables.peers import measured


def test_a_library_that_is_not_installed_is_refused_by_name_before_anything_runs(monkeypatch, capsys):
    gone = replace(libraries.LIBRARIES["PINA"], imported="no_such_module")
    monkeypatch.setitem(libraries.LIBRARIES, "PINA", gone)
    monkeypatch.setattr(program, "apart", lambda *_: pytest.fail("a solve was started"))
    monkeypatch.setattr("sys.argv", ["peers", "--libraries", "sciml,PINA"])
    with pytest.raises(SystemExit):
        program.main()
    assert "got PINA. `pip install pina-mathlab`" in capsys.readouterr().err


def test_an_unknown_library_is_refused_by_name():
    with pytest.raises(ValueError, match=re.escape("got FEniCS")):
        libraries.check_installed(["sciml", "FEniCS"])


def test_the_solution_on_the_l_shape_vanishes_on_its_boundary_and_has_the_known_integral():
    assert l_shape.misfit(211) < 1e-12
    # as benchmarks.rows.corners: graded Gauss rules on three squares, against the integral from another fit
    nodes, weights = np.polynomial.legendre.leggauss(48)
    t, w = (nodes + 1) / 2, weights / 2
    along, weight = t**3, w * 3 * t**2
    x = np.stack([a.ravel() for a in np.meshgrid(along, along, indexing="ij")], 1)
    rule = np.outer(weight, weight).ravel()
    total = sum(rule @ l_shape.solution(x * sign)[:, 0] for sign in ([-1, -1], [1, -1], [-1, 1]))
    assert abs(total / 0.214075802687 - 1) < 1e-10
    # -Δu = 1 by differences
    h, at = 1e-3, np.array([[-0.31, 0.57]])
    steps = h * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    laplacian = (l_shape.solution(at + steps).sum() - 4 * l_shape.solution(at).sum()) / h**2
    assert abs(laplacian + 1) < 1e-5


def test_the_watch_leaves_its_looks_out_of_the_time_and_ends_the_solve():
    watch = Watch("poisson", seconds=0.05)

    def slow(x):
        began = time.process_time()
        while time.process_time() < began + 0.2:
            pass
        return watch._values * 1.005

    watch.look(slow, 3)
    assert watch.clock() < 0.15
    assert set(watch.reached) == {"1e-01", "1e-02"} and watch.reached["1e-02"][1] == 3
    assert watch.best == pytest.approx(0.005)
    while watch.clock() < 0.05:
        pass
    with pytest.raises(TimeIsOver):
        watch.look(lambda x: watch._values, 4)
    assert "1e-06" in watch.reached


def test_every_problem_that_was_measured_has_a_row_of_ours_with_the_same_seconds():
    found = measured()
    ours = {(r["problem"], r["limit"]) for r in found if r["library"] == "sciml"}
    assert {(r["problem"], r["limit"]) for r in found} == ours
    assert {r["library"] for r in found} <= set(libraries.LIBRARIES)
