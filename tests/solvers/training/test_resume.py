"""A broken run, continued from its checkpoint, ends with the same bits as an unbroken one."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.errors import ArgumentError, FileFormatError, FileWriteError
from sciml.solvers.files import container
from tests.cases import ROOT

OPTIONS = {"progress": False, "tol": 0.0, "seed": 4}


def mlp() -> nn.MLP:
    return nn.MLP([2, 6, 1], "sine", seed=1)


def kan() -> nn.KAN:
    return nn.KAN([2, 3, 1], grid=3, degree=4, seed=1)


class Leaky(sciml.PDE):
    """Penalty terms besides the equation, so that weights and points of three kinds take part."""

    domain = sciml.Box([0, 0], [1, 1], names=("x", "y"))
    conditions = (sciml.Neumann(0.0, on="x=0"), sciml.Dirichlet(0.0, on=["x=1", "y=0", "y=1"], hard=False))

    def residual(self, u, x):
        return -u.laplacian() - torch.exp(x[:, :1])


def flat(solution: sciml.Solution) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(solution.network.parameters()).detach()


def history(solution: sciml.Solution) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in solution.history]


def solve(problem, model, steps, **options) -> sciml.Solution:
    return sciml.solve(problem, model(), max_steps=steps, **(OPTIONS | options))


CASES = {
    "gn-arc": (pdes.Poisson(2), mlp, "gn-arc", 45),
    "gn-arcm": (pdes.Poisson(2), mlp, "gn-arcm", 35),
    "lm, penalties": (Leaky(), kan, "lm", 45),
    "spring": (pdes.Poisson(2), mlp, "spring", 35),
    "krylov": (pdes.Poisson(2), kan, "krylov", 25),
    "ssbroyden": (Leaky(), mlp, "ssbroyden", 45),
    "lbfgs": (pdes.Burgers(nu=0.1), mlp, "lbfgs", 35),
    "adam": (Leaky(), mlp, "adam", 450),
    "torch L-BFGS": (pdes.Poisson(2), mlp, torch.optim.LBFGS, 15),
    "torch RMSprop": (pdes.Poisson(2), mlp, torch.optim.RMSprop, 250),
}


@pytest.mark.parametrize("name", CASES)
def test_a_killed_run_continues_to_the_same_result(name, tmp_path):
    problem, model, optimizer, steps = CASES[name]
    file = tmp_path / "run.h5"
    unbroken = solve(problem, model, steps, optimizer=optimizer)

    copies = []

    def killed(event):  # keeps what was on disk in the middle, as a kill would
        if not copies and event.step >= steps // 2:
            copies.append(shutil.copy(file, tmp_path / "killed.h5"))

    watched = solve(problem, model, steps, optimizer=optimizer, checkpoint=file, every=0, callbacks=[killed])
    resumed = solve(problem, model, steps, optimizer=optimizer, resume=tmp_path / "killed.h5")
    assert torch.equal(flat(watched), flat(unbroken))
    assert torch.equal(flat(resumed), flat(unbroken))
    assert history(resumed) == history(unbroken)
    assert resumed.stats["steps"] == unbroken.stats["steps"] == steps
    assert resumed.stats["weights"] == unbroken.stats["weights"]


@pytest.mark.parametrize("stop", [7, 10, 20, 33])
def test_a_run_that_ended_by_a_limit_continues_to_the_same_result(stop, tmp_path):
    """Also between two looks, where the end itself takes an extra look that the unbroken run does not."""
    file = tmp_path / "run.h5"
    unbroken = solve(pdes.Poisson(2), mlp, 45)
    solve(pdes.Poisson(2), mlp, stop, checkpoint=file, every=1e6)
    resumed = solve(pdes.Poisson(2), mlp, 45, resume=file)
    assert torch.equal(flat(resumed), flat(unbroken))
    assert [row for row in history(resumed) if row["step"] != stop or stop % 10 == 0] == history(unbroken)


def test_a_killed_process_continues_to_the_same_result(tmp_path):
    """The real thing: SIGKILL in the middle of a run of another process."""
    file = tmp_path / "run.h5"
    script = f"""
import os, signal, sciml
from sciml import pdes, nn
def die(event):
    if event.step >= 20:
        os.kill(os.getpid(), signal.SIGKILL)
sciml.solve(pdes.Poisson(2), nn.MLP([2, 6, 1], "sine", seed=1), max_steps=45, progress=False, tol=0.0, seed=4,
            checkpoint={str(file)!r}, every=0, callbacks=[die])
