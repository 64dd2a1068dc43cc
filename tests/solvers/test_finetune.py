"""Fine-tuning: the base stays untouched, the verbs do what they say, files belong to one base, families resume."""

from __future__ import annotations

import copy
import math
import os

import pytest
import torch

import sciml
from sciml import adapters, nn
from sciml.adapters import Adapter
from sciml.errors import ArgumentError, FileFormatError
from sciml.pdes import Burgers, Poisson
from sciml.solvers.training.least_squares import is_linear


def shifted(k: float):
    """Poisson with ``u = sin sin + k sin(2 pi x) sin(pi y)``."""

    def wave(x):
        return torch.sin(2 * math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])

    base = Poisson(2)
    return base.with_source(
        lambda x: Poisson(2).source(x) + 5 * k * math.pi**2 * wave(x),
        exact=lambda x: Poisson(2).exact(x) + k * wave(x),
    )


@pytest.fixture(scope="module")
def base():
    return sciml.solve(Poisson(2), nn.MLP([2, 8, 40, 1], "sine"), tol=1e-4, progress=False)


@pytest.fixture
def solution(base):
    """The base with no adapters kept from other tests."""
    yield base
    for name in list(base.adapters):
        base.delete_adapter(name)
    base.active = None


def test_a_linear_head_is_solved_in_closed_form_and_beats_the_start(solution):
    before = solution.fingerprint()
    tuned = solution.finetune(shifted(0.2), "head", name="near", progress=False)
    assert tuned.stats["optimizer"] == "linear least squares" and tuned.stats["steps"] == 1
    assert tuned.error() < 1e-4 and tuned.stats["residual"] < 1e-2 * tuned.stats["start"]
    assert solution.fingerprint() == before and solution.error() < 1e-3
    assert tuned.report["trained"] == 41 and tuned.report["bytes"] == 8 * 41


@pytest.mark.parametrize(
    "kind",
    ["lotra", "lora", "svd", "full", adapters.LoRA(r=3, rank_budget=4), adapters.SVD(nonnegative=False)],
)
def test_every_kind_trains_with_gauss_newton(solution, kind):
    tuned = solution.finetune(shifted(0.2), kind, progress=False, max_steps=12, points=150)
    assert tuned.stats["residual"] < 0.05 * tuned.stats["start"]
    rows = [row["held_out"] for row in tuned.history]
    assert rows[-1] < rows[0]
    if isinstance(kind, adapters.LoRA):
        assert sum(tuned.report["ranks"].values()) <= 4
    x = Poisson(2).sample(20)
    assert torch.allclose(tuned.merge_and_unload()(x), tuned(x), atol=1e-14)
    spread = [tuned.adapter.factors[n]["s"] for n in tuned.adapter.factors if "s" in tuned.adapter.factors[n]]
    if kind == "svd":
        assert all(bool((s >= 0).all()) for s in spread)


def test_first_order_training_uses_the_kinds_rates(solution):
    tuned = solution.finetune(
        shifted(0.1), "lora", optimizer="adam", progress=False, max_steps=300, points=100
    )
    assert tuned.history[-1]["held_out"] < tuned.history[0]["held_out"]


def test_switching_between_adapters(solution):
    x = Poisson(2).sample(30)
    bare = solution(x)
    solution.finetune(shifted(0.1), "head", name="a", progress=False)
    solution.finetune(shifted(0.5), "head", name="b", progress=False)
    assert torch.equal(solution(x), bare) and set(solution.adapters) == {"a", "b"}
    solution.set_adapter("b")
    assert torch.equal(solution(x), solution["b"](x)) and solution.error() == solution["b"].error()
    with solution.disable_adapter():
        assert torch.equal(solution(x), bare)
    assert solution.active == "b"
    solution.delete_adapter("b")
    assert solution.active is None and torch.equal(solution(x), bare)
    with pytest.raises(ArgumentError, match=r"name needs the name of an adapter \(a\), got 'b'"):
        solution["b"]
    with pytest.raises(ArgumentError, match="name needs a new"):
        solution.finetune(shifted(0.1), "head", name="a", progress=False)
    fresh = solution.add_adapter("lotra", "fresh")
    assert torch.equal(fresh(x), bare)


def test_superposing_solutions_is_exact_for_a_linear_equation_and_refused_for_others(solution):
    solution.finetune(shifted(0.1), "head", name="a", progress=False)
    solution.finetune(shifted(0.5), "head", name="b", progress=False)
    mixed = solution.superpose({"a": 0.25, "b": 0.75})
    x = Poisson(2).sample(50)
    truth = shifted(0.4)
    assert torch.allclose(mixed.source(x), truth.source(x), atol=1e-12)
    assert float((mixed(x) - truth.exact(x)).norm() / truth.exact(x).norm()) < 1e-4
    burgers = sciml.solve(Burgers(), nn.MLP([2, 6, 1]), progress=False, max_steps=2)
    burgers.add_adapter("head", "c")
    with pytest.raises(ArgumentError, match="Burgers is not linear in u"):
        burgers.superpose({"c": 1.0})


