"""The command line: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sciml
from sciml import nn, pdes
from sciml.solvers.cli import exit_codes
from sciml.solvers.cli.arguments import make_parser
from sciml.solvers.files import container
from tests.cases import ROOT

COMMANDS = make_parser([])[1]
QUICK = ("--max-steps", "3", "--points", "25", "--widths", "2,4,1", "--quiet")


# ---- help


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_every_level_has_help_with_exit_codes(command, run):
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: sciml")
    assert "exit codes:" in out
    assert max(map(len, out.splitlines())) <= 120


def test_help_teaches_by_example(run):
    assert "sciml solve poisson --dim 2 -o poisson.h5" in run("--help")[1]
    assert "--model kan --widths 2,8,8,1" in run("solve", "--help")[1]


def test_help_of_a_problem_explains_its_parameters(run):
    code, out, _ = run("solve", "burgers", "--help")
    assert code == 0
    assert "u_t + u u_x = nu u_xx" in out
    assert "--nu FLOAT" in out
    assert "Viscosity" in out.split("--nu FLOAT")[1]


@pytest.mark.parametrize("name", pdes.names())
def test_every_problem_has_help_with_all_its_parameters(name, run):
    code, out, _ = run("solve", name, "--help")
    assert code == 0
    for parameter in pdes.build(name).parameters():
        assert f"--{parameter.replace('_', '-')} " in out


def test_help_does_not_import_torch():
    code = "import sys\ntry:\n    from sciml.solvers.cli import main; main(['--help'])\nexcept SystemExit:\n    pass\n"
    code += "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0


def test_without_a_command_it_shows_help(run):
    code, out, _ = run()
    assert code == exit_codes.USAGE
    assert "sciml solve poisson" in out


def test_version(run):
    assert run("--version") == (0, f"sciml {sciml.__version__}\n", "")


def test_python_m_sciml_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "sciml", "--version"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"sciml {sciml.__version__}\n")


# ---- list


def test_list(run):
    code, out, _ = run("list")
    assert code == 0
    assert all(name in out for name in pdes.names())
    assert "-Δu = f on [0, 1]^dim" in out
    assert "--dim 2  --frequency 1" in out


def test_list_as_json(run):
    entries = json.loads(run("list", "--json")[1])["result"]
    assert [e["name"] for e in entries] == list(pdes.names())
    for entry in entries:
        assert entry["about"]
        assert pdes.build(entry["name"], **entry["parameters"]) == pdes.build(entry["name"])


# ---- solve


def test_solve_writes_what_python_solves(run):
    code, out, err = run(
        "solve", "poisson", "--frequency", "2", "--seed", "3", *QUICK, "-o", "p.h5", "--plot", "p.png"
    )
    assert (code, out, err) == (0, "", "")
    loaded = sciml.load("p.h5")
    expected = sciml.solve(
        pdes.Poisson(2, frequency=2),
        nn.MLP([2, 4, 1], seed=3),
        progress=False,
        points=25,
        max_steps=3,
        seed=3,
    )
    x = np.random.default_rng(0).uniform(size=(20, 2))
    assert loaded.problem == pdes.Poisson(2, frequency=2)
    assert np.array_equal(loaded(x), expected(x))
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_solve_reports(run):
    code, out, _ = run("solve", "poisson", *QUICK[:-1])
    assert code == 0
    assert "Poisson(dim=2, frequency=1)" in out
    assert "relative L2 error" in out
    assert "-o FILE keeps the solution" in out


def test_solve_as_json(run):
    arguments = ("solve", "burgers", "--nu", "0.1", "--model", "mlp", *QUICK, "--json", "-o", "b.h5")
    code, out, _ = run(*arguments)
    record = json.loads(out)["result"]
    assert code == 0
    assert record["problem"] == "burgers"
    assert record["problem_parameters"] == {"nu": 0.1}
    assert record["outcome"] == "max_steps"
    assert record["steps"] == 3
    assert 0 < record["error"] < 10
    assert record["files"] == {"solution": "b.h5"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", None),
        ("--model kan", nn.KAN([2, 8, 8, 1])),
        ("--model kan --widths 2,3,1 --grid 4 --degree 5", nn.KAN([2, 3, 1], grid=4, degree=5)),
        ("--basis fourier --size 5", nn.KAN([2, 8, 8, 1], basis="fourier", size=5)),
        ("--grid 4", nn.KAN([2, 8, 8, 1], grid=4)),
        ("--model mlp --activation sine", nn.MLP([2, 20, 20, 1], "sine")),
        ("--widths 2,7,1 --seed 5", nn.MLP([2, 7, 1], seed=5)),
    ],
)
def test_solve_takes_the_network_that_was_asked_for(options, expected, run, monkeypatch):
    given = []

    def solve(problem, model, **options):
        given.append(model)
        raise sciml.ArgumentError("enough")

    monkeypatch.setitem(vars(sciml), "solve", solve)
    assert run("solve", "poisson", *options.split())[0] == exit_codes.USAGE
    assert (given[0] and given[0].config()) == (expected and expected.config())


def test_solve_continues_a_broken_run(run):
    long = ("--points", "25", "--widths", "2,4,1", "--quiet")
    assert run("solve", "poisson", *long, "--max-steps", "20", "--checkpoint", "run.h5")[0] == 0
    assert (
        run("solve", "poisson", *long, "--max-steps", "35", "--resume", "run.h5", "-o", "resumed.h5")[0] == 0
    )
    assert run("solve", "poisson", *long, "--max-steps", "35", "-o", "unbroken.h5")[0] == 0
    x = np.random.default_rng(0).uniform(size=(20, 2))
    assert np.array_equal(sciml.load("resumed.h5")(x), sciml.load("unbroken.h5")(x))


def test_solve_continues_a_broken_march(run):
    long = ("van-der-pol", "--mu", "1", "--duration", "4", "--windows", "auto", "--tol", "1e-6", "--quiet")
    assert run("solve", *long, "--max-steps", "8", "--checkpoint", "run.h5")[0] == 0
    assert run("info", "run.h5")[0] == 0
    assert run("solve", *long, "--resume", "run.h5", "-o", "resumed.h5")[0] == 0
    assert run("solve", *long, "-o", "unbroken.h5")[0] == 0
    t = np.linspace(0, 4, 20)
    assert np.array_equal(sciml.load("resumed.h5")(t), sciml.load("unbroken.h5")(t))
    code, _, err = run("solve", *long[:-5], "--resume", "run.h5", "--quiet")
    assert code == exit_codes.USAGE and "windows: 'auto', not None" in err


# ---- finetune, info, plot


def test_finetune(run, poisson):
    options = ("--adapter", "lora", "--max-steps", "2", "--points", "40", "--quiet")
    code, _, err = run(
        "finetune", poisson, "--frequency", "2", *options, "-o", "t.h5", "--save-adapter", "a.h5"
    )
    assert (code, err) == (0, "")
    assert sciml.load("t.h5").problem == pdes.Poisson(2, frequency=2)
    assert container.peek("a.h5").kind == "adapter"
    assert run("info", "a.h5")[0] == 0
    assert "--frequency INT" in run("finetune", poisson, "--help")[1]


def test_info(run, poisson):
    code, out, _ = run("info", poisson)
    assert code == 0
    for words in ("solution", "Poisson(dim=2, frequency=1)", "MLP [2, 4, 1], tanh", "max_steps"):
        assert words in out


def test_info_as_json(run, poisson):
    record = json.loads(run("info", poisson, "--json")[1])["result"]
    assert record["kind"] == "solution"
    assert record["config"]["problem"]["name"] == "poisson"
    assert record["config"]["stats"]["steps"] == 3
    assert record["arrays"]["network.layers.0.weight"] == {"shape": [4, 2], "dtype": "float64"}
    assert record["bytes"] == Path(poisson).stat().st_size


def test_info_of_a_problem_of_ones_own_says_what_is_needed(run):
    problem = pdes.Poisson(2).with_source(lambda x: x[:, :1])
    sciml.solve(problem, nn.MLP([2, 4, 1]), progress=False, points=25, max_steps=1).save("own.h5")
    code, out, _ = run("info", "own.h5")
    assert code == 0
    assert "needs its problem by name, --problem FILE.py:CLASS" in out
    assert run("plot", "own.h5", "-o", "own.png")[0] == exit_codes.USAGE


@pytest.mark.parametrize("name", ["f.png", "f.pdf", "f.svg"])
def test_plot(name, run, poisson):
    code, out, err = run("plot", poisson, "-o", name, "--kind", "error", "--at", "y=0.25")
    assert (code, out, err) == (0, "", "")
    assert Path(name).stat().st_size > 1000


def test_plot_of_what_a_finetuning_changed(run, poisson):
    options = ("--adapter", "full", "--max-steps", "1", "--points", "40", "--quiet")
    assert run("finetune", poisson, "--frequency", "2", *options, "-o", "second.h5")[0] == 0
    code, out, err = run("plot", "second.h5", "-o", "f.png", "--kind", "spectra", "--base", poisson)
    assert (code, out, err) == (0, "", "")
    assert Path("f.png").stat().st_size > 1000


# ---- what goes wrong: one line on stderr, and the right code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("solve", "poisson", "--dim", "0"), "dim needs an int from 1 to 100, got 0"),
        (("solve", "poisson", "--dim", "two"), "invalid int value: 'two'"),
        (("solve", "poisson", "--nu", "1"), "unrecognized arguments: --nu 1"),
        (("solve", "posson"), "got 'posson'"),
        (("solve",), "required: NAME"),
        (("solve", "poisson", "--widths", "3,4,1"), "model needs 2 inputs"),
        (("solve", "poisson", "--widths", "2;1"), "'2;1' is no list such as 2,8,8,1"),
        (("solve", "poisson", "--model", "mlp", "--grid", "3"), "--grid does not go with --model mlp"),
        (("solve", "poisson", "--optimizer", "magic"), "got 'magic'"),
        (("solve", "poisson", "--max-time", "-1"), "max_time needs a number of at least 0"),
        (("solve", "poisson", "--plot", "figure.gif"), "needs one of the endings .png"),
        (("draw",), "COMMAND needs one of list, solve, finetune"),
        (("plot", "poisson.h5"), "required: -o"),
        (("plot", "poisson.h5", "-o", "f.png", "--kind", "film"), "kind needs one of"),
        (("plot", "poisson.h5", "-o", "f.png", "--kind", "spectra"), "needs a fine-tuned solution"),
        (("plot", "poisson.h5", "-o", "f.png", "--at", "w=1"), "unknown coordinate 'w'"),
        (("plot", "poisson.h5", "-o", "f.png", "--at", "y"), "'y' is no place"),
        (("plot", "poisson.h5", "-o", "f.png", "--times", "0,1"), "times need a problem in time"),
        (("finetune", "poisson.h5", "--adapter", "none"), "none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_arguments(arguments, message, run, poisson):
    code, out, err = run(*arguments)
    assert (code, out) == (exit_codes.USAGE, "")
    assert message in err
    assert err.startswith("sciml")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", "none.h5"),
        ("info", "text.h5"),
        ("plot", "text.h5", "-o", "f.png"),
        ("finetune", "text.h5", "-o", "t.h5"),
        ("solve", "poisson", "--resume", "text.h5"),
        ("solve", "poisson", "-o", "no/folder.h5"),
        ("solve", "poisson", "--plot", "no/folder.png"),
        ("solve", "poisson", "--checkpoint", "no/folder.h5"),
    ],
    ids=" ".join,
)
def test_files_that_are_refused(arguments, run):
    Path("text.h5").write_text("This is no solution.\n" * 100)
    code, out, err = run(*arguments)
    assert (code, out) == (exit_codes.FILE, "")
    assert err.count("\n") == 1
    assert err.startswith("sciml: error: ")


@pytest.mark.parametrize(
    ("outcome", "code"), [("diverged", exit_codes.DIVERGED), ("interrupted", exit_codes.INTERRUPTED)]
)
def test_exit_codes_of_outcomes(outcome, code, run, monkeypatch):
    original = sciml.solve

    def solve(*arguments, **options):
        solution = original(*arguments, **options)
        solution.stats.outcome = outcome
        return solution

    monkeypatch.setitem(vars(sciml), "solve", solve)
    assert run("solve", "poisson", *QUICK, "-o", "p.h5")[0] == code
    assert sciml.load("p.h5").outcome == outcome  # what was reached is kept


def test_ctrl_c_outside_of_training(run, monkeypatch):
    def press(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setitem(vars(sciml), "solve", press)
    assert run("solve", "poisson", *QUICK) == (exit_codes.INTERRUPTED, "", "sciml: error: interrupted\n")


def test_a_reader_that_leaves_early():
    command = f"{sys.executable} -m sciml list | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("advection")
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
