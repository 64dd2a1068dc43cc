"""A march that was broken off, between two windows or within one, ends with the same bits as an unbroken one."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

import sciml
from benchmarks import fuzz
from sciml.errors import ArgumentError, FileFormatError, FileWriteError
from sciml.solvers.files import container
from tests.cases import ROOT

CASES = """
import math, torch, sciml

class Turning(sciml.PDE):
    unknowns = ("a", "b")
    domain = sciml.TimeInterval(0, 4)
    conditions = (sciml.Initial(1.0, component="a"), sciml.Initial(0.0, component="b"))

    def residual(self, u, t):
        return u["a"].d("t") + 2 * u["b"], u["b"].d("t") - 2 * u["a"] + u["a"] ** 3

class Leak(sciml.PDE):
    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    conditions = (
        sciml.Initial(lambda x: torch.cos(math.pi * x[:, 1:])),
        sciml.Neumann(0.0, on=["x=0", "x=1"]),
    )
    factor = 1.0

    def residual(self, u, x):
        return u.d("t") - 0.3 * self.factor * u.d("x", "x") + u**3
"""
exec(CASES)  # the same text runs in a process of its own

OPTIONS = {
    "Turning": {"windows": "auto", "tol": 1e-9},
    "Leak": {"windows": "auto", "points": 150, "tol": 1e-3, "max_steps": 90},
    "Leak, equal": {"windows": 2, "points": 150, "tol": 1e-3, "max_steps": 60},
}


def march(name, **options) -> sciml.Solution:
    problem = globals()[name.split(",")[0]]()
    return sciml.solve(problem, **{"max_time": 600, "progress": False, "seed": 3} | OPTIONS[name] | options)


def flat(solution) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(solution.trial.network.parameters()).detach()


def same(one, other, history=True) -> None:
    spans = [[window.span for window in solution.trial.windows] for solution in (one, other)]
    assert spans[0] == spans[1]
    assert torch.equal(flat(one), flat(other))
    ignored = {"seconds", "threads"}
    stats = [{k: v for k, v in s.stats.items() if k not in ignored} for s in (one, other)]
    assert stats[0] == stats[1]
    if history:
        rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in s.history] for s in (one, other)]
        assert rows[0] == rows[1]


@pytest.fixture(scope="module")
def unbroken():
    return {name: march(name) for name in OPTIONS}


KILL = """
import os, signal
from sciml.solvers.files import container

