"""How a run ends: by its estimated error, by conditions that leave nothing to do, by its time."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial

import pytest
import torch

import sciml
from sciml import nn, optim, pdes
from sciml.ansatz import Trial
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.training import loop
from sciml.solvers.training.loop import Run
from sciml.solvers.training.residual_system import ResidualSystem
from sciml.solvers.training.run_state import ESTIMATE_LAST, Estimates, Limits, worth_estimating

ALONE = "the conditions alone solve the equation: the network's part is zero."


class Laplace(sciml.PDE):
    """``u = x^2 - y^2`` where nothing is added."""

    domain = sciml.Box([0, 0], [1, 1])

    def __init__(self, source: float = 0.0, wave: float = 0.0):
        self.source_value, self.wave = source, wave
        self.conditions = (sciml.Dirichlet(self.value),)

    def value(self, x):
        return x[:, :1] ** 2 - x[:, 1:] ** 2 + self.wave * torch.sin(3 * x[:, :1])

    def residual(self, u, x):
        return u.laplacian() - self.source_value


class Dying(sciml.PDE):
    """``u' = -u``: no conditions make it."""

    domain = sciml.TimeInterval(0, 1)
    conditions = (sciml.Initial(1.0),)

    def residual(self, u, x):
        return u.d("t") + u.value

    def exact(self, x):
        return torch.exp(-x)


def estimates(solution) -> list[float]:
    return [row["estimate"] for row in solution.history if "estimate" in row]


# ---- by accuracy


def test_an_accuracy_that_is_asked_for_ends_a_run_early():
    loose = sciml.solve(pdes.Poisson(2), accuracy=1e-3, tol=0.0, progress=False)
    usual = sciml.solve(pdes.Poisson(2), tol=0.0, max_steps=10, progress=False)
    assert loose.outcome == "converged" and usual.outcome == "max_steps"
    assert loose.error() < 1e-3 and loose.stats["steps"] < 60
    seen = estimates(loose)
    assert seen[-1] <= 1e-3 < seen[0] and all("estimate" in row for row in loose.history[-1:])
    assert loose.stats["error_estimate"] <= 1e-3 and estimates(usual) == []
    # each is right where it was made
    for row in loose.history:
        if "estimate" in row:
            assert row["estimate"] == pytest.approx(row["error"], rel=0.5)


def test_a_small_residual_is_not_converged_where_an_accuracy_was_asked_for():
    """With tol alone this ends as converged; the accuracy of 1e-14 is not reached by twelve steps."""
    by_tol = sciml.solve(pdes.Poisson(2), tol=1e-3, max_steps=12, progress=False)
    assert by_tol.outcome == "converged"
    solution = sciml.solve(pdes.Poisson(2), tol=1e-3, accuracy=1e-14, max_steps=12, progress=False)
    assert solution.outcome == "max_steps" and solution.stats["steps"] == 12
    assert solution.stats["error_estimate"] > 1e-14


def test_an_accuracy_that_a_look_missed_is_seen_at_the_end():
    """Estimates are made at looks, every ten steps; the last one is made in any case."""
    solution = sciml.solve(pdes.Poisson(2), accuracy=1e-2, max_steps=7, progress=False)
    assert solution.stats["steps"] == 7 and estimates(solution) and estimates(solution)[-1] > 1e-2
    assert solution.outcome == "converged" and solution.error() < 1e-2


def test_the_clock_does_not_decide_when_an_error_is_estimated(monkeypatch):
    """Where every look at the clock takes a second, a run ends after the same steps with the same numbers."""

    def run():
        model = nn.MLP([2, 6, 1], "sine", seed=1)
        return sciml.solve(
            pdes.Poisson(2), model, accuracy=1e-14, max_time=math.inf, max_steps=110, progress=False
        )

    usual, now = run(), time.perf_counter()

    def slow():
        nonlocal now
        now += 1.0
        return now

    monkeypatch.setattr(time, "perf_counter", slow)
    late = run()
    assert late.stats.seconds > 10 * usual.stats.seconds
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in s.history] for s in (usual, late)]
    assert rows[0] == rows[1] and len(estimates(late)) > 1
    assert (late.outcome, late.stats.error_estimate) == (usual.outcome, usual.stats.error_estimate)


def row(step, held, estimate=None):
    return {"step": step, "held_out": held} | ({} if estimate is None else {"estimate": estimate})


def test_an_error_is_estimated_again_where_the_residual_makes_it_likely_to_do():
    """However much of the run's time the estimates before have taken."""
    spent = Estimates(held=1e-2, look=1, work=10.0)
    start = row(0, 1e-2, 0.5)
    due = partial(worth_estimating, before=spent, work=1.0)
    # an error of 0.5 for a residual of 1e-2 in the square
    assert due([start, row(10, 1e-6)], accuracy=1e-2)
    assert not due([start, row(10, 1e-6)], accuracy=4e-3)
    # one that was close, too, must have halved
    assert not due([start, row(10, 4e-3)], accuracy=0.4)
    assert due([start, row(10, 2e-3)], accuracy=0.4)
    # what is not known tells nothing
    assert not due([row(0, 1e-2, math.nan), row(10, 1e-6)], accuracy=1.0)
    assert worth_estimating([row(0, 1e-2, math.nan), row(10, 1e-6)], replace(spent, work=0.1), 1.0, 1.0)