def test_adapter_files_are_small_and_belong_to_one_base(solution, tmp_path):
    tuned = solution.finetune(
        shifted(0.3), adapters.LoTRA(r=4), name="third", progress=False, max_steps=3, points=100
    )
    path = tmp_path / "third.h5"
    tuned.save_adapter(path)
    assert tuned.adapter.size <= 1000 and os.path.getsize(path) < 16_000
    x = Poisson(2).sample(20)
    values = tuned(x)
    solution.delete_adapter("third")
    with pytest.raises(ArgumentError, match="problem is needed"):
        solution.load_adapter(path)
    again = solution.load_adapter(path, problem=shifted(0.3))
    assert torch.equal(again(x), values) and again.name == "third"
    assert again.report["steps"] == tuned.report["steps"]
    with pytest.raises(FileFormatError, match="another equation or right-hand side"):
        solution.load_adapter(path, name="fourth", problem=shifted(0.31))
    other = sciml.solve(Poisson(2), nn.MLP([2, 8, 40, 1], "sine", seed=9), progress=False, max_steps=1)
    with pytest.raises(FileFormatError, match="another base"):
        other.load_adapter(path, problem=shifted(0.3))
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 4
    path.write_bytes(bytes(damaged))
    with pytest.raises(FileFormatError, match=r"third\.h5"):
        solution.load_adapter(path, name="fourth", problem=shifted(0.3))


def test_families_resume_and_survive_a_bad_member(solution, tmp_path):
    members = {f"k={k}": shifted(k) for k in (0.1, 0.2)}
    first = solution.finetune_family(members, "head", folder=tmp_path)
    assert not first.resumed and len(list(tmp_path.glob("*.h5"))) == 2
    (tmp_path / "k=0.2.h5").write_bytes(b"cut off by a killed worker")
    bad = Poisson(2).with_source(lambda x: torch.log(x[:, :1] - 0.5))
    second = solution.finetune_family({**members, "bad": bad}, "head", folder=tmp_path, on_error="skip")
    assert second.resumed == ["k=0.1"] and list(second.solutions) == ["k=0.1", "k=0.2"]
    assert "source of Poisson needs finite numbers" in second.failures["bad"]
    assert "k=0.2" in second.table() and "failed" in second.table()
    with pytest.raises(ArgumentError, match="source of Poisson needs finite numbers"):
        solution.finetune_family({"bad": bad}, "head")
    # the same name for another member: the old file is not taken for it
    third = solution.finetune_family({"k=0.1": shifted(0.15)}, "head", folder=tmp_path)
    assert not third.resumed and third.solutions["k=0.1"].error() < 1e-4


def test_members_of_a_catalogue_family():
    members = Burgers().family(nu=[0.1, 0.02])
    assert list(members) == ["nu=0.1", "nu=0.02"] and members["nu=0.02"].nu == 0.02
    with pytest.raises(ArgumentError, match=r"family needs parameters of Burgers \(nu\).*got mu"):
        Burgers().family(mu=[1.0])


def test_wrong_targets_are_named(solution):
    with pytest.raises(ArgumentError, match=r"needs the base's coordinates \('x', 'y'\)"):
        solution.finetune(Burgers(), "head", progress=False)
    with pytest.raises(ArgumentError, match=r"layer\.9"):
        solution.finetune(shifted(0.1), adapters.LoRA(r=2, target_modules=("layer.9",)), progress=False)
    with pytest.raises(ArgumentError, match="adapter kind"):
        solution.finetune(shifted(0.1), "prefix", progress=False)


def test_linearity_is_measured_not_assumed(solution):
    from sciml.ansatz import Trial
    from sciml.solvers.training.adapted_system import AdaptedSystem
    from sciml.solvers.training.residual_system import ResidualSystem

    flat = torch.nn.utils.parameters_to_vector(list(solution.network.parameters())).detach()
    system = ResidualSystem(shifted(0.1), Trial(shifted(0.1), copy.deepcopy(solution.network)), 60, 9)
    for kind, linear in (("head", True), ("full", False)):
        own = Adapter(kind, solution.network)
        adapted = AdaptedSystem(system, own, flat)
        assert is_linear(adapted, own.vector(), adapted.linearize(own.vector())) is linear


FAR = Poisson(2).with_source(
    lambda x: torch.sin(2 * torch.pi * x[:, :1]) * torch.sin(3 * torch.pi * x[:, 1:]),
    exact=lambda x: (
        torch.sin(2 * torch.pi * x[:, :1]) * torch.sin(3 * torch.pi * x[:, 1:]) / (13 * torch.pi**2)
    ),
)


def test_a_head_that_cannot_represent_the_answer_has_not_converged(solution):
    tuned = solution.finetune(FAR, "head", progress=False)
    assert tuned.stats.residual > 1e-2 and tuned.outcome == "stalled"
    assert any("can do no better" in note for note in tuned.stats.notes)
    assert 0.5 * tuned.error() < tuned.stats.error_estimate < 2 * tuned.error()
    assert solution.finetune(FAR, "head", progress=False, tol=0.9).outcome == "converged"


@pytest.mark.parametrize("kind", ["head", "lotra", "full"])
def test_a_short_fine_tuning_above_tol_is_judged(solution, kind):
    tuned = solution.finetune(FAR, kind, progress=False, max_steps=12, points=150)
    assert tuned.stats.residual > 1e-6 and tuned.stats.error_estimate is not None
    assert 0.2 * tuned.error() < tuned.stats.error_estimate < 5 * tuned.error()


@pytest.mark.parametrize("kind", ["head", "lotra", adapters.LoRA(r=3, rank_budget=4, rank_schedule="joint")])
@pytest.mark.parametrize("tol", [1e-1, 1e-3])
def test_what_has_converged_is_within_tol(solution, kind, tol):
    tuned = solution.finetune(shifted(0.3), kind, progress=False, max_steps=40, points=150, tol=tol)
    assert (tuned.outcome == "converged") == (tuned.stats.residual <= tol)