plain, seen = {name}.residual, set()
def watched(self, u, x):
    at = os.stat({file!r}).st_ino if os.path.exists({file!r}) else None
    if at is not None and at not in seen:
        seen.clear()
        seen.add(at)
        config = container.peek({file!r}).config
        step = -1 if config["run"] is None else config["run"]["counters"]["step"]
        if config["count"] == {count} and step == {step}:
            os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, u, x)
{name}.residual = watched
sciml.solve({name}(), max_time=600, progress=False, seed=3, checkpoint={file!r}, every=0, **{options})
"""


@pytest.mark.parametrize(
    "name, count, step", [("Turning", 3, -1), ("Leak", 2, 5)], ids=["between windows", "within one"]
)
def test_a_killed_process_continues_to_the_same_result(name, count, step, unbroken, tmp_path):
    file = tmp_path / "march.h5"
    script = CASES + KILL.format(name=name, count=count, step=step, file=str(file), options=OPTIONS[name])
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    same(march(name, resume=file), unbroken[name])


def test_saving_changes_nothing(unbroken, tmp_path):
    file = tmp_path / "march.h5"
    same(march("Turning", checkpoint=file, every=0), unbroken["Turning"])
    again = march("Turning", resume=file)  # a finished one is finished
    same(again, unbroken["Turning"])


@pytest.mark.parametrize("name, stop", [("Turning", 11), ("Leak", 13), ("Leak, equal", 18)])
def test_a_limit_can_be_raised(name, stop, unbroken, tmp_path):
    file = tmp_path / "march.h5"
    first = march(name, max_steps=stop, checkpoint=file, every=1e6)
    assert first.outcome == "max_steps"
    # the limit itself takes a look that an unbroken run does not
    same(march(name, resume=file), unbroken[name], history=False)


def test_a_checkpoint_is_written_at_once_and_a_callback_that_raises_loses_nothing(tmp_path):
    file = tmp_path / "march.h5"

    def fail(event):
        assert container.read(file, "checkpoint")[0]["count"] == 0
        raise ValueError("no more")

    with pytest.warns(RuntimeWarning, match="raised ValueError: no more"):
        solution = march("Turning", checkpoint=file, every=1e6, callbacks=[fail])
    assert solution.outcome == "interrupted"
    assert len(solution.trial.windows) == 1
    with pytest.raises(FileWriteError):
        march("Turning", checkpoint=tmp_path / "none" / "march.h5")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    file = tmp_path_factory.mktemp("march") / "march.h5"
    march("Leak", max_steps=26, checkpoint=file, every=1e6)
    assert container.read(file, "checkpoint")[0]["run"] is not None
    return file


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("Turning", {}, "belongs to another run: problem: "),
        ("Leak", {"seed": 4}, "run_seed: 3, not 4"),
        ("Leak", {"windows": 4}, "windows: 'auto', not 4"),
        ("Leak", {"tol": 1e-4}, "tol: 0.001, not 0.0001"),
        ("Leak", {"points": 151}, "points: 150, not 151"),
        ("Leak", {"windows": None}, "windows: 'auto', not None"),
        ("Leak", {"dtype": torch.float32}, "dtype: 'float64', not 'float32'"),
        ("Leak", {"model": sciml.nn.MLP([2, 5, 1], "tanh")}, "network: "),
        ("Leak", {"optimizer": "lm"}, "optimizer: 'auto', not 'lm'"),
    ],
)
def test_a_checkpoint_of_another_march_is_refused(name, options, message, checkpoint):
    with pytest.raises(ArgumentError, match=message):
        march(name, resume=checkpoint, **options)


def test_a_plain_checkpoint_is_no_march(tmp_path):
    file = tmp_path / "plain.h5"
    sciml.solve(Leak(), max_steps=2, points=30, seed=3, progress=False, checkpoint=file)  # noqa: F821
    with pytest.raises(ArgumentError, match="windows: None, not 'auto'"):
        march("Leak", resume=file)


class Other(Leak):  # noqa: F821
    factor = 1.001


class Warmer(Leak):  # noqa: F821
    conditions = (
        sciml.Initial(lambda x: 1.001 * torch.cos(math.pi * x[:, 1:])),
        sciml.Neumann(0.0, on=["x=0", "x=1"]),
    )


class Heated(Leak):  # noqa: F821
    conditions = (
        sciml.Initial(lambda x: torch.cos(math.pi * x[:, 1:])),
        sciml.Neumann(0.01, on=["x=0", "x=1"]),
    )


@pytest.mark.parametrize("kind", [Other, Warmer, Heated])
def test_a_checkpoint_of_another_equation_is_recognised_by_its_numbers(kind, checkpoint):
    like = type("Leak", (kind,), {})
    with pytest.raises(ArgumentError, match="belongs to another problem"):
        sciml.solve(like(), resume=checkpoint, max_time=600, progress=False, seed=3, **OPTIONS["Leak"])


def forge(checkpoint, tmp_path, change):
    """Resume from a file with right seal and digest, and another content."""
    config, arrays = container.read(checkpoint, "checkpoint")
    change(config, arrays)
    file = tmp_path / "forged.h5"
    container.write(file, "checkpoint", config, arrays)
    return march("Leak", resume=file)


def reals(name, value):
    from sciml.solvers.windows.expected_march import REALS

    def change(config, arrays):
        arrays["reals"] = arrays["reals"].copy()
        arrays["reals"][REALS.index(name)] = value

    return change


def put(name, place, value):
    def change(config, arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value

    return change


def setting(value, *keys):
    def change(config, arrays):
        for key in keys[:-1]:
            config = config[key]
        config[keys[-1]] = value

    return change


def without(name):
    return lambda config, arrays: arrays.pop(name)


@pytest.mark.parametrize(
    "change, message",
    [
        (setting(5, "count"), "is implied|count"),
        (setting(-1, "count"), "count needs"),
        (setting(True, "log"), "log is True"),
        (setting(["x"] * 2000, "notes"), "notes"),
        (setting(3, "notes"), "notes"),
        (setting(10**13, "counters", "steps"), "steps needs"),
        (setting({}, "counters"), "counters need"),
        (setting(None, "sizes"), "sizes are missing"),
        (setting([1.0, 2.0], "sizes", "unknowns"), "one number an unknown"),
        (setting([-1.0], "sizes", "unknowns"), "sizes need"),
        (setting({"pde": math.pi * 0}, "weights"), "weights need"),
        (setting({}, "run"), "KeyError"),
        (setting(None, "run"), "does not belong|not to be finite"),
        (setting(99, "run", "counters", "decided"), "decided is 99, beyond the step"),
        (setting(1, "hook"), "its configuration needs to be"),
        (without("windows.span"), "missing"),
        (without("run.theta"), "missing"),
        (without("network.layers.0.weight"), "missing"),
        (put("windows.span", (0, 1), 0.5), "does not follow|window 0"),
        (put("windows.span", (0, 2), 0.0), "logarithm"),
        (put("windows.scale", (0, 0), -1.0), "scale of a window"),
        (put("run.points.0", (0, 0), 3.0), "outside the domain"),
        (put("entered", (), 1e9), "seconds are out of range"),
        (reals("length", 0.0), "length"),
        (reals("worst", math.nan), "worst is nan"),
        (reals("scale", math.inf), "scale is inf"),
        (put("history.step", 0, 1e9), "do not rise"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change, message, checkpoint, tmp_path):
    with pytest.raises(FileFormatError, match=message) as caught:
        forge(checkpoint, tmp_path, change)
    assert "forged.h5" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "change",
    [
        lambda c, a: a.update({"network.layers.0.weight": 1.01 * a["network.layers.0.weight"]}),
        lambda c, a: a.update({"run.theta": 1.01 * a["run.theta"]}),
        lambda c, a: a.update({"probe.equation": 1.01 * a["probe.equation"]}),
        reals("last", 1.0),
    ],
)
def test_a_changed_number_is_noticed(change, checkpoint, tmp_path):
    with pytest.raises(ArgumentError, match="belongs to another problem"):
        forge(checkpoint, tmp_path, change)


def test_the_unforged_checkpoint_is_accepted(checkpoint, tmp_path, unbroken):
    same(forge(checkpoint, tmp_path, lambda config, arrays: None), unbroken["Leak"], history=False)


def test_damaged_files_are_refused(checkpoint, tmp_path):
    data = checkpoint.read_bytes()
    file = tmp_path / "wrong.h5"
    for wrong in (*fuzz.cuts(data, 5, 0), *fuzz.flips(data, 10, 0)):
        file.write_bytes(wrong)
        with pytest.raises(FileFormatError):
            march("Leak", resume=file)
