"""An S-KAN keeps the family that a solution is made of."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch

import sciml
from sciml import nn
from sciml.ansatz import Trial
from sciml.errors import ArgumentError
from sciml.solvers.bases.selection import helpful, solve_selecting
from sciml.solvers.solution import Solution
from sciml.solvers.training.settings import Settings


class Fit(sciml.PDE):
    """``u = sin(3 pi x)`` on [-1, 1], a function of the Fourier family."""

    domain = sciml.Interval(-1.0, 1.0)
    conditions = ()

    def residual(self, u, x):
        return u.value - torch.sin(3 * math.pi * x)


def test_the_family_that_the_solution_belongs_to_is_kept(tmp_path):
    solution = sciml.solve(
        Fit(), nn.SKAN([1, 1], ("rbf", "fourier"), size=13), max_steps=120, points=80, progress=False
    )
    assert solution.network.chosen == [[(0, "fourier")]]
    x = torch.linspace(-1, 1, 33, dtype=torch.float64)[:, None]
    assert (solution(x) - torch.sin(3 * math.pi * x)).abs().max() < 1e-6
    assert any(note.startswith("Kept was fourier; relative residuals") for note in solution.stats.notes)
    solution.save(tmp_path / "fit.h5")
    again = sciml.load(tmp_path / "fit.h5", problem=Fit())
    assert torch.equal(again(x), solution(x)) and again.network.chosen == [[(0, "fourier")]]


def selecting(residuals, **given):
    """A selection whose trainings are made up: the names of those that were trained, and the answer."""
    base = sciml.solve(Fit(), nn.KAN([1, 1]), max_steps=1, points=20, progress=False)
    trained = []

    def train(network, seconds, steps):
        names = {name for layer in network.chosen for _, name in layer}
        name = names.pop() if len(names) == 1 else "together"
        if len(trained) == 4:  # what was kept of all families: for one input, one of them
            name = "each"
        trained.append((name, steps))
        network = copy.deepcopy(network)
        network.selected = True
        solution = Solution(Fit(), base.trial.like(Fit(), network), [], replace(base.stats, notes=[]))
        solution.stats.residual = residuals[name].pop(0)
        solution.stats.outcome = given.get("outcomes", {}).get(name, "max_steps")
        solution.stats.steps, solution.stats.rejected, solution.stats.seconds = steps, 1, 0.5
        return solution

    model = nn.SKAN([1, 1], ("bspline", "chebyshev", "fourier"))
    return trained, solve_selecting(Settings(Fit(), points=20, max_steps=120), model, train)


def test_the_best_two_run_all_steps_and_the_better_one_is_kept():
    residuals = {"bspline": [0.3], "chebyshev": [0.2, 0.2], "fourier": [0.21, 0.1]}
    trained, found = selecting(residuals | {"together": [0.1], "each": [0.4]})
    names = ["bspline", "chebyshev", "fourier", "together", "each", "chebyshev", "fourier"]
    assert [name for name, _ in trained] == names
    assert found.network.chosen == [[(0, "fourier")]]
    assert "fourier 1.0e-01, chebyshev 2.0e-01, bspline 3.0e-01" in found.stats.notes[0]
    assert [steps for _, steps in trained] == [40, 40, 40, 20, 20, 120, 120]
    assert found.stats.steps == 120
    assert found.stats.rejected == 1
    assert "took 400 steps" in found.stats.notes[1]
    assert found.stats.seconds == 3.5


def test_the_answer_is_that_of_the_family_alone():
    problem, options = sciml.pdes.Poisson(), {"max_steps": 12, "points": 60, "progress": False}
    found = sciml.solve(problem, nn.SKAN([2, 3, 1], ("wavelet", "bspline"), size=7, seed=3), **options)
    assert isinstance(found.network, nn.KAN) and found.network.basis == "bspline"
    alone = sciml.solve(problem, nn.KAN([2, 3, 1], grid=2, degree=5, seed=3), **options)
    x = problem.domain.sample(33, seed=2)
    assert torch.equal(found(x), alone(x))
    assert found.stats.steps == alone.stats.steps


def test_what_a_longer_training_makes_worse_is_not_kept():
    residuals = {"bspline": [0.3], "chebyshev": [0.1, 0.5], "fourier": [0.2, 0.2]}
    _, found = selecting(residuals | {"together": [0.9], "each": [0.9]})
    assert found.network.chosen == [[(0, "chebyshev")]] and found.stats.residual == 0.1


def test_a_family_that_diverges_is_not_kept_and_one_that_converges_ends_the_race():
    def values():
        return {
            "bspline": [1e-9],
            "chebyshev": [math.nan] * 2,
            "fourier": [0.5] * 2,
            "together": [1.0],
            "each": [2.0] * 2,
        }

    trained, found = selecting(values(), outcomes={"bspline": "diverged"})
    assert trained[-2][0] == "fourier"
    assert found.network.chosen == [[(0, "fourier")]]
    trained, found = selecting(values(), outcomes={"chebyshev": "converged"})
    assert [name for name, _ in trained] == ["bspline", "chebyshev"]
    assert found.network.chosen == [[(0, "chebyshev")]]


def test_a_network_alone_has_one_family_and_its_own_start():
    model = nn.SKAN([2, 3, 1], seed=4)
    one = model.alone("fourier")
    assert one.chosen == [[(i, "fourier") for i in range(n)] for n in (2, 3)]
    assert isinstance(one, nn.KAN) and not model.selected
    with pytest.raises(ArgumentError, match="basis needs"):
        model.alone("wavelet")


def test_every_input_keeps_one_family():
    network = nn.SKAN([2, 3, 1], seed=5)
    problem = sciml.pdes.Poisson()
    network.keep(helpful(Settings(problem, points=50), Trial(problem, network)))
    assert [sorted(i for i, _ in layer) for layer in network.chosen] == [[0, 1], [0, 1, 2]]


def test_a_model_before_its_selection_goes_without_checkpoints(tmp_path):
    with pytest.raises(ArgumentError, match="checkpoint needs a model that is no SKAN before its selection"):
        sciml.solve(Fit(), nn.SKAN([1, 1]), checkpoint=tmp_path / "c.h5", progress=False)


def test_single_precision_goes_through_the_selection():
    solution = sciml.solve(
        sciml.pdes.Poisson(), nn.SKAN([2, 3, 1], size=7), max_steps=3, dtype=torch.float32, progress=False
    )
    assert next(solution.network.parameters()).dtype == torch.float32
    assert math.isfinite(solution.stats.residual)
