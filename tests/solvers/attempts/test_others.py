"""What a solve does with what is left when it stalls."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.ansatz import Trial
from sciml.ansatz.exact import Ansatz
from sciml.solvers.attempts.others import ENOUGH, Variant, other_attempts
from sciml.solvers.training.defaults import default_network

EPS = 0.003


class Layer(sciml.PDE):
    """A boundary layer whose width is a tenth of the distance of the first points."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -EPS * u.d("x", "x") + u.d("x") - 1

    def exact(self, x):
        return x - (torch.exp((x - 1) / EPS) - math.exp(-1 / EPS)) / (1 - math.exp(-1 / EPS))


def flat(solution):
    return torch.nn.utils.parameters_to_vector(solution.network.parameters()).detach()


@pytest.fixture(scope="module")
def layer():
    seen = []
    solution = sciml.solve(
        Layer(),
        optimizer="gn-arc",  # left to itself, a solve would place the knots of a spline
        max_time=math.inf,
        max_steps=600,
        progress=False,
        callbacks=[lambda e: seen.append(e.attempt)],
    )
    return solution, seen


def test_the_best_attempt_is_kept_by_its_estimated_error(layer):
    solution, _ = layer
    tried = solution.stats.attempts
    assert len(tried) >= 2 and tried[0].startswith("as asked: stalled")
    (kept,) = [line for line in tried if line.endswith("(kept)")]
    estimates = [float(line.split("estimated error ")[1].split()[0]) for line in tried if "estimated" in line]
    assert float(kept.split("estimated error ")[1].split()[0]) == min(estimates) < estimates[0]
    assert solution.error() < 0.5 * estimates[0]
    assert 0.3 * solution.error() < solution.stats.error_estimate < 3 * solution.error()
    assert any("attempts were made" in note for note in solution.stats.notes)


def test_attempts_share_the_steps_and_callbacks_know_their_names(layer):
    solution, seen = layer
    assert solution.stats.steps <= 600
    named = [line.split(":")[0] for line in solution.stats.attempts]
    assert list(dict.fromkeys(seen)) == ["", *named[1:]]


def test_the_same_seed_gives_the_same_attempts(layer):
    solution, _ = layer
    again = sciml.solve(Layer(), optimizer="gn-arc", max_time=math.inf, max_steps=600, progress=False)
    assert again.stats.attempts == solution.stats.attempts
    assert torch.equal(flat(again), flat(solution))


def test_an_attempt_is_saved_loaded_and_fine_tuned_with_its_conditions(layer, tmp_path):
    solution, _ = layer
    assert solution.trial.ansatz.penalties and not solution.stats.hard
    solution.save(tmp_path / "layer.h5")
    loaded = sciml.load(tmp_path / "layer.h5", problem=Layer())
    x = Layer.domain.sample(40)
    assert torch.equal(loaded(x), solution(x)) and loaded.stats.attempts == solution.stats.attempts
    tuned = loaded.finetune(Layer(), "full", max_steps=1, progress=False)
    assert tuned.trial.ansatz.penalties and float((tuned(x) - solution(x)).norm()) < 1.0
    assert torch.allclose(tuned.merge_and_unload()(x), tuned(x))


@pytest.mark.parametrize("options", [{"max_steps": 30}, {"tol": 1e-4}, {"accuracy": 1e-4}])
def test_a_solve_that_does_not_stall_is_one_attempt(options):
    solution = sciml.solve(pdes.Poisson(2), progress=False, **options)
    assert solution.stats.attempts == [] and not solution.trial.ansatz.penalties


def test_a_users_network_is_kept():
    net = nn.MLP([1, 5, 1], "tanh", seed=3)
    solution = sciml.solve(Layer(), net, max_time=math.inf, max_steps=200, progress=False)
    words = [line.split(":")[0] for line in solution.stats.attempts]
    assert len(words) > 1 and not {"steeper features", "a wider network", "another start"} & set(words)
    assert solution.network.widths == [1, 5, 1]


def test_a_checkpointed_solve_is_one_attempt(tmp_path):
    solution = sciml.solve(
        Layer(), max_time=math.inf, max_steps=600, checkpoint=tmp_path / "run.h5", progress=False
    )
    assert solution.outcome == "stalled" and solution.stats.attempts == []


def test_penalties_leave_what_insists_on_being_exact():
    class Insisting(Layer):
        conditions = (sciml.Dirichlet(0.0, on="x=0", hard=True), sciml.Dirichlet(0.0, on="x=1"))

    ansatz = Ansatz(Insisting(), penalties=True)
    assert [c.on for c in ansatz.hard] == ["x=0"] and [c.on for c in ansatz.soft] == ["x=1"]
    trial = Trial(Insisting(), nn.MLP([1, 3, 1]), ansatz)
    assert trial.like(Insisting(), trial.network).ansatz.penalties


def test_a_variant_of_the_default_network():
    problem, dtype = pdes.Poisson(2), torch.float64
    usual, other = default_network(problem, 0, dtype), default_network(problem, 0, dtype, 2, 4.0)
    assert (usual.widths, other.widths) == ([2, 20, 20, 1], [2, 40, 40, 1])
    assert (usual.activation, other.activation, other.scale) == ("sine", "tanh", 4.0)
    assert Variant().words == "" and ENOUGH < 1e-2 and callable(other_attempts)
