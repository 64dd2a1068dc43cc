"""Polished solutions: better by the true error, ordinary in every other respect, and left alone where nothing is gained."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.errors import ArgumentError
from sciml.solvers import polish
from sciml.solvers.estimate.levels import level_work
from sciml.solvers.terms.build import build_terms


class Coupled(sciml.PDE):
    """Two unknowns of sizes 1 and 1e-6; ``u = sin(pi x)``, ``v = 1e-6 x (1 - x)``."""

    unknowns = ("u", "v")
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0, component="u"), sciml.Dirichlet(0.0, component="v"))

    def residual(self, u, x):
        f = math.pi**2 * torch.sin(math.pi * x) + x * (1 - x)
        return {"u": -u["u"].d("x", "x") + 1e6 * u["v"].value - f, "v": u["v"].d("x", "x") + 2e-6}

    def exact(self, x):
        return torch.cat([torch.sin(math.pi * x), 1e-6 * x * (1 - x)], 1)


def short(problem, model=None, **options):
    return sciml.solve(problem, model, progress=False, **{"max_steps": 12, **options})


MODELS = {"mlp": lambda: nn.MLP([2, 12, 12, 1], "sine"), "kan": lambda: nn.KAN([2, 5, 1], grid=4, degree=5)}


@pytest.mark.parametrize("model", MODELS)
def test_the_true_error_falls_as_the_estimate_says(model):
    rough = short(pdes.Poisson(dim=2), MODELS[model]())
    fine = rough.polish()
    assert fine.error() < 0.05 * rough.error()
    assert fine.stats.error_estimate == pytest.approx(fine.error(), rel=2.0)
    assert fine.stats.polished == pytest.approx(
        rough.stats.error_estimate / fine.stats.error_estimate, rel=0.2
    )
    assert "polished" in fine.summary()
    assert "polished" not in rough.summary()
    assert rough.stats.polished is None


def test_a_sum_of_networks_gets_one_member_more(tmp_path):
    model = nn.Combination([nn.MLP([2, 8, 8, 1], "sine"), nn.KAN([2, 1], grid=3, degree=5)])
    rough = short(pdes.Poisson(dim=2), model)
    fine = rough.polish()
    assert fine.error() < 0.05 * rough.error()
    assert len(fine.trial.network.members) == 3
    fine.save(tmp_path / "s.h5")
    x = [[0.3, 0.45], [0.71, 0.2]]
    assert sciml.load(tmp_path / "s.h5")(x).tolist() == fine(x).tolist()


def test_both_unknowns_of_a_system_gain():
    rough = short(Coupled(), max_steps=6)
    fine = rough.polish()
    x = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)[:, None]
    before, after = ((s(x) - Coupled().exact(x)).abs().max(0).values for s in (rough, fine))
    assert bool((after <= before).all())
    assert fine.error() < 0.1 * rough.error() or fine.error() < 1e-12


def test_exact_conditions_stay_exact_and_derivatives_are_its_own():
    fine = short(pdes.Poisson(dim=2), polish=True)
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    for edge in (torch.stack([t, torch.zeros(9)], 1), torch.stack([torch.ones(9), t], 1)):
        assert float(fine(edge).abs().max()) < 1e-14
    x = torch.tensor([[0.31, 0.62]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(fine(x).sum(), x)
    assert float(fine.field(x.detach()).d("x")) == pytest.approx(float(slope[0, 0]), rel=1e-10)


def test_a_file_holds_it(tmp_path):
    fine = short(pdes.Poisson(dim=2), polish=True)
    fine.save(tmp_path / "fine.h5")
    back = sciml.load(tmp_path / "fine.h5")
    x = pdes.Poisson(dim=2).sample(31)
    assert torch.equal(back(x), fine(x))
    assert back.stats.polished == fine.stats.polished
    assert back.summary() == fine.summary()


def test_twice_is_the_same_and_polishing_once_is_enough():
    one, two = (short(pdes.Poisson(dim=2), polish=True) for _ in range(2))
    x = pdes.Poisson(dim=2).sample(31)
    assert torch.equal(one(x), two(x))
    again = one.polish()
    assert torch.equal(again(x), one(x))
    assert any("polished already" in note for note in again.stats.notes)


def test_where_the_linearised_equation_misleads_nothing_changes():
    """Far from the solution of a cubic equation the correction would raise the error tenfold."""
    rough = short(pdes.ReactionDiffusion(), max_steps=8)
    fine = rough.polish()
    x = pdes.ReactionDiffusion().sample(31)
    assert torch.equal(fine(x), rough(x))
    assert any(note.startswith("not polished: ") for note in fine.stats.notes)
    assert fine.stats.polished is None


def test_measurements_and_windows_are_left_alone():
    noisy = short(pdes.InverseHeat(diffusivity=sciml.Unknown(1.0)), max_steps=5, polish=True)
    assert any("would fit the noise" in note for note in noisy.stats.notes)
    chain = sciml.solve(pdes.VanDerPol(mu=1.0), windows=2, max_time=4, progress=False).polish()
    assert any("in windows of time has a network for each" in note for note in chain.stats.notes)


def test_an_accuracy_that_is_reached_by_polishing_is_converged():
    fine = short(pdes.Poisson(dim=2), accuracy=1e-8, polish=True)
    assert fine.stats.error_estimate <= 1e-8
    assert fine.outcome == "converged"


def test_a_polished_base_is_not_fine_tuned_but_its_merged_member_is_polished():
    base = short(pdes.Poisson(dim=2))
    new = pdes.Poisson(dim=2).with_source(
        lambda x: torch.sin(math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])
    )
    with pytest.raises(ArgumentError, match="finetune needs a solution that is not polished"):
        base.polish().finetune(new)
    tuned = base.finetune(new, adapter="head").merge_and_unload()
    rough, fine = tuned.error_estimate().value, tuned.polish()
    assert rough is not None
    assert fine.stats.polished is not None
    assert fine.stats.error_estimate < 0.1 * rough


def test_a_foreign_network_is_left_alone():
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    rough = short(pdes.Poisson(dim=2), model, max_steps=2)
    assert any("offers no jets" in note for note in rough.polish().stats.notes)


class Soft(sciml.PDE):
    """``-u'' = pi^2 sin(pi x)`` with its ends as penalties."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0, hard=False),)

    def residual(self, u, x):
        return -u.d("x", "x") - math.pi**2 * torch.sin(math.pi * x)

    def exact(self, x):
        return torch.sin(math.pi * x)


