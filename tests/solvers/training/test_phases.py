"""Training and choosing ranks by turns: the budget falls, what was left out may return, the file is small."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import nn
from sciml.adapters import Adapter, Gates, LoRA, LoTRA
from sciml.errors import ArgumentError
from sciml.pdes import Poisson
from sciml.rank import CubicBudget
from sciml.solvers.training import phases

QUICK = {"progress": False, "points": 100}


def shifted(k: float = 0.2):
    """Poisson with ``u = sin sin + k sin(2 pi x) sin(pi y)``."""

    def wave(x):
        return torch.sin(2 * math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])

    return Poisson(2).with_source(
        lambda x: Poisson(2).source(x) + 5 * k * math.pi**2 * wave(x),
        exact=lambda x: Poisson(2).exact(x) + k * wave(x),
    )


@pytest.fixture(scope="module")
def base():
    return sciml.solve(Poisson(2), nn.MLP([2, 6, 12, 1], "sine"), tol=1e-4, progress=False)


def asked(config, base) -> int:
    return Gates(Adapter(config, base.network)).size


@pytest.fixture
def choices(monkeypatch):
    """What every choice was asked and answered: (full size of the adapter, budget, components kept, strengths)."""
    seen = []
    real = phases.choose

    def choose(gates, system, base, budget, selector, curvature):
        keep = real(gates, system, base, budget, selector, curvature)
        seen.append((gates.adapter.size, budget, int(keep.sum()), gates.strengths()))
        return keep

    monkeypatch.setattr(phases, "choose", choose)
    return seen


@pytest.mark.parametrize(
    ("config", "optimizer", "steps", "error"),
    [
        (LoRA(r=6, rank_budget=6, rank_schedule="joint"), "auto", 48, 1e-4),
        (LoTRA(r=4, rank_budget=10, rank_schedule="joint"), "auto", 48, 1e-3),
        (LoRA(r=6, rank_budget=6, rank_schedule="joint", rank_search="backward"), "lm", 48, 1e-4),
        (LoRA(r=6, rank_budget=6, rank_schedule="joint"), "adam", 400, 2e-2),
        (LoTRA(r=4, rank_budget=10, rank_schedule="joint"), torch.optim.NAdam, 400, 2e-2),
    ],
    ids=["lora", "lotra", "lm", "adam", "nadam"],
)
def test_the_budget_falls_while_training_goes_on(base, choices, config, optimizer, steps, error):
    before = base.fingerprint()
    tuned = base.finetune(shifted(), config, optimizer=optimizer, max_steps=steps, **QUICK)
    base.delete_adapter(tuned.name)
    full = Adapter(config, base.network)
    schedule = CubicBudget(
        asked(config, base), config.rank_budget, phases.ROUNDS, phases.WARMUP, phases.SETTLE
    )
    wanted = [schedule(k) for k in range(phases.WARMUP + 1, phases.ROUNDS - phases.SETTLE + 1)]
    assert [budget for _, budget, _, _ in choices] == wanted and wanted[-1] == config.rank_budget
    assert all(kept <= budget for _, budget, kept, _ in choices)
    # soft until the last choice: nothing was thrown away before
    assert all(size == full.size for size, *_ in choices)
    # hard from then on: the pattern alone says what is left
    again = Adapter(tuned.config, base.network)
    assert again.size == tuned.adapter.size < full.size
    assert Gates(tuned.adapter).size == choices[-1][2] <= config.rank_budget
    assert set(tuned.config.rank_pattern) == {n for n, rule in full.rules.items() if rule is full.config}
    assert tuned.error() < error and base.fingerprint() == before
    # one count of steps and seconds over all rounds
    assert tuned.stats["steps"] <= steps and tuned.stats["parameters"] == tuned.adapter.size
    for key in ("step", "seconds"):
        values = [row[key] for row in tuned.history]
        assert values == sorted(values)


@pytest.mark.parametrize(
    "config", [LoRA(r=4, rank_budget=5), LoTRA(r=3, rank_budget=9)], ids=["lora", "lotra"]
)
@pytest.mark.parametrize("optimizer", ["auto", "adam"])
def test_a_component_that_was_left_out_comes_back_in_training(base, monkeypatch, config, optimizer):
    """The first choice silences half of the components; at the next one they have strength again."""
    strengths, silent = [], []

    def choose(gates, system, base, budget, selector, curvature):
        strengths.append(gates.strengths())
        keep = torch.zeros(gates.size, dtype=torch.bool)
        for block in torch.arange(gates.size).split(list(gates.sizes.values())):
            keep[block[: (len(block) + 1) // 2]] = True
        silent.append(int((~keep).sum()))
        return keep

    monkeypatch.setattr(phases, "choose", choose)
    config = type(config)(r=config.r, rank_budget=config.rank_budget, rank_schedule="joint")
    tuned = base.finetune(shifted(), config, optimizer=optimizer, max_steps=60, **QUICK)
    base.delete_adapter(tuned.name)
    # a Tucker tensor with one output has one component of any mode, whatever its ranks
    alive = [int((now > 1e-8 * now.max()).sum()) for now in strengths]
    assert alive[0] > len(strengths[0]) - silent[0]
    # the first few steps may bring back some; later ones bring back all
    assert all(now > alive[0] - silent[0] for now in alive[1:])
    assert alive[-1] == alive[0]


@pytest.mark.parametrize("schedule", ["cut", "joint"])
def test_a_stopped_training_keeps_to_its_budget_and_says_so(base, schedule):
    config = LoRA(r=4, rank_budget=3, rank_schedule=schedule)
    tuned = base.finetune(
        shifted(), config, max_steps=60, callbacks=[lambda event: event.step >= 10], **QUICK
    )
    base.delete_adapter(tuned.name)
    assert tuned.stats["outcome"] == "interrupted" and tuned.stats["steps"] == 10
    assert sum(tuned.config.rank_pattern.values()) <= 3
    assert any("cut to the budget, not trained on" in note for note in tuned.stats["notes"])
    # the residual is that of what is returned, not of what was cut
    assert tuned.stats["residual"] == pytest.approx(
        math.sqrt(2 * tuned.history[-1]["held_out"]) / tuned.stats["scale"], rel=1e-12
    )


@pytest.mark.parametrize("budget", [0, 10_000])
@pytest.mark.parametrize("schedule", ["cut", "joint"])
def test_budgets_of_nothing_and_of_everything(base, schedule, budget):
    config = LoRA(r=3, rank_budget=budget, rank_schedule=schedule)
    tuned = base.finetune(shifted(), config, max_steps=12, **QUICK)
    base.delete_adapter(tuned.name)
    assert Gates(tuned.adapter).size == (0 if budget == 0 else asked(config, base))


def test_adapter_files_of_both_schedules_go_there_and_back(base, tmp_path, monkeypatch):
    x = Poisson(2).sample(20)
    config = LoRA(r=6, rank_budget=4, rank_schedule="joint")
    tuned = base.finetune(shifted(), config, name="joint", max_steps=24, **QUICK)
    tuned.save_adapter(tmp_path / "joint.h5")
    again = base.load_adapter(tmp_path / "joint.h5", name="again", problem=shifted())
    assert torch.equal(again(x), tuned(x)) and again.config == tuned.config
    assert again.config.rank_schedule == "joint" and sum(again.config.rank_pattern.values()) <= 4
    tuned.save(tmp_path / "merged.h5")
    merged = sciml.load(tmp_path / "merged.h5", problem=shifted())
    assert torch.equal(merged(x), tuned.merge_and_unload()(x)) and merged.history == tuned.history
    # a file from before there were schedules
    plain = base.finetune(shifted(), LoRA(r=2), name="plain", max_steps=3, **QUICK)
    with monkeypatch.context() as patch:
        fields = plain.config.to_dict()
        del fields["rank_schedule"]
        patch.setattr(LoRA, "to_dict", lambda self: fields)
        plain.save_adapter(tmp_path / "old.h5")
    old = base.load_adapter(tmp_path / "old.h5", name="old", problem=shifted())
    assert torch.equal(old(x), plain(x)) and old.config.rank_schedule == "cut"
    for name in list(base.adapters):
        base.delete_adapter(name)


def test_what_the_search_would_refuse_is_refused_before_training(base):
    for schedule in ("cut", "joint"):
        config = LoTRA(r=6, rank_budget=9, rank_search="brute_force", rank_schedule=schedule)
        with pytest.raises(ArgumentError, match="rank_search 'brute_force' needs at most 20 components, got"):
            base.finetune(shifted(), config, callbacks=[lambda event: pytest.fail("it trained")], **QUICK)


@pytest.mark.parametrize("schedule", ["cut", "joint"])
def test_the_damping_found_in_one_run_serves_the_next(base, monkeypatch, schedule):
    starts = []
    real = phases.GaussNewtonMethod.init

    def init(self, problem, theta):
        starts.append(theta.numel())
        return real(self, problem, theta)

    monkeypatch.setattr(phases.GaussNewtonMethod, "init", init)
    config = LoRA(r=4, rank_budget=4, rank_schedule=schedule)
    tuned = base.finetune(shifted(), config, max_steps=24, **QUICK)
    base.delete_adapter(tuned.name)
    assert starts == [Adapter(config, base.network).size]


@pytest.mark.parametrize("schedule, search", [("cut", "search_ranks"), ("joint", "choose")])
def test_a_search_that_is_broken_off_keeps_what_was_trained(base, monkeypatch, schedule, search):
    def broken(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(phases, search, broken)
    config = LoRA(r=4, rank_budget=5, rank_schedule=schedule)
    tuned = base.finetune(shifted(), config, max_steps=60, **QUICK)
    base.delete_adapter(tuned.name)
    assert tuned.outcome == "interrupted"
    assert tuned.adapter.size == Adapter(LoRA(r=4), base.network).size
    assert tuned.stats["residual"] < tuned.stats["start"]
    assert any("not cut to the budget" in note for note in tuned.stats["notes"])
