"""The page on drawing and exporting runs, and what a first user writes stays short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases import ROOT
from tests.project.pages import blocks, lines, solve_briefly

PAGE = ROOT / "docs" / "howto" / "plotting.md"


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("xarray")
    pytest.importorskip("meshio")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    solve_briefly(monkeypatch, points=100)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks(PAGE):
        exec(block.replace("frames=30", "frames=2"), names)
    written = {p.name for p in tmp_path.iterdir()}
    assert {"residual.png", "burgers.gif", "burgers.csv", "burgers.pvd", "burgers.pt2"} <= written
    program = names["torch"].export.load("burgers.pt2").module()
    expected = pytest.approx(float(names["solution"]([0.5, 0.1])[0]))
    assert float(program(names["torch"].tensor([[0.5, 0.1]]).double())) == expected
    assert float(names["values"][0, 0]) == expected


def test_an_equation_and_its_picture_take_few_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    poisson, burgers, inverse, tuned = blocks(ROOT / "docs" / "howto" / "few_lines.md")
    assert [
        lines(code) <= most
        for code, most in zip((poisson, burgers, inverse, tuned), (5, 15, 18, 5), strict=True)
    ] == [True] * 4
    solve_briefly(monkeypatch, points=100)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(poisson, names)
    names["poisson"] = names["solution"]
    exec(burgers, names)
    names["solution"].to_csv("probe.csv", 4)
    exec(inverse, names)
    assert set(names["solution"].unknown) == {"nu"}
    exec(tuned.replace("finetune(new)", "finetune(new, 'head', max_steps=1, progress=False)"), names)
    assert "Poisson" in repr(names["tuned"].problem)
