"""A broken run, continued from its checkpoint, ends with the same bits as an unbroken one."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import sciml
from benchmarks import fuzz
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
    "torch NAdam": (pdes.Poisson(2), mlp, torch.optim.NAdam, 19),
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


@pytest.mark.parametrize("stop", [20, 65])
def test_estimates_of_a_continued_run_fall_due_at_the_same_looks(stop, tmp_path):
    file = tmp_path / "run.h5"
    unbroken = solve(pdes.Poisson(2), mlp, 160, accuracy=1e-14)
    solve(pdes.Poisson(2), mlp, stop, accuracy=1e-14, checkpoint=file, every=1e6)
    resumed = solve(pdes.Poisson(2), mlp, 160, accuracy=1e-14, resume=file)
    later = [[row for row in history(s) if row["step"] > stop] for s in (resumed, unbroken)]
    assert any("estimate" in row for row in later[0]) and later[0] == later[1]


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


@pytest.mark.parametrize("name", ["theta", "points.0", "reals", "best_theta", "history.step"])
@pytest.mark.parametrize("how", ["missing", "too short", "another shape", "another type"])
def test_a_state_that_does_not_fit_is_refused(name, how, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    if how == "missing":
        del arrays[name]
    elif how == "too short":
        arrays[name] = arrays[name][:-1] if name != "points.0" else arrays[name][:, :1]
    elif how == "another shape":
        arrays[name] = arrays[name][None]
    else:
        arrays[name] = arrays[name].astype(np.float32)
    wanted = ArgumentError if (name, how) == ("best_theta", "missing") else FileFormatError
    with pytest.raises(wanted, match=r"forged\.h5"):
        forge(config, arrays, tmp_path)


def forge(config, arrays, tmp_path, **change):
    """Resume from a file with right seal and digest, and another content."""
    file = tmp_path / "forged.h5"
    container.write(file, "checkpoint", {**config, **change}, arrays)
    return solve(pdes.Poisson(2), mlp, 14, resume=file, points=30)


KEYS = ("identity", "counters", "counts", "weights", "held_out_weights", "method", "history", "held_out")


@pytest.mark.parametrize("key", [*KEYS, "allow_nan", "rows"])
def test_a_configuration_that_does_not_fit_is_refused(key, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    for value in ({}, [], "text", None, 3, [[]], {"a": {}}):
        if (key, value) == ("allow_nan", []):
            continue
        with pytest.raises((FileFormatError, ArgumentError), match=r"needs a list of names|belongs|refused"):
            forge(config, arrays, tmp_path, **{key: value})
    del config[key]
    if key in KEYS:
        with pytest.raises(FileFormatError, match=f"KeyError: '{key}'"):
            forge(config, arrays, tmp_path)


def test_the_unforged_checkpoint_is_accepted(checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    del config["rows"]  # version 0.1.0 did not write it
    assert forge(config, arrays, tmp_path).stats.steps == 14


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", 2**63),
        ("step", 10**13),
        ("step", -5),
        ("step", 1.0),
        ("step", True),
        ("step", 3),  # below the last row of its history
        ("decided", -2),
        ("decided", 10**6),
        ("draws", 2**53),
        ("draws", -1),
        ("rejected", 10**6),
        ("since_redraw", 10**6),
        ("quiet_looks", -5),
        ("quiet_looks", None),
        ("rescued", 1),
        ("hook", 1),
    ],
)
def test_counters_out_of_range_are_refused(name, value, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    with pytest.raises(FileFormatError, match=rf"{name} |counters|steps of its history|too many"):
        forge(config, arrays, tmp_path, counters={**config["counters"], name: value})


@pytest.mark.parametrize("value", [0, -30, 10**9, 2.5, "30", 29])
def test_counts_of_points_out_of_range_are_refused(value, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    with pytest.raises(FileFormatError, match=r"count of points|is implied"):
        forge(config, arrays, tmp_path, rows=[value])
    if value != 29:
        with pytest.raises(FileFormatError, match="count of points"):
            forge(config, arrays, tmp_path, counts=[value])


def test_more_points_than_memory_allows_are_refused(checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    arrays["points.0"] = np.full((1_200_000, 2), 0.5)
    with pytest.raises(FileFormatError, match="count of points needs a whole number from 1 to 120000"):
        forge(config, arrays, tmp_path, counts=[1_200_000], rows=[1_200_000])


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("points.0", (3, 1), 1.01, "outside the domain"),
        ("points.0", (3, 1), -1e300, "outside the domain"),
        ("reals", 3, 0.0, "scale"),
        ("reals", 3, math.nan, "scale"),
        ("reals", 3, math.inf, "scale"),
        ("reals", 3, -1.0, "scale"),
        ("reals", 2, -1.0, "seconds"),
        ("reals", 0, math.nan, "best losses"),
        ("reals", 1, -1.0, "best losses"),
        ("history.step", 0, math.inf, "do not rise"),
        ("history.step", 0, 0.5, "steps need whole numbers|do not rise"),
        ("history.step", 0, 12.0, "do not rise"),
        ("theta", 2, math.nan, "not to be finite"),
        ("best_theta", 2, math.inf, "not to be finite"),
    ],
)
def test_numbers_out_of_range_are_refused(name, place, value, message, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    arrays[name] = arrays[name].copy()
    arrays[name][place] = value
    allowed = sorted({*config["allow_nan"], name} if not math.isfinite(value) else config["allow_nan"])
    with pytest.raises(FileFormatError, match=message):
        forge(config, arrays, tmp_path, allow_nan=allowed)


@pytest.mark.parametrize(
    ("name", "place", "factor"),
    [("reals", 3, 2.0), ("reals", 0, 0.0), ("theta", 2, 1.1), ("best_theta", 2, 1.1)],
)
def test_a_changed_scale_loss_or_parameter_is_noticed(name, place, factor, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    arrays[name] = arrays[name].copy()
    arrays[name][place] *= factor
    with pytest.raises(ArgumentError, match="belongs to another problem"):
        forge(config, arrays, tmp_path)


@pytest.mark.parametrize("value", ["nan", "none", "", "1e-3\x1b[31m", "inf", "-inf", 0.5, True, "0x1p3"])
def test_a_held_out_loss_that_is_none_is_refused(value, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    # a file that says "infinite" is in order, and no state of this problem
    wanted = ArgumentError if value in ("inf", "-inf") else FileFormatError
    with pytest.raises(wanted, match=r"held_out|held-out|could not convert|another problem") as caught:
        forge(config, arrays, tmp_path, held_out=value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("key", ["weights", "held_out_weights"])
@pytest.mark.parametrize("value", [0, -1.0, "1", None, True, {"float": "inf"}, {"float": "nan"}, [1.0]])
def test_weights_out_of_range_are_refused(key, value, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    with pytest.raises(FileFormatError, match=r"weight of pde needs|needs a number"):
        forge(config, arrays, tmp_path, **{key: {"pde": value}})
    with pytest.raises(FileFormatError, match="weights need to be those of pde"):
        forge(config, arrays, tmp_path, **{key: {"pde": 1.0, "other": 1.0}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", -1.0),
        ("weight", {"float": "nan"}),
        ("weight", "1"),
        ("nu", {"float": "inf"}),
        ("loss", [1.0]),
        ("loss", {"float": "1e5"}),
        ("loss", {"float": "nan", "a": 1}),
        ("moved", 1),
        ("accepted", None),
        ("rejections", -1),
        ("rejections", 2**63),
        ("evaluations", 1.5),
        ("hook", 1.0),
        ("model", 1.0),
    ],
)
def test_a_method_s_numbers_out_of_range_are_refused(name, value, checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    with pytest.raises(FileFormatError, match=f"{name}.? (needs|is no part)"):
        forge(config, arrays, tmp_path, method={**config["method"], name: value})


def test_a_method_s_missing_number_is_refused(checkpoint, tmp_path):
    config, arrays = container.read(checkpoint, "checkpoint")
    with pytest.raises(FileFormatError, match="saved state"):
        forge(config, arrays, tmp_path, method={k: v for k, v in config["method"].items() if k != "nu"})


STATES = {
    "lbfgs": ("method.steps", lambda a: a[:-1]),
    "gradient": ("method.gradient", lambda a: a[:-1]),
    "inverse": ("method.inverse", lambda a: a[0]),
    "adam": ("method.torch.exp_avg", lambda a: a[None]),
    "adam's step": ("method.torch.step", lambda a: a[None]),
}


@pytest.mark.parametrize("what", STATES)
def test_a_method_s_arrays_that_do_not_fit_are_refused(what, tmp_path):
    name, change = STATES[what]
    optimizer = {"inverse": "ssbroyden", "adam": "adam", "adam's step": "adam"}.get(what, "lbfgs")
    options = {"optimizer": optimizer, "points": 30}
    file = tmp_path / "run.h5"
    solve(pdes.Poisson(2), mlp, 12, checkpoint=file, **options)
    assert solve(pdes.Poisson(2), mlp, 14, resume=file, **options).stats.steps == 14
    config, arrays = container.read(file, "checkpoint")
    for changed in ({**arrays, name: change(arrays[name])}, {k: v for k, v in arrays.items() if k != name}):
        container.write(file, "checkpoint", config, changed)
        if what == "inverse" and name not in changed:
            continue  # there is none before the first update
        with pytest.raises(FileFormatError, match=r"run\.h5: refused"):
            solve(pdes.Poisson(2), mlp, 14, resume=file, **options)


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.SGD,
        torch.optim.RAdam,
        torch.optim.Adagrad,
        torch.optim.RMSprop,
        "bfgs",
        "arcm",
    ],
    ids=str,
)
def test_every_optimiser_s_own_state_is_taken(optimizer, tmp_path):
    file = tmp_path / "run.h5"
    options = {"optimizer": optimizer, "points": 30}
    solve(pdes.Poisson(2), mlp, 12, checkpoint=file, **options)
    unbroken = solve(pdes.Poisson(2), mlp, 16, **options)
    assert torch.equal(flat(solve(pdes.Poisson(2), mlp, 16, resume=file, **options)), flat(unbroken))


@pytest.mark.parametrize("optimizer", [torch.optim.LBFGS, torch.optim.NAdam], ids=str)
def test_an_optimiser_s_lists_and_odd_dtypes_are_taken(optimizer, tmp_path):
    """Not to the same bits: torch itself rounds, or drops, some of their state when it is loaded."""
    file = tmp_path / "run.h5"
    options = {"optimizer": optimizer, "points": 30}
    solve(pdes.Poisson(2), mlp, 3, checkpoint=file, **options)
    assert solve(pdes.Poisson(2), mlp, 5, resume=file, **options).stats.steps == 5


def test_cut_and_flipped_checkpoints_are_refused(checkpoint, tmp_path):
    data, file = checkpoint.read_bytes(), tmp_path / "run.h5"
    for wrong in (*fuzz.cuts(data, 5, 0), *fuzz.flips(data, 10, 0)):
        file.write_bytes(wrong)
        with pytest.raises(FileFormatError, match=r"run\.h5: refused"):
            solve(pdes.Poisson(2), mlp, 14, resume=file, points=30)


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
