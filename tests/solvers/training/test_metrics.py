"""Metrics of a user: in the history, in files, in pictures, beside the progress bar, and in every kind of solve."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.solvers.report import COLUMNS
from sciml.solvers.training.progress import ProgressBar
from sciml.solvers.training.run_state import Limits

QUICK = {"points": 25, "progress": False}
POINTS = torch.full((1, 2), 0.25, dtype=torch.float64)


def value(u):
    """The unknown at one point: a tensor with a graph, which is taken as a number."""
    return u(POINTS)[0, 0]


def test_the_last_row_is_the_metric_of_the_solution_and_a_file_keeps_it(tmp_path):
    seen = []
    solution = sciml.solve(
        pdes.Poisson(2),
        nn.MLP([2, 6, 1]),
        max_steps=10,
        metrics={"corner": value, "twice": lambda u: 2 * value(u)},
        callbacks=[lambda event: seen.append(event.numbers["corner"])],
        **QUICK,
    )
    best = min(solution.history, key=lambda row: row["held_out"])  # its parameters are kept
    assert best["corner"] == pytest.approx(float(solution(POINTS)), rel=1e-12)
    assert all(row["twice"] == 2 * row["corner"] for row in solution.history)
    assert seen[-1] == solution.history[-1]["corner"]
    solution.save(tmp_path / "s.h5")
    assert sciml.load(tmp_path / "s.h5").history == solution.history
    axes = solution.plot("history").axes[0]
    assert {"corner", "twice"} <= {text.get_text() for text in axes.get_legend().get_texts()}


def test_a_checkpoint_goes_on_with_it(tmp_path):
    options = {"metrics": {"corner": value}, "checkpoint": tmp_path / "run.h5", **QUICK}
    sciml.solve(pdes.Poisson(2), nn.MLP([2, 4, 1]), max_steps=10, **options)
    options = {**options, "resume": tmp_path / "run.h5"}
    again = sciml.solve(pdes.Poisson(2), nn.MLP([2, 4, 1]), max_steps=20, **options)
    assert [row["step"] for row in again.history if "corner" in row] == [0, 10, 20]


def test_finetuning_and_windows_have_them():
    base = sciml.solve(pdes.Poisson(2), nn.MLP([2, 6, 1]), max_steps=3, **QUICK)
    tuned = base.finetune(
        pdes.Poisson(2, frequency=2), "lora", max_steps=2, metrics={"corner": value}, **QUICK
    )
    assert all("corner" in row for row in tuned.history)

    at = torch.tensor([[0.05]], dtype=torch.float64)
    marched = sciml.solve(
        pdes.Lorenz(), windows=2, max_time=5, metrics={"start": lambda u: u(at)[0, 0]}, **QUICK
    )
    assert [row["start"] for row in marched.history] == pytest.approx(
        [float(marched(at)[0, 0])] * len(marched.history)
    )


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([value], "metrics needs a dictionary of functions"),
        ({"a": 1.0}, "metrics needs a dictionary of functions"),
        ({"loss": value}, "names in ASCII other than step"),
        ({"draws": value}, "names in ASCII other than step"),
        ({"two words": value}, "made of letters"),
        ({"ü": value}, "names in ASCII"),
    ],
    ids=["list", "number", "taken", "draws", "words", "ascii"],
)
def test_what_is_no_metric_is_refused(metrics, message):
    with pytest.raises((sciml.ArgumentError, sciml.ArgumentTypeError), match=message):
        sciml.solve(pdes.Poisson(2), metrics=metrics)


@pytest.mark.parametrize("metric", [lambda u: 1 / 0, lambda u: u(POINTS.repeat(3, 1)), lambda u: "much"])
def test_one_that_fails_ends_the_run_with_a_note(metric):
    with pytest.warns(RuntimeWarning, match="metric mine raised"):
        solution = sciml.solve(
            pdes.Poisson(2), nn.MLP([2, 4, 1]), max_steps=3, metrics={"mine": metric}, **QUICK
        )
    assert solution.outcome == "interrupted"
    assert any("metric mine raised" in note for note in solution.stats.notes)


def test_the_progress_bar_shows_them():
    shown = []
    bar = ProgressBar(True, Limits(max_time=1.0))
    with bar:
        bar._bar.set_postfix = shown.append
        row = {"step": 1, "seconds": 0.1, "loss": 1.0, "held_out": 1.0, "points": 9.0, "energy": 0.5}
        bar.update(row, 1e-3)
    assert shown == [{"step": 1, "residual": "1.0e-03", "energy": "0.5"}]


def test_a_metric_cannot_take_the_name_of_a_column():
    rows = sciml.solve(pdes.Poisson(2), max_steps=1, accuracy=1e-9, progress=False).history
    assert set().union(*rows) <= set(COLUMNS)
