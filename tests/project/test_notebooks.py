"""Notebooks are scripts: each pair says the same, with outputs, and every script runs to its end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from sciml import nn, pdes
from tests.cases import ROOT
from tests.project.pages import solve_briefly

SCRIPTS = sorted((ROOT / "notebooks").glob("*.py"))
# those that check what they find run in full, the others with a few steps a solve; all run in full on request
FULL = {
    "a_new_right_hand_side",
    "inverse",
    "race_the_optimisers",
    "solve_your_first_pde",
    "what_gradient_descent_reaches",
}
SHOW = """
import sys, warnings
if sys.argv[2] == "quick":
    import sciml
    from sciml.solvers.estimate import levels
    solve, solve_law = sciml.solve, sciml.solve_law
    def briefly(*arguments, max_time=None, max_steps=None, **options):
        return solve(*arguments, max_steps=2, **options)
    def law_briefly(*arguments, steps=None, **options):
        return solve_law(*arguments, **options, **({} if steps is None else {"steps": 5}))
    vars(sciml).update(solve=briefly, solve_law=law_briefly)
    levels.LEVELS = ((40, 120),)
else:
    warnings.simplefilter("error")
from IPython.core.interactiveshell import InteractiveShell
import jupytext
shell = InteractiveShell.instance()
shell.display_formatter.active_types = ["text/plain", "text/html", "image/png"]
for cell in jupytext.read(sys.argv[1]).cells:
    if cell.cell_type == "code":
        shell.run_cell(cell.source).raise_error()
"""


def cells(notebook: dict) -> list[tuple[str, str]]:
    return [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in notebook["cells"]]


def test_there_are_notebooks():
    assert "solve_your_first_pde" in [script.stem for script in SCRIPTS]
    assert {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")} == {script.stem for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_pair_says_the_same(script):
    jupytext = pytest.importorskip("jupytext")
    notebook = json.loads(script.with_suffix(".ipynb").read_text(encoding="utf-8"))
    assert cells(notebook) == cells(jupytext.read(script)), f"run: jupytext --sync {script.relative_to(ROOT)}"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_outputs_are_kept(script):
    """Pictures and texts, as ``docs/run_notebooks.py`` writes them; neither errors nor progress."""
    path = script.with_suffix(".ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert all(output.get("name") != "stderr" and output["output_type"] != "error" for output in outputs)
    assert all(cell.get("execution_count") is None for cell in cells)
    assert path.stat().st_size < 800_000


RUNS = [pytest.param(script, script.stem in FULL, id=script.stem) for script in SCRIPTS]
ON_REQUEST = [
    pytest.param(script, True, id=f"{script.stem}-full", marks=pytest.mark.slow)
    for script in SCRIPTS
    if script.stem not in FULL
]


@pytest.mark.parametrize(("script", "full"), RUNS + ON_REQUEST)
def test_a_notebook_runs(script, full, tmp_path):
    """As a notebook does, cell by cell with everything that a cell's last line shows; elsewhere than in the folder."""
    pytest.importorskip("IPython")
    pytest.importorskip("jupytext")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SHOW, str(script), "full" if full else "quick"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    if script.stem == "solve_your_first_pde":
        assert (tmp_path / "poisson.h5").exists()
        assert "relative L2 error" in done.stdout


def test_the_first_page_runs(tmp_path, monkeypatch):
    """Every Python block of docs/first_pde.md, one after the other, with a few steps of training each."""
    monkeypatch.chdir(tmp_path)
    solve_briefly(monkeypatch)
    text = (ROOT / "docs" / "first_pde.md").read_text(encoding="utf-8")
    names = {"problem": pdes.Poisson(2), "nn": nn}
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(compile(block, "docs/first_pde.md", "exec"), names)
    assert {p.name for p in tmp_path.iterdir()} == {"poisson.h5", "plate.h5", "run.h5", "profiles.pdf"}
    for picture in re.findall(r"\]\((images/.*?)\)", text):
        assert (ROOT / "docs" / picture).stat().st_size < 200_000