def test_penalties_get_better_with_the_equation():
    rough = short(Soft(), max_steps=4)
    fine = rough.polish()
    ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    assert fine.stats.polished is not None
    assert float(fine(ends).abs().max()) <= float(rough(ends).abs().max())
    assert fine.error() < 0.5 * rough.error()


def test_a_residual_counts_every_term():
    """A correction that spoilt the ends would not be kept, whatever it does to the equation."""
    rough = short(Soft(), max_steps=4)
    terms = build_terms(rough.problem, rough.trial, 8, 8)
    like = next(rough.network.parameters()).detach()
    for term in terms:
        term.record(rough.trial, rough.problem, like)
    weights = rough.stats.weights
    before = polish._residual(rough.trial, terms, weights)
    with torch.no_grad():
        rough.network.layers[-1].bias += 1.0  # the equation does not see a constant
    assert polish._residual(rough.trial, terms, weights) > 2 * before


def test_less_time_gives_fewer_functions_or_none():
    problem, pace = pdes.Poisson(dim=2), 1.0
    found = sciml.solve(problem, max_steps=4, progress=False).error_estimate()
    work = [level_work(problem, count, polish.POINTS * count) for count in (100, 200, 400)]
    before = replace(found, seconds=pace, work=1.0)
    # the estimate before, the correction, and an estimate that takes as long as the longer of both
    enough = [pace + w + max(w, pace) for w in work]
    assert [polish._functions(problem, before, 1.001 * s) for s in enough] == [100, 200, 400]
    assert polish._functions(problem, before, 0.999 * enough[0]) == 0
    slower = replace(before, work=0.5)  # twice as long for the same work
    assert polish._functions(problem, slower, 1.001 * enough[2]) == 200


def test_without_time_the_solution_stays_as_it_is():
    rough = short(pdes.Poisson(dim=2), max_steps=8)
    fine = rough.polish(max_time=1e-3)
    assert fine.stats.polished is None
    assert any("s are not enough for it" in note for note in fine.stats.notes)
    with pytest.raises(ArgumentError, match="max_time"):
        rough.polish(max_time=-1.0)
