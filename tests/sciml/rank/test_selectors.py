"""Selectors, schedule, derivatives in sigma and the rank pattern."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciml import rank
from sciml.errors import ArgumentError

F64 = torch.float64


def known(seed: int = 0, sizes=None, **changes) -> rank.Components:
    sizes = {"a": 3, "b": 0, "c": 5} if sizes is None else sizes
    R = sum(sizes.values())
    rng = torch.Generator().manual_seed(seed)
    A = torch.randn(R, R, generator=rng, dtype=F64)
    fields = {
        "sigma": torch.randn(R, generator=rng, dtype=F64),
        "g": 1e-3 * torch.randn(R, generator=rng, dtype=F64),
        "H": A @ A.mT,
    }
    return rank.Components(sizes=sizes, **{**fields, **changes})


@pytest.mark.parametrize("name", rank.SELECTORS)
@pytest.mark.parametrize("budget", [0, 1, 4, 8, 99])
def test_every_selector_gives_a_mask_within_the_budget(name, budget):
    keep = rank.select(name, known(), budget)
    assert keep.dtype == torch.bool
    assert keep.shape == (8,)
    assert int(keep.sum()) <= budget
    if name not in ("brute_force", "backward", "sublora", "sublora_random"):
        assert int(keep.sum()) == min(budget, 8)


def test_each_rule_orders_by_its_own_score():
    sigma = torch.tensor([1.0, -4.0, 2.0, 0.5], dtype=F64)
    g = torch.tensor([-1.0, 0.5, -3.0, 8.0], dtype=F64)
    H = torch.diag(torch.tensor([20.0, 0.0, 0.0, 0.0], dtype=F64))
    components = rank.Components(sigma, {"only": 4}, g, H)
    picks = {
        "magnitude": 1,  # |sigma|: 1, 4, 2, 0.5
        "signed": 2,  # -g sigma: 1, 2, 6, -4
        "sensitivity": 2,  # |g sigma|: 1, 2, 6, 4
        "diagonal": 0,  # 11, 2, 6, -4
        "sublora": 0,
        "backward": 0,
        "brute_force": 0,
    }
    for name, index in picks.items():
        assert rank.select(name, components, 1).nonzero().item() == index, name
    scored = rank.Components(sigma, {"only": 4}, score=torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=F64))
    assert rank.select("sensitivity", scored, 1).nonzero().item() == 3


def test_brute_force_is_never_worse_on_the_model_itself():
    for seed in range(10):
        components = known(seed)
        model = components.second_order()
        best = model.loss_change(rank.select("brute_force", components, 4))
        for name in rank.SELECTORS:
            assert model.loss_change(rank.select(name, components, 4)) >= best - 1e-12


def test_second_order_beats_first_order_near_a_stationary_point():
    """Median predicted loss over 60 random losses; the linear rules see a gradient that is almost noise."""
    change = {name: [] for name in ("sublora", "signed", "sensitivity")}
    for seed in range(60):
        components = known(seed, {"a": 6, "b": 6})
        model = components.second_order()
        for name, values in change.items():
            values.append(float(model.loss_change(rank.select(name, components, 6))))
    medians = {name: np.median(values) for name, values in change.items()}
    assert all(medians["sublora"] < 0.5 * medians[name] for name in medians if name != "sublora"), medians


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=5), budget=st.integers(0, 25))
def test_uniform_is_as_even_as_the_layers_allow(sizes, budget):
    named = {f"layer{i}": size for i, size in enumerate(sizes)}
    components = known(1, named)
    keep = rank.select("uniform", components, budget)
    counts = rank.ranks(rank.rank_pattern(keep, named))
    assert sum(counts.values()) == min(budget, sum(sizes))
    open_layers = [counts[name] for name in named if counts[name] < named[name]]
    if open_layers:  # a layer with room left is never behind any other by more than one
        assert max(counts.values()) - min(open_layers) <= 1
    for name, block, mask in zip(named, components.sigma.abs().split(sizes), keep.split(sizes), strict=True):
        if 0 < counts[name] < named[name]:
            assert block[mask].min() >= block[~mask].max()


def test_missing_knowledge_and_unknown_names_are_refused():
    bare = rank.Components(torch.ones(3, dtype=F64), {"a": 3})
    with pytest.raises(ArgumentError, match="needs g, got None"):
        rank.select("sublora", bare, 1)
    with pytest.raises(ArgumentError, match="selector needs one of sublora"):
        rank.select("best", bare, 1)
    with pytest.raises(ArgumentError, match="sum to the length of sigma, 3"):
        rank.Components(torch.ones(3), {"a": 2})
    with pytest.raises(ArgumentError, match="H needs shape"):
        rank.Components(torch.ones(3), {"a": 3}, H=torch.ones(2, 2))
    with pytest.raises(ArgumentError, match="score needs finite"):
        rank.select("magnitude", rank.Components(torch.tensor([1.0, torch.nan]), {"a": 2}), 1)


@given(
    end=st.integers(0, 20), more=st.integers(0, 30), warmup=st.integers(0, 9),
    span=st.integers(1, 60), settle=st.integers(0, 9), interval=st.integers(1, 7),
)  # fmt: skip
def test_budget_falls_from_start_to_end_along_the_cubic(end, more, warmup, span, settle, interval):
    total = warmup + span + settle
    budget = rank.CubicBudget(end + more, end, total, warmup, settle, interval)
    values = [budget(step) for step in range(total + 3)]
    assert values == sorted(values, reverse=True)
    assert values[: warmup + 1] == [end + more] * (warmup + 1)
    assert all(value == end for value in values[total - settle :])
    for step in range(warmup, total - settle):
        exact = end + more * (1 - (step - warmup) / span) ** 3
        assert (
            math.floor(exact + 1e-9)
            <= values[step]
            <= math.ceil(exact + 1e-9) + (1 if exact % 1 < 1e-9 else 0)
        )
    choices = [step for step in range(total + 1) if budget.due(step)]
    assert choices[0] == warmup
    assert choices[-1] == total - settle
    assert not any(budget.frozen(step) for step in choices)
    assert budget.frozen(total - settle + 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 5, 10), "0 <= end <= start"),
        ((5, 3, 10, 6, 4), "leave steps in between"),
        ((5, 3, 10, -1), "leave steps in between"),
        ((5, 3, 10, 0, 0, 0), "interval needs"),
    ],
)
def test_unusable_schedules_are_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        rank.CubicBudget(*arguments)


def test_derivatives_agree_with_torch_on_a_factorised_network():
    rng = torch.Generator().manual_seed(0)
    U, V, x, y = (torch.randn(*s, generator=rng, dtype=F64) for s in [(5, 4), (4, 3), (7, 3), (7, 5)])
    sigma = torch.randn(4, generator=rng, dtype=F64)

    def residual(s):
        return (torch.tanh(x @ (U * s @ V).mT) - y).flatten()

    loss = lambda s: 0.5 * residual(s).square().sum()  # noqa: E731
    found = rank.hessian(loss, sigma)
    torch.testing.assert_close(found.loss, loss(sigma))
    torch.testing.assert_close(found.g, torch.autograd.functional.jacobian(loss, sigma))
    torch.testing.assert_close(found.H, torch.autograd.functional.hessian(loss, sigma))
    r, J = rank.jacobian(residual, sigma)
    torch.testing.assert_close(r, residual(sigma))
    torch.testing.assert_close(J, torch.autograd.functional.jacobian(residual, sigma))
    by_j = rank.gauss_newton(r, J)
    torch.testing.assert_close(by_j.loss, loss(sigma))
    torch.testing.assert_close(by_j.g, found.g)
    torch.testing.assert_close(by_j.H, J.mT @ J)
    assert not sigma.requires_grad
    assert not found.g.requires_grad
    assert not J.requires_grad


def test_derivatives_of_losses_without_curvature_or_dependence():
    sigma, w = torch.ones(3, dtype=F64), torch.arange(3.0, dtype=F64)
    linear = rank.hessian(lambda s: w @ s, sigma)
    assert torch.equal(linear.g, w)
    assert torch.equal(linear.H, torch.zeros(3, 3, dtype=F64))
    constant = rank.hessian(lambda s: torch.tensor(2.0, dtype=F64), sigma)
    assert torch.equal(constant.g, torch.zeros(3, dtype=F64))
    assert not constant.H.any()
    r, J = rank.jacobian(lambda s: torch.ones(5, dtype=F64), sigma)
    assert J.shape == (5, 3)
    assert not J.any()
    assert torch.equal(r, torch.ones(5, dtype=F64))
    nothing = rank.hessian(lambda s: s.sum() ** 2, torch.zeros(0, dtype=F64))
    assert nothing.H.shape == (0, 0)
    with torch.no_grad():  # a caller that evaluates under no_grad still gets derivatives
        assert torch.equal(rank.hessian(lambda s: (s**2).sum(), sigma).H, 2 * torch.eye(3, dtype=F64))


def test_unusable_losses_are_refused():
    sigma = torch.ones(3, dtype=F64)
    with pytest.raises(ArgumentError, match="return a scalar"):
        rank.hessian(lambda s: s, sigma)
    with pytest.raises(ArgumentError, match="residual needs to return shape"):
        rank.jacobian(lambda s: s.sum(), sigma)
    with pytest.raises(ArgumentError, match="floating vector"):
        rank.hessian(lambda s: s.sum(), torch.ones(3, dtype=torch.long))
    with pytest.raises(ArgumentError, match="r and J need shapes"):
        rank.gauss_newton(torch.ones(3), torch.ones(2, 3))


def test_smoothed_sensitivity_follows_its_recurrence():
    tracker = rank.SmoothedSensitivity(0.5, 0.25)
    mean, spread = np.zeros(3), np.zeros(3)
    rng = np.random.default_rng(0)
    for _ in range(5):
        value, gradient = rng.normal(size=(2, 3))
        now = np.abs(value * gradient)
        mean = 0.5 * mean + 0.5 * now
        spread = 0.25 * spread + 0.75 * np.abs(now - mean)
        score = tracker.update(torch.as_tensor(value), torch.as_tensor(gradient))
        np.testing.assert_allclose(score.numpy(), mean * spread, rtol=1e-13)
    with pytest.raises(ArgumentError, match=r"beta1 needs a value in \[0, 1\)"):
        rank.SmoothedSensitivity(1.0)
    with pytest.raises(ArgumentError, match="gradient needs the shape"):
        tracker.update(torch.ones(3), torch.ones(2))


def test_triplet_score_adds_the_means_of_the_vectors():
    score = rank.triplet_score(
        torch.tensor([1.0, 2.0]),
        torch.tensor([[3.0, 0.0], [1.0, 0.0], [2.0, 3.0]]),
        torch.tensor([[4.0], [6.0]]),
    )
    assert score.tolist() == [1 + 2 + 4, 2 + 1 + 6]


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.integers(0, 6), max_size=4), st.integers(0, 10**6))
def test_rank_pattern_goes_there_and_back_through_json(sizes, seed):
    keep = torch.rand(sum(sizes.values()), generator=torch.Generator().manual_seed(seed)) < 0.5
    pattern = rank.rank_pattern(keep, sizes)
    assert torch.equal(rank.keep_mask(json.loads(json.dumps(pattern)), sizes), keep)
    assert sum(rank.ranks(pattern).values()) == int(keep.sum())


def test_unusable_patterns_are_refused():
    with pytest.raises(ArgumentError, match=r"mask of shape \(3,\)"):
        rank.rank_pattern(torch.ones(2, dtype=torch.bool), {"a": 3})
    with pytest.raises(ArgumentError, match="needs the layers"):
        rank.keep_mask({"b": [0]}, {"a": 3})
    for kept in ([3], [-1], [0, 0]):
        with pytest.raises(ArgumentError, match=r"distinct indices in \[0, 3\)"):
            rank.keep_mask({"a": kept}, {"a": 3})


def test_differences_of_gradients_give_the_hessian():
    rng = torch.Generator().manual_seed(4)
    A, sigma = torch.randn(5, 4, generator=rng, dtype=F64), torch.randn(4, generator=rng, dtype=F64)

    def value_and_grad(s):
        s = s.detach().requires_grad_()
        f = torch.tanh(A @ s).square().sum() + (s**4).sum()
        return float(f.detach()), torch.autograd.grad(f, s)[0]

    found = rank.hessian_by_differences(value_and_grad, sigma)
    exact = rank.hessian(lambda s: torch.tanh(A @ s).square().sum() + (s**4).sum(), sigma)
    torch.testing.assert_close(found.H, exact.H, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(found.g, exact.g)
    torch.testing.assert_close(found.loss, exact.loss)


def test_strength_stands_in_for_sigma_where_size_is_meant():
    strength = torch.tensor([1.0, 3.0, 2.0], dtype=F64)
    gated = rank.Components(torch.ones(3, dtype=F64), {"a": 3}, strength=strength)
    assert rank.select("magnitude", gated, 1).tolist() == [False, True, False]
    assert rank.select("uniform", gated, 2).tolist() == [False, True, True]
