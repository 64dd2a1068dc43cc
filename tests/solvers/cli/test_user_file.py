"""Problems in a file of the user: solved, loaded again, and told with the line where their code fails."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import sciml
from sciml import nn
from sciml.solvers.cli import exit_codes, user_file
from tests.solvers.cli.test_cli import QUICK

FILE = """
from __future__ import annotations

from dataclasses import dataclass

import sciml
from beside import RATE


@dataclass(frozen=True)
class Reaction(sciml.PDE):
    \"\"\"-Laplace u + k u^3 = f on the unit square.

    Attributes:
        k: Rate of the reaction.
        tol: A parameter with the name of an option of the program.
    \"\"\"

    k: float
    tol: float = RATE
    domain = sciml.Box([0, 0], [1, 1], names=("x", "y"))
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -u.laplacian() + self.k * u**3 - self.tol


class Plain(Reaction):
    pass


ready = Reaction(k=2.0)

if __name__ == "__main__":
    raise RuntimeError("not run as a module")
"""

METRICS = """
import torch

from sciml import Box

inside = Box([0, 0], [1, 1]).sample(50)


def energy(u):
    return (u(inside) ** 2).mean()
"""


@pytest.fixture
def file() -> str:
    Path("beside.py").write_text("RATE = 1.0\n")
    Path("mine.py").write_text(FILE)
    return "mine.py"


def test_a_class_of_ones_own_is_solved_and_loaded_again(run, file):
    code, _, err = run("solve", f"{file}:Reaction", "--k", "2", *QUICK, "-o", "r.h5", "--seed", "1")
    assert (code, err) == (0, "")
    problem = user_file.build(f"{file}:Reaction", {"k": 2.0})
    expected = sciml.solve(problem, nn.MLP([2, 4, 1], seed=1), points=25, max_steps=3, seed=1, progress=False)
    x = np.random.default_rng(0).uniform(size=(9, 2))
    assert np.array_equal(sciml.load("r.h5", problem=problem)(x), expected(x))
    np.savetxt("p.csv", x, delimiter=",", header="x,y", comments="", fmt="%.17g")
    code, out, err = run("eval", "r.h5", "p.csv", "--problem", f"{file}:Reaction", "--json")
    assert (code, err) == (0, "")
    assert np.array_equal(json.loads(out)["result"]["values"], expected(x))


def test_a_saved_file_needs_its_class_by_name(run, file):
    assert run("solve", f"{file}:Reaction", "--k", "2", *QUICK, "-o", "r.h5")[0] == 0
    code, out, err = run("plot", "r.h5", "-o", "r.png")
    assert (code, out) == (exit_codes.USAGE, "")
    assert "r.h5 needs its problem by name, --problem FILE.py:CLASS" in err
    assert run("plot", "r.h5", "-o", "r.png", "--problem", f"{file}:Reaction")[0] == 0
    assert "Reaction(k=2.0, tol=1.0)" in run("info", "r.h5", "--problem", f"{file}:Reaction")[1]


def test_another_class_is_refused(run, file):
    assert run("solve", f"{file}:Reaction", "--k", "2", *QUICK, "-o", "r.h5")[0] == 0
    Path("mine.py").write_text(FILE.replace("self.k * u**3", "self.k * u**2"))
    code, _, err = run("plot", "r.h5", "-o", "r.png", "--problem", f"{file}:Reaction")
    assert code == exit_codes.USAGE
    assert "has another equation" in err


def test_its_fields_are_options_and_one_with_a_taken_name_is_called_otherwise(run, file):
    code, out, _ = run("solve", f"{file}:Reaction", "--help")
    assert code == 0
    assert "usage: sciml solve NAME --k FLOAT [--problem-tol FLOAT] [options]" in out
    assert "Rate of the reaction. (required)" in out
    code, _, err = run("solve", f"{file}:Reaction", *QUICK)
    assert code == exit_codes.USAGE
    assert "required: --k" in err
    code, out, _ = run("solve", f"{file}:Reaction", "--k", "1", "--problem-tol", "2", *QUICK, "--json")
    assert json.loads(out)["result"]["problem_parameters"] == {"k": 1.0, "tol": 2.0}


def test_a_solution_of_ones_own_is_finetuned(run, file):
    assert run("solve", f"{file}:Reaction", "--k", "0.1", *QUICK, "-o", "r.h5")[0] == 0
    own = ("--problem", f"{file}:Reaction", "--k", "0.2")
    code, out, err = run("finetune", "r.h5", *own, "--adapter", "head", *QUICK[:4], "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["result"]["problem_parameters"] == {"k": 0.2, "tol": 1.0}
    code, _, err = run("finetune", "r.h5", "--k", "0.2")
    assert code == exit_codes.USAGE
    assert "Name your own class: --problem FILE.py:CLASS" in err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.py", "mine.py needs a class by name, as in mine.py:Burgers; it has Reaction, Plain, ready"),
        ("mine.py:Reactoin", "needs a class Reactoin; it has Reaction, Plain, ready. Did you mean Reaction?"),
        ("mine.py:RATE", "needs a subclass of sciml.PDE, got 1.0"),
        ("none.py:Reaction", "needs a file that is there, got 'none.py'"),
    ],
)
def test_what_is_not_there_is_named(name, message, run, file):
    code, out, err = run("solve", name, *QUICK)
    assert (code, out) == (exit_codes.USAGE, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_problem_that_is_made_already(run, file):
    code, out, _ = run("solve", f"{file}:ready", *QUICK, "--json")
    assert code == 0
    assert json.loads(out)["result"]["problem_parameters"] == {"k": 2.0, "tol": 1.0}
    with pytest.raises(sciml.ArgumentError, match="it is made already"):
        user_file.build(f"{file}:ready", {"k": 1.0})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("import sciml\n", "import scimlx\n"), "ModuleNotFoundError: No module named 'scimlx'"),
        (("RATE\n", "RATE RATE\n"), "SyntaxError: "),
        (("u**3 - self.tol", "u**3 - load"), "name 'load' is not defined"),
        (("self.k * u**3", "self.k * u.dd('x')"), "no attribute 'dd'"),
        (("ready = ", "ready = 1 / 0 * "), "ZeroDivisionError: division by zero"),
    ],
    ids=["import", "syntax", "name", "derivative", "module"],
)
def test_an_error_of_the_users_code_is_told_with_its_line(change, message, run, file):
    text = FILE.replace(*change)
    line = next(
        k for k, (a, b) in enumerate(zip(text.splitlines(), FILE.splitlines(), strict=True), 1) if a != b
    )
    Path("mine.py").write_text(text)
    code, out, err = run("solve", f"{file}:Reaction", "--k", "1", *QUICK)
    assert (code, out) == (exit_codes.USAGE, "")
    assert err.startswith(f"sciml: error: mine.py:{line}: `{text.splitlines()[line - 1].strip()}`")
    assert message in err
    assert err.count("\n") == 1


def test_an_error_while_training_is_told_with_its_line(run, file):
    lines = FILE.splitlines()
    at = lines.index("    conditions = (sciml.Dirichlet(0.0),)")
    lines[at] = "    conditions = (sciml.Dirichlet(lambda x: x[:, :1] if len(x) < 3 else missing),)"
    Path("mine.py").write_text("\n".join(lines))
    code, _, err = run("solve", f"{file}:Reaction", "--k", "1", *QUICK)
    assert code == exit_codes.USAGE
    assert f"mine.py:{at + 1}: " in err


def test_an_error_of_sciml_itself_is_no_error_of_the_file(file):
    with pytest.raises(KeyError), user_file.lines_told(file):
        {}["ours"]


def test_a_changed_file_is_read_anew_and_hides_no_other_module(file):
    first = user_file.find(f"{file}:Reaction")
    assert user_file.find(f"{file}:Reaction") is first
    Path("mine.py").write_text(FILE.replace("tol: float = RATE", "tol: float = 5.0"))
    second = user_file.find(f"{file}:Reaction")
    assert {f.name: f.default for f in dataclasses.fields(second)}["tol"] == 5.0
    Path("json.py").write_text(FILE)
    user_file.find("json.py:Reaction")
    assert json.loads("1") == 1
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "expected"),
    [("mine.py", True), ("mine.py:A", True), (r"C:\mine.py:A", True), ("poisson", False), ("mine:A", False)],
)
def test_what_names_a_file(text, expected):
    assert user_file.is_user_file(text) is expected


def test_a_metric_of_a_file_is_in_the_answer(run):
    Path("watch.py").write_text(METRICS)
    code, out, _ = run("solve", "poisson", *QUICK, "--metric", "watch.py:energy", "-o", "p.h5", "--json")
    assert code == 0
    solution = sciml.load("p.h5")
    x = sciml.Box([0, 0], [1, 1]).sample(50)
    assert json.loads(out)["result"]["metrics"]["energy"] == pytest.approx(float((solution(x) ** 2).mean()))


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("watch.py:enrgy", "Did you mean energy?"),
        ("watch.py:inside", "needs a function"),
        ("energy", "FILE.py:FUNCTION"),
        ("no.py:energy", "a file that is there"),
    ],
)
def test_a_metric_that_is_none_is_refused(metric, told, run):
    Path("watch.py").write_text(METRICS)
    code, _, err = run("solve", "poisson", *QUICK, "--metric", metric)
    assert code == exit_codes.USAGE
    assert told in err


def test_a_class_without_fields_has_no_options_and_the_message_says_why(run):
    Path("plain.py").write_text(
        "import sciml\n\n\nclass Rod(sciml.PDE):\n    nu = 0.1\n    domain = sciml.Interval(0, 1)\n"
        "    conditions = (sciml.Dirichlet(0.0),)\n\n    def residual(self, u, x):\n"
        "        return self.nu * u.laplacian() + 1.0\n"
    )
    code, _, told = run("solve", "plain.py:Rod", "--nu", "0.2")
    assert code == 2
    assert "unrecognized arguments: --nu 0.2. plain.py:Rod has no parameters" in told
    assert "fields of its dataclass" in told
