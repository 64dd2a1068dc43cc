"""Small real files of the three kinds, and what reading one gives: numbers that can be compared."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

import sciml
from sciml import nn, pdes
from sciml.ansatz import Trial
from sciml.errors import ArgumentError, FileFormatError
from sciml.solvers.files import container
from sciml.solvers.files.checkpoint import Checkpoint
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.loop import Run
from sciml.solvers.training.resume import capture, restore
from sciml.solvers.training.settings import Settings, held_out_system, make_run, method_for, training_system

KINDS = ("solution", "adapter", "checkpoint")
REFUSALS = (FileFormatError, ArgumentError)
POINTS = np.random.default_rng(1).random((40, 2))
NEW = pdes.Poisson(2, frequency=2)
OPTIONS = {"progress": False, "points": 30}

Numbers = dict[str, np.ndarray]


def solved() -> sciml.Solution:
    """Any solution: these files are about its numbers, not about their being right."""
    return sciml.solve(pdes.Poisson(2), nn.KAN([2, 3, 1], grid=3), max_steps=5, **OPTIONS)


def fresh_run() -> Run:
    """The run that the checkpoint belongs to, before its first step."""
    problem, network = pdes.Poisson(2), nn.MLP([2, 6, 1], "sine", seed=1)
    settings = Settings(problem, points=30, max_steps=12, seed=4, progress=False)
    system = training_system(settings, Trial(problem, network))
    count = sum(p.numel() for p in network.parameters())
    return make_run(
        settings,
        system,
        held_out_system(settings, system),
        method_for("gn-arc", settings, system, count),
        count,
        Interruption(),
    )


def save_all(folder: Path) -> None:
    """``solution.h5``, ``adapter.h5`` (of that solution) and ``checkpoint.h5`` in a folder."""
    solution = solved()
    solution.save(folder / "solution.h5")
    tuned = solution.finetune(NEW, "lora", name="second", max_steps=10, **OPTIONS)
    tuned.save_adapter(folder / "adapter.h5")
    run = fresh_run()
    run.run()
    Checkpoint(folder / "checkpoint.h5").save(*capture(run, run.seconds_before))


def reader(kind: str, folder: Path) -> Callable[[str], Numbers]:
    """A function that reads a file of a kind as a user does, and gives its numbers."""
    if kind == "solution":
        return lambda path: {"values": np.asarray(sciml.load(path)(POINTS))}
    if kind == "checkpoint":
        return CheckpointReader()
    if kind != "adapter":
        raise ValueError(f"kind needs one of {', '.join(KINDS)}, got {kind!r}.")
    base = sciml.load(folder / "solution.h5")

    def read(path: str) -> Numbers:
        for name in base.adapters:
            base.delete_adapter(name)
        return {"values": np.asarray(base.load_adapter(path)(POINTS))}

    return read


class CheckpointReader:
    """Restores a fresh run from a file; a run that a refused file has not touched is used again, which saves time."""

    def __init__(self):
        self.run = fresh_run()

    def __call__(self, path: str) -> Numbers:
        run, before = self.run, self.run.system.points.terms[0].x
        try:
            restore(run, path)
        finally:
            if run.system.points.terms[0].x is not before:
                self.run = fresh_run()
        points = {f"points.{k}": term.x.numpy() for k, term in enumerate(run.system.points.terms)}
        return {"theta": run.theta.numpy(), "scale": np.array(run.scale), **points}


def counted_saver(kind: str, folder: Path) -> Callable[[Path, int], None]:
    """A function that saves a file of a kind which holds a given number."""
    if kind == "checkpoint":
        run = fresh_run()
        run.run()
        return lambda path, number: Checkpoint(path).save(*capture(run, float(number)))
    solution = sciml.load(folder / "solution.h5")
    tuned = solution.load_adapter(folder / "adapter.h5", name="second")

    def save(path: Path, number: int) -> None:
        if kind == "solution":
            solution.stats.steps = number
            solution.save(path)
        else:
            tuned.name = f"n{number}"
            tuned.save_adapter(path)

    return save


def saved_number(kind: str, path: Path) -> int:
    """The number in such a file."""
    config, arrays = container.read(path, kind)
    if kind == "solution":
        return config["stats"]["steps"]
    return int(arrays["reals"][2]) if kind == "checkpoint" else int(config["name"][1:])


def same_numbers(here: Numbers, saved: Numbers) -> bool:
    """Whether a read gave the saved numbers; a changed file may cost them no more than rounding does."""
    return here.keys() == saved.keys() and all(
        here[name].shape == array.shape
        and np.allclose(here[name], array, rtol=0, atol=1e-5 * np.abs(array).max())
        for name, array in saved.items()
    )


@contextlib.contextmanager
def peak_memory():
    """Yields a list that holds, afterwards, the megabytes by which the process's memory peaked; nan off Linux."""
    found: list[float] = []
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = _status("VmRSS")
    except OSError:
        yield found
        found.append(float("nan"))
        return
    try:
        yield found
    finally:
        found.append(max(_status("VmHWM") - before, 0.0))


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))
