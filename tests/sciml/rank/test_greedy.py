"""Searches under a budget, against the best of all subsets."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.rank import SecondOrder, backward_elimination, brute_force, greedy, project, random_greedy

F64 = torch.float64
SEARCHES = [greedy, random_greedy, backward_elimination, brute_force]


def model_of(seed: int, size: int, gradient: float = 1e-2) -> SecondOrder:
    """Near the optimum of a random convex loss: positive semi-definite H, small g."""
    rng = torch.Generator().manual_seed(seed)
    A = torch.randn(size, size, generator=rng, dtype=F64)
    sigma = torch.rand(size, generator=rng, dtype=F64)
    return SecondOrder.from_derivatives(
        gradient * torch.randn(size, generator=rng, dtype=F64), A @ A.mT, sigma
    )


def best_gain(model: SecondOrder, budget: int) -> float:
    values = [0.0]
    for b in range(1, budget + 1):
        for chosen in itertools.combinations(range(model.size), b):
            keep = torch.zeros(model.size, dtype=torch.bool)
            keep[list(chosen)] = True
            values.append(float(model.gain(keep)))
    return max(values)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(2, 8), budget=st.integers(1, 5))
def test_greedy_reaches_its_guarantee_where_it_holds(seed, size, budget):
    model = project(model_of(seed, size))
    assume(model.is_monotone())
    best = best_gain(model, min(budget, size))
    assert model.gain(greedy(model, budget)) >= (1 - torch.e**-1) * best - 1e-12


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(2, 7), budget=st.integers(1, 4))
def test_monotone_projection_makes_the_guarantee_hold_for_any_gradient(seed, size, budget):
    model = project(model_of(seed, size, gradient=3.0), monotone=True)
    best = best_gain(model, min(budget, size))
    assert model.gain(greedy(model, budget)) >= (1 - torch.e**-1) * best - 1e-12


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 7), budget=st.integers(0, 8))
def test_brute_force_is_the_best_and_nobody_beats_it_or_the_budget(seed, size, budget):
    model = model_of(seed, size, gradient=2.0)
    best = best_gain(model, min(budget, size))
    assert model.gain(brute_force(model, budget)) == pytest.approx(best, abs=1e-12)
    for search in SEARCHES:
        keep = search(model, budget)
        assert keep.dtype == torch.bool
        assert keep.shape == (size,)
        assert int(keep.sum()) <= budget
        assert model.gain(keep) <= best + 1e-12
        assert torch.equal(search(model, budget), keep)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), search=st.sampled_from([greedy, backward_elimination, brute_force]))
def test_choice_follows_the_components_when_they_are_renumbered(seed, search):
    model = project(model_of(seed, 7))
    order = torch.randperm(7, generator=torch.Generator().manual_seed(seed))
    renumbered = SecondOrder(model.c[order], model.Q[order][:, order])
    assert torch.equal(search(renumbered, 3), search(model, 3)[order])


@pytest.mark.parametrize("search", [greedy, backward_elimination])
def test_a_larger_budget_keeps_what_a_smaller_one_kept(search):
    model = project(model_of(4, 9), monotone=True)
    kept = [search(model, b) for b in range(10)]
    assert [int(k.sum()) for k in kept] == list(range(10))
    assert all(bool((small <= large).all()) for small, large in itertools.pairwise(kept))


def test_without_interactions_every_search_takes_the_largest_single_gains():
    single = torch.tensor([0.5, -1.0, 3.0, 0.1, 2.0], dtype=F64)
    model = SecondOrder(torch.zeros(5, dtype=F64), torch.diag(2 * single))
    expected = torch.tensor([False, False, True, False, True])
    for search in (greedy, backward_elimination, brute_force):
        assert torch.equal(search(model, 2), expected)
        assert torch.equal(search(model, 5), single > 0)  # the harmful one stays out
    assert torch.equal(random_greedy(model, 5, draws=64), single > 0)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("seed", range(6))
def test_harm_is_never_taken_however_much_budget_is_left(search, seed):
    """One good component among bad ones, which the good one makes worse."""
    single = torch.tensor([-1.0, -0.5, 3.0, -0.1], dtype=F64)
    Q = torch.full((4, 4), 0.2, dtype=F64)
    Q.diagonal().fill_(0.0)
    model = SecondOrder(Q.sum(1) - single, Q)
    options = {"seed": seed, "draws": 1} if search is random_greedy else {}
    assert search(model, 4, **options).nonzero().flatten().tolist() in ([[2]] if not options else [[2], []])
    assert search(model, 1, **options).nonzero().flatten().tolist() in ([[2]] if not options else [[2], []])


def test_components_worth_nothing_still_fill_the_budget():
    model = SecondOrder(torch.zeros(4, dtype=F64), torch.zeros(4, 4, dtype=F64))
    assert greedy(model, 2).tolist() == [True, True, False, False]


def test_random_greedy_escapes_where_greedy_is_short_sighted():
    # 0 looks best alone and spoils both others; {1, 2} is the best pair
    Q = torch.tensor([[0.0, 4.0, 4.0], [4.0, 0.0, 0.0], [4.0, 0.0, 0.0]], dtype=F64)
    target = torch.tensor([4.5, 4.0, 4.0], dtype=F64)  # wanted single gains
    model = SecondOrder(Q.sum(1) - target, Q)
    assert greedy(model, 2).tolist()[0]
    assert model.gain(greedy(model, 2)) < 8
    assert model.gain(random_greedy(model, 2, draws=32)) == pytest.approx(8.0)


@pytest.mark.parametrize("search", SEARCHES)
def test_unusable_budgets_are_refused(search):
    model = model_of(0, 3)
    with pytest.raises(ArgumentError, match="budget needs an int of at least 0, got -1"):
        search(model, -1)
    with pytest.raises(ArgumentTypeError, match=r"budget needs an int of at least 0, got 1\.5"):
        search(model, 1.5)


def test_brute_force_refuses_what_it_cannot_enumerate():
    with pytest.raises(ArgumentError, match="at most 20 components"):
        brute_force(model_of(0, 21), 2)


@pytest.mark.parametrize("seed", range(5))
def test_greedy_and_backward_follow_the_gain_itself(seed):
    """Step by step against searches that know nothing but F."""
    model = model_of(seed, 7, gradient=0.5)

    def with_one_changed(keep, i):
        other = keep.clone()
        other[i] = ~other[i]
        return float(model.gain(other))

    forward = torch.zeros(7, dtype=torch.bool)
    for budget in range(1, 8):
        values = {i: with_one_changed(forward, i) for i in range(7) if not forward[i]}
        best = max(values, key=values.__getitem__)
        if values[best] < model.gain(forward):
            break
        forward[best] = True
        assert torch.equal(greedy(model, budget), forward)
    backward = torch.ones(7, dtype=torch.bool)
    for budget in range(6, -1, -1):
        while int(backward.sum()) > budget or max(
            (with_one_changed(backward, i) for i in range(7) if backward[i]), default=-torch.inf
        ) > model.gain(backward):
            values = {i: with_one_changed(backward, i) for i in range(7) if backward[i]}
            backward[max(values, key=values.__getitem__)] = False
        assert torch.equal(backward_elimination(model, budget), backward)
