"""The estimated error against errors that are known by construction, and the linearised residual against autograd."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.adapters import LoRA
from sciml.solvers.estimate import estimate
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.linearised import rows_of
from sciml.solvers.terms.build import build_terms
from tests.solvers.estimate.manufactured import (
    Advection,
    Burgers,
    Heat,
    KdV,
    Manufactured,
    Pair,
    Poisson,
    SoftHeat,
    missed,
)

X = torch.tensor([[0.1, 0.3], [0.8, 0.45], [0.6, 0.2]], dtype=torch.float64)


class Wild(Poisson):
    """An error that no hundred smooth functions follow."""

    def bump(self, x):
        return torch.sin(90 * x[:, :1]) * torch.sin(80 * x[:, 1:]) * (x * (1 - x)).prod(1, keepdim=True)


def numbers(found):
    return found.value, found.unknowns, found.drop, found.features, found.points


@pytest.mark.parametrize("epsilon", [1e-1, 1e-6])
@pytest.mark.parametrize(
    ("make", "kind", "factor"),
    [
        (Poisson, "mlp", 1.1),
        (Heat, "mlp", 1.1),
        (SoftHeat, "mlp", 1.1),
        (SoftHeat, "kan", 1.1),
        (Advection, "mlp", 1.1),
        (Burgers, "mlp", 1.2),
        (Burgers, "kan", 1.2),
        (KdV, "mlp", 1.2),
        (KdV, "plain", 1.2),
        (Poisson, "plain", 1.1),
    ],
)
def test_a_smooth_error_is_found(make, kind, factor, epsilon):
    problem, trial, each, whole = missed(make, epsilon, kind)
    found = estimate_error(problem, trial)
    assert found.reason is None and found.value is not None
    assert 1 / factor < found.value / whole < factor
    assert found.drop < 0.1
    assert found.unknowns["u"] == pytest.approx(found.value, rel=1e-9) and len(each) == 1
    # the correction is the error itself, not just of its size
    wanted = epsilon * problem.bump(X)
    assert torch.allclose(found.correction(X), wanted, rtol=0, atol=0.2 * float(wanted.abs().max()))
    assert str(found) == f"{found.value:.1e}"


@pytest.mark.parametrize("epsilon", [1e-1, 1e-4])
def test_each_unknown_has_its_own_estimate(epsilon):
    """The second unknown is a thousand times smaller: in the whole it is nothing, and it is told all the same."""
    problem, trial, each, whole = missed(Pair, epsilon, scale=[1.0, 1e-3])
    found = estimate_error(problem, trial)
    assert found.value == pytest.approx(whole, rel=0.1) and set(found.unknowns) == {"u", "v"}
    assert found.unknowns["u"] == pytest.approx(each[0], rel=0.1)
    assert found.unknowns["v"] == pytest.approx(each[1], rel=0.1)
    assert each[1] > 1.1 * each[0]  # so that one could not be taken for the other


@pytest.mark.parametrize("make", [Poisson, SoftHeat])
def test_units_do_not_matter(make):
    problem, trial, _, whole = missed(make, 1e-3)
    plain = estimate_error(problem, trial)
    for unit in (1e6, 1e-9):
        problem, trial, _, again = missed(make, 1e-3, scale=[unit], size=unit)
        assert again == pytest.approx(whole, rel=1e-9)
        found = estimate_error(problem, trial)
        assert found.value == pytest.approx(plain.value, rel=1e-3)
        assert found.drop == pytest.approx(plain.drop, rel=1e-2)


def test_float32_is_estimated():
    problem, trial, _, whole = missed(Heat, 1e-2, dtype=torch.float32)
    found = estimate_error(problem, trial)
    assert found.value == pytest.approx(whole, rel=0.1)
    assert found.correction(X.float()).dtype == torch.float32


def test_nothing_is_said_where_the_correction_finds_nothing():
    problem, trial, _, _ = missed(Wild, 0.5)
    found = estimate_error(problem, trial, seconds=0.0)
    assert found.value is None and found.unknowns == {} and found.drop > 0.95
    assert found.reason is not None and "% of the residual" in found.reason
    assert str(found) == "unknown"


def test_more_time_looks_in_a_larger_space():
    problem, trial, _, _ = missed(Wild, 0.5)
    few, many = (estimate_error(problem, trial, seconds=seconds) for seconds in (0.0, 4.0))
    assert few.features == 100 and many.drop <= few.drop


def test_the_zero_solution_has_no_relative_error():
    problem, trial, _, _ = missed(Poisson, 0.0)
    problem.answer = None  # the equation with a zero right-hand side
    with torch.no_grad():
        for p in trial.network.parameters():
            p.zero_()
    found = estimate_error(problem, trial)
    assert found.value is None and found.reason is not None and "zero" in found.reason


def test_an_exact_solution_is_told_as_exact():
    problem, trial, _, _ = missed(Poisson, 0.0)
    found = estimate_error(problem, trial)
    assert found.value is not None and found.value < 1e-12


def test_the_same_seed_gives_the_same_numbers_and_nothing_is_changed():
    problem, trial, _, whole = missed(SoftHeat, 1e-3)
    first = next(trial.network.parameters())
    first.requires_grad_(False)
    terms = {name: p.detach().clone() for name, p in trial.network.named_parameters()}
    asks = [p.requires_grad for p in trial.network.parameters()]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two = estimate_error(problem, trial), estimate_error(problem, trial)
    with torch.no_grad():
        three = estimate_error(problem, trial)
    with torch.inference_mode():
        four = estimate_error(problem, trial)
    assert numbers(one) == numbers(two) == numbers(three) == numbers(four)
    other = estimate_error(problem, trial, seed=1)
    assert other.value != one.value and other.value == pytest.approx(whole, rel=0.1)
    assert torch.equal(torch.get_rng_state(), before)
    assert [p.requires_grad for p in trial.network.parameters()] == asks
    assert all(p.grad is None and torch.equal(p, terms[name]) for name, p in trial.network.named_parameters())


# ---- the linearised residual


@pytest.mark.parametrize(
    ("make", "kind", "scale"),
    [
        (SoftHeat, "mlp", [1e4]),
        (SoftHeat, "kan", None),
        (Pair, "mlp", None),
        (Pair, "kan", [1e4, 3.0]),
        (Burgers, "mlp", [0.1]),
        (Advection, "kan", [1e-3]),
    ],
)
def test_the_jacobian_by_jets_is_that_by_autograd(make, kind, scale):
    outputs = len(make.unknowns)
    problem, trial, _, _ = missed(make, 1e-2, kind, scale=scale, size=1.0 if scale is None else scale[0])
    features = Features(trial, problem.sample(64, seed=1), 21, torch.Generator().manual_seed(2))
    terms = build_terms(problem, trial, 16, 16)
    assert len(terms) == 1 + len(trial.ansatz.soft)
    for term in terms:
        term.record(trial, problem, torch.zeros(0, dtype=torch.float64))
        assert term.plan is not None
        jets = rows_of(problem, trial, term, 13, 3, features)
        graph = rows_of(problem, trial, dataclasses.replace(term, plan=None), 13, 3, features)
        assert [row.part for row in jets] == [row.part for row in graph] == list(term.parts)
        for one, two in zip(jets, graph, strict=True):
            assert one.matrix.shape == (13, outputs * features.count)
            assert float(two.matrix.abs().max()) > 0
            for got, wanted in (
                (one.matrix, two.matrix),
                (one.residual, two.residual),
                (one.density, two.density),
            ):
                assert torch.allclose(got, wanted, rtol=1e-10, atol=1e-10 * float(wanted.abs().max()))


# ---- what a user calls


@pytest.fixture(scope="module")
def solution():
    return sciml.solve(pdes.Poisson(2), nn.MLP([2, 8, 8, 1], "sine", seed=1), max_steps=10, progress=False)


def test_a_solution_estimates_its_error_and_keeps_points_and_parameters(solution):
    before = solution.fingerprint()
    found = solution.error_estimate()
    assert found.value == pytest.approx(solution.error(), rel=0.5)
    assert (
        solution.error_estimate() is found and solution.error_estimate(1.0) is found
    )  # no more time was given
    assert solution.fingerprint() == before
    assert solution.stats["error_estimate"] == pytest.approx(solution.error(), rel=0.5)
    assert f"estimated error {solution.stats['error_estimate']:.1e}" in solution.summary()


@pytest.mark.parametrize("steps", [2, 8])
def test_an_adapter_estimates_its_own_error(solution, steps):
    problem = pdes.Poisson(2, frequency=2)
    tuned = solution.finetune(problem, LoRA(r=4), name="two", max_steps=steps, points=150, progress=False)
    base = solution.error_estimate()
    found = tuned.error_estimate()
    solution.delete_adapter("two")
    assert found.value == pytest.approx(tuned.error(), rel=0.9)
    assert found.value != base.value and solution.error_estimate() is base


def test_an_estimate_that_fails_is_a_note_and_not_an_error():
    """The residual refuses to be evaluated at more points than training takes."""

    class Shy(Manufactured):
        domain, conditions, late = Poisson.domain, Poisson.conditions, False

        def residual(self, u, x):
            if self.late and len(x) > 700:
                raise RuntimeError("too many")
            return {"pde": u.laplacian() + 1.0}

    problem = Shy()

    def trained(event):
        problem.late = event.step > 0

    model = nn.MLP([2, 6, 1], seed=1)
    shy = sciml.solve(problem, model, points=50, max_steps=3, callbacks=[trained], progress=False)
    assert shy.outcome == "max_steps" and shy.stats.error_estimate is None
    assert any("the error could not be estimated: RuntimeError: too many" in note for note in shy.stats.notes)


def test_an_error_clearly_above_the_one_asked_about_is_not_looked_into_further(monkeypatch):
    monkeypatch.setattr(
        estimate._Estimate, "_tells", lambda *_: False
    )  # as if a correction left too much open
    problem, trial, _, whole = missed(Poisson, 1e-2, "mlp")
    full = estimate_error(problem, trial, work=0.5)
    brief = estimate_error(problem, trial, work=0.5, asked=whole / 10)
    near = estimate_error(problem, trial, work=0.5, asked=whole)
    assert brief.work < 0.5 * full.work and not brief.complete
    assert brief.value == pytest.approx(whole, rel=0.2)
    assert numbers(near) == numbers(full)