"""
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    unbroken = solve(pdes.Poisson(2), mlp, 45)
    resumed = solve(pdes.Poisson(2), mlp, 45, resume=file)
    assert torch.equal(flat(resumed), flat(unbroken))
    assert history(resumed) == history(unbroken)


def test_a_finished_run_is_finished_when_resumed(tmp_path):
    file = tmp_path / "run.h5"
    first = solve(pdes.Poisson(2), mlp, 300, tol=0.05, checkpoint=file)
    again = solve(pdes.Poisson(2), mlp, 300, tol=0.05, resume=file)
    assert first.outcome == again.outcome == "converged"
    assert again.stats["steps"] == first.stats["steps"]
    assert torch.equal(flat(first), flat(again))


def test_a_checkpoint_is_written_at_once_and_at_the_end(tmp_path):
    file = tmp_path / "run.h5"
    steps = []

    def look(event):
        steps.append(container.read(file, "checkpoint")[0]["counters"]["step"])

    solve(pdes.Poisson(2), mlp, 20, checkpoint=file, every=1e6, callbacks=[look])
    assert steps[0] == 0  # and nothing in between
    assert set(steps) == {0}
    assert container.read(file, "checkpoint")[0]["counters"]["step"] == 20


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("run") / "run.h5"
    solve(pdes.Poisson(2), mlp, 12, checkpoint=file, points=30)
    return file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": pdes.Poisson(2, frequency=2)}, "problem: parameters: frequency: 1, not 2"),
        ({"problem": pdes.Helmholtz()}, "problem: name: 'poisson', not 'helmholtz'"),
        ({"model": lambda: nn.MLP([2, 7, 1], "sine")}, "network: config: widths"),
        ({"model": lambda: nn.MLP([2, 6, 1], "tanh")}, "activation: 'sine', not 'tanh'"),
        ({"model": kan}, "network: "),
        ({"optimizer": "lm"}, "optimizer: "),
        ({"seed": 5}, "run_seed: 4, not 5"),
        ({"dtype": torch.float32}, "dtype: 'float64', not 'float32'"),
    ],
    ids=["parameter", "problem", "widths", "activation", "kind", "optimizer", "seed", "dtype"],
)
def test_a_checkpoint_of_another_run_is_refused(change, message, checkpoint):
    given = {"problem": pdes.Poisson(2), "model": mlp, "points": 30, **change}
    with pytest.raises(ArgumentError, match=message):
        solve(given.pop("problem"), given.pop("model"), 20, resume=checkpoint, **given)


def test_a_checkpoint_of_another_equation_is_recognised_by_its_residual(tmp_path):
    class Same(Leaky):
        def residual(self, u, x):
            return -u.laplacian() - 1.01 * torch.exp(x[:, :1])

    Same.__name__ = "Leaky"
    file = tmp_path / "run.h5"
    solve(Leaky(), mlp, 12, checkpoint=file)
    solve(Leaky(), mlp, 14, resume=file)
    with pytest.raises(ArgumentError, match="belongs to another problem"):
        solve(Same(), mlp, 14, resume=file)


def test_files_that_are_no_checkpoint_are_refused(checkpoint, tmp_path):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(checkpoint.read_bytes()[:-100])
    other = tmp_path / "solution.h5"
    solve(pdes.Poisson(2), mlp, 2, points=30).save(other)
    for file, message in (
        (cut, "refused"),
        (other, "'checkpoint' is needed"),
        (tmp_path / "none.h5", "refused"),
    ):
        with pytest.raises(FileFormatError, match=message):
            solve(pdes.Poisson(2), mlp, 20, resume=file, points=30)


@pytest.mark.parametrize("name", ["theta", "points.0", "reals", "best_theta"])
@pytest.mark.parametrize("how", ["missing", "too short", "another shape"])
def test_a_state_that_does_not_fit_is_refused(name, how, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    if how == "missing":
        del arrays[name]
    elif how == "too short":
        arrays[name] = arrays[name][:-1] if name != "points.0" else arrays[name][:, :1]
    else:
        arrays[name] = arrays[name][None]
    file = tmp_path / "forged.h5"
    container.write(file, "checkpoint", config, arrays)
    if (name, how) == ("best_theta", "missing"):
        return  # a run that has no best state yet
    with pytest.raises(FileFormatError, match="its state cannot be used"):
        solve(pdes.Poisson(2), mlp, 20, resume=file, points=30)


@pytest.mark.parametrize("key", ["counters", "counts", "weights", "method", "history", "held_out"])
def test_a_configuration_that_does_not_fit_is_refused(key, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    file = tmp_path / "forged.h5"
    for value in ({}, [], "text", None):
        container.write(file, "checkpoint", {**config, key: value}, arrays)
        if (key, value) == ("history", []):
            continue
        with pytest.raises(FileFormatError, match="its state cannot be used"):
            solve(pdes.Poisson(2), mlp, 20, resume=file, points=30)


def test_a_folder_that_cannot_be_written_to_is_found_before_training(tmp_path):
    with pytest.raises(FileWriteError, match="does not exist"):
        solve(pdes.Poisson(2), mlp, 20, checkpoint=tmp_path / "none" / "run.h5")


def test_a_disk_that_fails_later_only_warns(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()

    def lose(event):
        shutil.rmtree(folder, ignore_errors=True)

    with pytest.warns(RuntimeWarning, match="the checkpoint was not saved"):
        solution = solve(pdes.Poisson(2), mlp, 20, checkpoint=folder / "run.h5", every=0, callbacks=[lose])
    assert solution.outcome == "max_steps"
    assert math.isfinite(solution.stats["residual"])
