"""The road of a fine-tuning: which stages it enters, what it keeps, and what it says about them."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import nn
from sciml.adapters import Adapter, LoRA, LoTRA, SpanAdapter
from sciml.pdes import Burgers, Poisson
from sciml.solvers.finetuning.road import Stage, low_rank
from sciml.solvers.report import Report

QUICK = {"progress": False, "max_time": 1e4}


def source(a, b, p=2):
    """Poisson with two waves."""

    def wave(x, k):
        return torch.sin(k * math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])

    return Poisson(2).with_source(
        lambda x: math.pi**2 * (2 * a * wave(x, 1) + (1 + p * p) * b * wave(x, p)),
        exact=lambda x: a * wave(x, 1) + b * wave(x, p),
    )


@pytest.fixture(scope="module")
def linear():
    return sciml.solve(source(1.0, 0.0), nn.MLP([2, 8, 40, 1], "sine"), tol=1e-6, progress=False)


@pytest.fixture(scope="module")
def steep():
    solution = sciml.solve(Burgers(0.1), nn.MLP([2, 10, 10, 1]), max_steps=100, tol=1e-5, **QUICK)
    solution.finetune(Burgers(0.2), "full", name="m0", max_steps=80, tol=1e-5, **QUICK)
    solution.finetune(Burgers(0.14), "full", name="m1", max_steps=80, tol=1e-5, **QUICK)
    return solution


@pytest.fixture
def host(steep):
    yield steep
    for name in list(steep.adapters):
        if name not in ("m0", "m1"):
            steep.delete_adapter(name)


def test_a_linear_equation_ends_with_the_last_layer(linear):
    tuned = linear.finetune(source(0.7, 0.2), accuracy=1e-4, progress=False)
    assert tuned.config.kind == "head" and tuned.outcome == "converged" and tuned.error() < 1e-4
    assert len(tuned.report["stages"]) == 1 and tuned.report["stages"][0].startswith(
        "head (41 numbers): converged"
    )
    # the next one lies in the span of the two
    last = linear.finetune(source(0.8, 0.15), accuracy=1e-4, progress=False)
    assert last.config.kind == "span" and last.outcome == "converged" and last.error() < 1e-4
    for name in list(linear.adapters):
        linear.delete_adapter(name)


def test_a_head_that_does_not_do_is_followed_by_more(linear):
    tuned = linear.finetune(source(0.2, 1.0, p=5), accuracy=1e-3, max_steps=60, **QUICK)
    lines = tuned.report["stages"]
    assert [line.split(" ")[0] for line in lines] == ["head", "full"]  # low rank would be more numbers here
    assert (
        tuned.error()
        < 0.5 * linear.finetune(source(0.2, 1.0, p=5), "head", name="head", progress=False).error()
    )
    steps = [row["step"] for row in tuned.history]
    assert steps == sorted(steps) and tuned.stats.steps <= 61
    for name in list(linear.adapters):
        linear.delete_adapter(name)


def test_a_span_that_does_is_the_answer(host):
    tuned = host.finetune(Burgers(0.17), accuracy=1e-2, progress=False)
    assert isinstance(tuned.adapter, SpanAdapter) and tuned.outcome == "converged"
    assert tuned.stats.error_estimate <= 1e-2 and tuned.error() < 1e-2
    assert len(tuned.report["stages"]) == 1 and tuned.report["stages"][0].startswith(
        "span of 3 (3 directions)"
    )


def test_a_span_that_is_clearly_off_is_not_judged_and_the_road_arrives(host):
    """Outside the range of the members; the nearest of them is where training starts, and not the base."""
    tuned = host.finetune(Burgers(0.5), accuracy=1e-4, max_steps=100, **QUICK)
    lines = tuned.report["stages"]
    assert lines[0].startswith("span of 3") and "stalled, error not estimated" in lines[0]  # so far off it is
    assert "estimate" not in tuned.history[0]  # the nearest member's error is larger still
    assert lines[1].startswith("full") and lines[1].endswith("(kept)")
    assert tuned.outcome == "converged" and tuned.error() < 2e-4
    start = host["m0"].adapter
    far = host.finetune(Burgers(0.5), start, name="from m0", max_steps=1, **QUICK)
    assert tuned.history[0]["held_out"] == pytest.approx(far.history[0]["held_out"], rel=1e-6)


def test_a_later_stage_that_is_worse_by_the_estimate_is_not_kept(host):
    """After few steps from the nearest member the residual is smaller than that of the span, and the error larger."""
    tuned = host.finetune(Burgers(0.17), accuracy=1e-9, optimizer="adam", max_steps=5, **QUICK)
    assert len(tuned.report["stages"]) == 2 and tuned.report["stages"][0].endswith("(kept)")
    assert tuned.stats.error_estimate < 1e-2  # as nothing arrived, the span was judged after all
    assert tuned.config.kind == "span" and tuned.outcome == "max_steps"
    assert any("aimed at an estimated error of 1.0e-09" in note for note in tuned.stats.notes)


def test_the_goal_is_the_accuracy_or_the_residual_or_the_base_s_own_error(host):
    by_residual = host.finetune(Burgers(0.17), tol=0.5, name="tol", progress=False)
    assert by_residual.outcome == "converged" and by_residual.stats.error_estimate is None
    plain = host.finetune(Burgers(0.17), name="plain", max_steps=4, **QUICK)
    goal = 2 * host.stats.error_estimate
    met = plain.outcome == "converged"
    assert met or any(f"an estimated error of {goal:.1e}" in note for note in plain.stats.notes)


def test_a_callback_ends_the_road(linear):
    tuned = linear.finetune(
        source(0.2, 1.0, p=5), "auto", accuracy=1e-9, callbacks=[lambda event: event.step >= 10], **QUICK
    )
    assert tuned.outcome == "interrupted" and tuned.report["stages"][-1].startswith("full")
    linear.delete_adapter(tuned.name)


def test_low_rank_stages_have_fewer_numbers():
    assert low_rank(nn.KAN([2, 3, 1], grid=3)) is None
    big = nn.KAN([2, 20, 20, 1], grid=10)
    found = low_rank(big)
    assert isinstance(found, LoTRA) and Adapter(found, big).size < 0.5 * sum(
        p.numel() for p in big.parameters()
    )
    assert low_rank(torch.nn.PReLU()) is None


@pytest.mark.parametrize(("width", "entered"), [(20, False), (40, True)])
def test_a_low_rank_stage_of_nearly_all_numbers_is_left_out(width, entered):
    """LoRA of rank 8 has 766 of the 921 numbers of a network of width 20, and took longer than everything."""
    network = nn.MLP([2, width, width, width, 1])
    found = low_rank(network)
    assert (found is not None) == entered
    share = Adapter(LoRA(r=8), network).size / sum(p.numel() for p in network.parameters())
    assert (share < 0.5) == entered


def test_stages_are_ranked_by_the_estimate_and_never_by_the_residual():
    def stage(outcome, estimate, residual):
        return Stage("x", None, Report(outcome=outcome, residual=residual), 0.0, estimate)  # type: ignore[arg-type]

    good = stage("stalled", 1e-5, 1e-1)
    order = [
        stage("converged", None, 1e-9),
        good,
        stage("stalled", 1e-3, 1e-6),
        stage("stalled", None, 1e-8),
        stage("diverged", 1e-9, 1e-9),
    ]
    assert sorted([*order[3:], *order[:3]], key=lambda s: s.rank) == order
    assert stage("stalled", None, 1.0).line() == "x: stalled, error not estimated, 0 s"