@pytest.mark.parametrize("complete", [True, False])
def test_an_estimate_that_ends_a_run_is_confirmed_once_by_what_an_estimate_at_the_end_may_take(
    complete, monkeypatch
):
    made, seeds, allowed = [], [], []

    def counted(*args, **options):
        made.append(options.get("asked"))
        seeds.append(options.get("seed", 0))
        allowed.append(options["work"])
        return replace(estimate_error(*args, **options), complete=complete, work=0.0)

    monkeypatch.setattr(loop, "estimate_error", counted)
    model = nn.MLP([2, 6, 1], "sine", seed=1)
    solution = sciml.solve(pdes.Poisson(2), model, accuracy=5e-2, tol=0.0, progress=False)
    assert solution.outcome == "converged" and made[:2] == [5e-2, 5e-2]
    assert made.count(None) == 1 and made[-1] is None
    assert seeds[-1] == 1 and not any(seeds[:-1])  # other functions at other points
    assert allowed[-1] >= ESTIMATE_LAST > allowed[0]
    assert estimates(solution)[-1] == solution.stats.error_estimate


def test_fine_tuning_ends_by_accuracy():
    base = sciml.solve(pdes.Poisson(2), nn.MLP([2, 8, 8, 1], "sine", seed=1), max_steps=20, progress=False)
    problem = pdes.Poisson(2).with_source(
        lambda x: 1.5 * pdes.Poisson(2).source(x), exact=lambda x: 1.5 * pdes.Poisson(2).exact(x)
    )
    tuned = base.finetune(problem, "lora", accuracy=1e-2, tol=0.0, max_steps=60, progress=False)
    assert tuned.outcome == "converged" and tuned.stats["steps"] < 60 and tuned.error() < 2e-2


@pytest.mark.parametrize("accuracy", [0, -1.0, math.nan, "1e-3", True])
def test_an_accuracy_out_of_range_is_refused(accuracy):
    with pytest.raises((ValueError, TypeError), match=r"^accuracy needs .*, got "):
        sciml.solve(pdes.Poisson(2), accuracy=accuracy, progress=False)


# ---- by the conditions


@pytest.mark.parametrize(
    "problem",
    [Laplace(), pdes.Poisson(2).with_source(lambda x: 0 * x[:, :1])],
    ids=["x^2 - y^2", "zero source"],
)
def test_a_problem_that_its_conditions_solve_ends_at_once(problem):
    solution = sciml.solve(problem, nn.MLP([2, 6, 6, 1], "sine", seed=1), progress=False)
    assert solution.outcome == "converged" and solution.stats["steps"] <= 1
    assert any(note.startswith(ALONE) for note in solution.stats.notes)
    x = problem.sample(101, seed=3)
    wanted = problem.value(x) if isinstance(problem, Laplace) else torch.zeros_like(x[:, :1])
    assert torch.allclose(solution.trial(x), wanted, rtol=0, atol=1e-14)
    # only the last layer is zero: the network can be trained on
    assert all(bool(p.any()) for p in list(solution.network.parameters())[:-2])


@pytest.mark.parametrize(
    "problem", [Laplace(source=1e-6), Laplace(wave=1e-3), Dying()], ids=["source", "wave", "decay"]
)
def test_a_problem_that_its_conditions_nearly_solve_is_trained(problem):
    solution = sciml.solve(problem, max_steps=12, progress=False)
    assert ALONE not in solution.stats.notes and solution.stats["steps"] > 1
    x = problem.sample(101, seed=3)
    with torch.no_grad():
        moved = solution.trial(x) - solution.trial.ansatz.offset(x)
    assert float(moved.abs().max()) > 1e-8
    if isinstance(problem, Dying):
        assert solution.error() < 1e-4


# ---- by time


def test_a_run_out_of_time_says_what_helps():
    solution = sciml.solve(pdes.Poisson(2), tol=0.0, max_time=0.2, progress=False)
    assert solution.outcome == "max_time"
    (advice,) = [note for note in solution.stats.notes if "max_time" in note]
    assert advice.startswith("stopped after 0.2 s: max_time=... gives more, and the solution's network")
    # and it helps: the network goes on from where it was
    again = sciml.solve(pdes.Poisson(2), solution.network, tol=0.0, max_steps=10, progress=False)
    assert again.history[0]["held_out"] == pytest.approx(solution.history[-1]["held_out"], rel=0.5)
    assert again.outcome == "max_steps" and not any("max_time" in note for note in again.stats.notes)


# ---- how often


@pytest.mark.parametrize(
    ("optimizer", "second", "look", "redraw"),
    [("gn-arc", True, 10, 20), ("lm", True, 10, 20), ("lbfgs", False, 100, 200), ("adam", False, 100, 200)],
)
def test_looks_and_redraws_follow_what_a_step_costs(optimizer, second, look, redraw):
    problem, method = pdes.Poisson(2), optim.method(optimizer)
    assert method.second_order == second
    system = ResidualSystem(problem, Trial(problem, nn.MLP([2, 5, 1], "sine", seed=1)), 40, 10)
    held_out = system.elsewhere(50, 10, 9)
    steps = redraw + 2 * look + 3
    run = Run(problem, system, held_out, method, Limits(max_steps=steps), 0, max_points=40)
    placed = system.points.interior.clone()
    assert run.run() == "max_steps"
    assert [row["step"] for row in run.history] == [*range(0, steps, look), steps]
    accepted = steps - run.counters.rejected
    assert 1 <= run.counters.draws <= accepted // redraw and not torch.equal(system.points.interior, placed)
    assert run.counters.since_redraw < redraw + look
