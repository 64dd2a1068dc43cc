"""What all commands share: one JSON form, suggestions, streams that cannot write everything, completion, the doctor."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import sciml
from sciml import kernels, pdes
from sciml.kernels.cpu.cache_folder import find_folder
from sciml.solvers.cli import exit_codes
from sciml.solvers.cli.commands import completion, doctor
from sciml.solvers.cli.parser import UsageError, value_of
from tests.cases import ROOT
from tests.solvers.cli.test_cli import COMMANDS, QUICK

USES = {
    "list": (),
    "solve": ("poisson", *QUICK),
    "finetune": ("poisson.h5", "--frequency", "2", "--adapter", "head", *QUICK[:4]),
    "info": ("poisson.h5",),
    "plot": ("poisson.h5", "-o", "p.png", "--kind", "history"),
    "eval": ("poisson.h5", "p.csv"),
    "export": ("poisson.h5", "p.csv", "--grid", "3"),
    "compare": ("poisson.h5", "poisson.h5"),
    "doctor": (),
    "completion": ("bash",),
}


@pytest.fixture
def quick_doctor(monkeypatch):
    monkeypatch.setattr(doctor, "_step", lambda network: 1.0)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers_with_one_json_object(command, run, poisson, quick_doctor):
    Path("p.csv").write_text("x,y\n0.5,0.5\n")
    code, out, _ = run(command, *USES[command], "--json")
    assert out.isascii()
    assert out.count("\n") == 1
    record = json.loads(out)
    assert list(record) == ["sciml", "command", "code", "result"]
    assert (record["command"], record["code"]) == (command, code)
    assert code == 0
    assert record["result"]


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (("slove", "poisson"), "UsageError", exit_codes.USAGE),
        (("solve", "posson"), "ArgumentError", exit_codes.USAGE),
        (("info", "none.h5"), "FileFormatError", exit_codes.FILE),
        (("solve", "poisson", "-o", "no/folder.h5"), "FileWriteError", exit_codes.FILE),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_errors_have_the_same_form(arguments, kind, code, run):
    found, out, err = run(*arguments, "--json")
    record = json.loads(out)
    assert (found, record["code"], record["error"]["kind"]) == (code, code, kind)
    assert record["error"]["message"] in err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("slove", "poisson"), "solve"),
        (("solve", "posson"), "poisson"),
        (("solve", "poisson", "--frequncy", "2"), "--frequency"),
        (("solve", "poisson", "--max-tme=2"), "--max-time"),
        (("solve", "poisson", "--model", "kann"), "kan"),
        (("solve", "poisson", "--optimizer", "gn-acr"), "gn-arc"),
        (("completion", "bsh"), "bash"),
    ],
    ids=" ".join,
)
def test_what_was_meant_is_suggested(arguments, meant, run):
    code, _, err = run(*arguments)
    assert code == exit_codes.USAGE
    assert f"Did you mean {meant}?" in err
    assert err.count("\n") == 1


def test_nothing_is_suggested_where_nothing_is_like_it(run):
    assert "Did you mean" not in run("xyzzy")[2]
    with pytest.raises(sciml.ArgumentError, match=r"got 'qqqq'\.$"):
        pdes.get("qqqq")
    with pytest.raises(sciml.ArgumentError, match=r"got 'frequncy'\. Did you mean frequency\?$"):
        pdes.build("poisson", frequncy=2)


def test_values_of_options():
    assert value_of(["a", "--problem", "f.py:A"], "--problem") == "f.py:A"
    assert value_of(["a", "--problem=f.py:A"], "--problem") == "f.py:A"
    assert value_of(["a", "--problem"], "--problem") is None
    assert value_of([], "--problem") is None
    assert issubclass(UsageError, sciml.SciMLError)


@pytest.mark.parametrize("arguments", [("list",), ("--help",)])
def test_a_stream_of_another_encoding_gets_everything(arguments):
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "sciml", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout.decode("cp1252")) > 300


# ---- completion


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sciml", "sol"), {"solve"}),
        (("sciml", "solve", "pois"), {"poisson", "poisson-boltzmann", "poisson-cosine", "poisson-discs"}),
        (("sciml", "solve", "mi"), {"mine.py"}),
        (("sciml", "compare", "--to"), {"--tol"}),
        (("sciml", "info", "poi"), {"poisson.h5"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes(words, expected, run, poisson):
    """The script is sourced, and its function asked as bash asks it."""
    Path("mine.py").write_text("")
    Path("sciml.bash").write_text(run("completion", "bash")[1])
    asked = f"source ./sciml.bash; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
    function = "$(complete -p sciml | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
    asked += f'{function} sciml {words[-1]} {words[-2]}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert {word.strip() for word in done.stdout.split()} == expected


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_get_a_script(shell, run):
    code, out, _ = run("completion", shell)
    assert code == 0
    assert "solve" in out


def test_completion_without_shtab_names_the_extra(run, monkeypatch):
    monkeypatch.setattr(completion, "shtab", None)
    code, out, err = run("completion", "bash")
    assert (code, out) == (exit_codes.USAGE, "")
    assert 'pip install "sciml-kan[completion]"' in err


# ---- doctor


def test_the_doctor_tells_what_is_there(run):
    record = json.loads(run("doctor", "--json")[1])["result"]
    assert record["packages"]["torch"] == torch.__version__
    assert {name: found["missing"] for name, found in record["kernels"].items()} == kernels.backends()
    assert all(found["off"] is None or found["off"] < 1e-13 for found in record["kernels"].values())
    assert record["cache"]["folder"] == str(find_folder()[0])
    assert record["cache"]["files"] > 0
    assert bool(record["gpu"]["devices"]) == torch.cuda.is_available()
    assert all(found > 0 for found in record["milliseconds_a_step"].values())


def test_the_doctor_finds_kernels_that_compute_something_else(run, monkeypatch, quick_doctor):
    original = kernels.kan_jets

    def wrong(z, layers, W=None, *, backend=None):
        return original(z, layers, W, backend=backend) * (1 + 1e-6 * (backend == "torch"))

    monkeypatch.setitem(vars(kernels), "kan_jets", wrong)
    code, out, _ = run("doctor")
    assert code == exit_codes.FAILED
    assert "the kernels torch are off by 1.0e-06" in out


def test_the_doctor_tells_of_a_cache_that_cannot_be_used(run, monkeypatch, quick_doctor):
    monkeypatch.setattr(doctor, "find_folder", lambda: (None, "it belongs to another user"))
    code, out, _ = run("doctor")
    assert code == 0
    assert "compiled kernels are not kept: it belongs to another user" in out
