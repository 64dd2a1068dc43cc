"""The second-order model and its projection, against brute force over subsets and a numerical optimiser."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciml.errors import ArgumentError
from sciml.rank import SecondOrder, project

F64 = torch.float64


def draw(size: int, seed: int, positive_sigma: bool = False, nonnegative: bool = False):
    rng = torch.Generator().manual_seed(seed)
    g, sigma = (torch.randn(size, generator=rng, dtype=F64) for _ in range(2))
    H = torch.randn(size, size, generator=rng, dtype=F64)
    H = (H + H.mT) / 2
    if nonnegative:
        H = H.abs() * torch.sign(sigma)[:, None] * torch.sign(sigma)
    return g, H, sigma.abs() if positive_sigma else sigma


def subsets(size: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product([False, True], repeat=size))).reshape(2**size, size)


def submodular_by_brute_force(model: SecondOrder, tol: float = 0.0) -> bool:
    """F(i | S) >= F(i | T) for every S inside T and i outside T, straight from the definition of F."""
    masks = subsets(model.size)
    value = {tuple(m.tolist()): float(f) for m, f in zip(masks, model.gain(masks), strict=True)}
    for S in value:
        for i, k in itertools.permutations([j for j in range(model.size) if not S[j]], 2):
            with_i, with_k = (tuple(S[j] or j == p for j in range(model.size)) for p in (i, k))
            both = tuple(S[j] or j in (i, k) for j in range(model.size))
            if value[with_i] - value[S] < value[both] - value[with_k] - tol:
                return False
    return True


def monotone_by_brute_force(model: SecondOrder, tol: float = 1e-12) -> bool:
    masks = subsets(model.size)
    gains = model.gain(masks)
    inside = (masks[:, None] & ~masks[None]).sum(-1) == 0  # [S, T]: S is a subset of T
    return bool((gains[:, None] <= gains[None] + tol)[inside].all())


@pytest.mark.parametrize("size", [1, 2, 5])
def test_loss_change_is_exact_for_a_quadratic_loss(size):
    g, H, sigma = draw(size, 3)
    loss = lambda s: g @ (s - sigma) + 0.5 * (s - sigma) @ H @ (s - sigma)  # noqa: E731
    model = SecondOrder.from_derivatives(g, H, sigma)
    for keep in subsets(size):
        zeroed = torch.where(keep, sigma, torch.zeros_like(sigma))
        torch.testing.assert_close(
            model.loss_change(keep), loss(zeroed) - loss(sigma), rtol=1e-12, atol=1e-12
        )


def test_gain_starts_at_zero_and_its_marginals_are_differences():
    model = SecondOrder.from_derivatives(*draw(6, 11))
    masks = subsets(6)
    assert model.gain(masks[0]) == 0
    for keep in masks:
        for i, marginal in enumerate(model.marginals(keep)):
            with_i, without_i = keep.clone(), keep.clone()
            with_i[i], without_i[i] = True, False
            torch.testing.assert_close(
                marginal, model.gain(with_i) - model.gain(without_i), rtol=1e-10, atol=1e-12
            )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(2, 4), shift=st.sampled_from([0.0, 0.0, 1.0, 3.0]))
def test_submodular_exactly_when_no_off_diagonal_is_negative(seed, size, shift):
    g, H, sigma = draw(size, seed, positive_sigma=True)
    H = H + shift  # a shift makes both answers common
    model = SecondOrder.from_derivatives(g, H, sigma)
    assert model.is_submodular() == submodular_by_brute_force(model, tol=1e-13)


def test_both_answers_occur_and_the_diagonal_does_not_matter():
    g, H, sigma = draw(4, 5, nonnegative=True)
    good = SecondOrder.from_derivatives(g, H - 50 * torch.eye(4, dtype=F64), sigma)
    assert good.is_submodular()
    assert submodular_by_brute_force(good, tol=1e-12)
    H[0, 1] = H[1, 0] = -H[0, 1]
    bad = SecondOrder.from_derivatives(g, H, sigma)
    assert not bad.is_submodular()
    assert not submodular_by_brute_force(bad, tol=1e-12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), lift=st.floats(0, 4))
def test_monotone_exactly_when_the_last_marginals_are_not_negative(seed, lift):
    g, H, sigma = draw(4, seed, nonnegative=True)
    model = SecondOrder.from_derivatives(g, H + lift * torch.eye(4, dtype=F64), sigma)
    assert model.is_monotone() == monotone_by_brute_force(model)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("monotone", [False, True])
def test_projection_is_what_a_numerical_optimiser_finds(seed, monotone):
    size = 5
    model = SecondOrder.from_derivatives(*draw(size, seed))
    Q = model.Q.numpy()
    lower = np.zeros((size, size))
    np.fill_diagonal(lower, 2 * model.c.numpy() if monotone else -np.inf)
    start = np.maximum(Q, lower) + 1  # feasible and not the answer
    found = scipy.optimize.minimize(
        lambda x: (0.5 * np.sum((x - Q.ravel()) ** 2), x - Q.ravel()),
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, np.inf) for low in lower.ravel()],
        options={"ftol": 1e-16, "gtol": 1e-12},
    )
    np.testing.assert_allclose(project(model, monotone=monotone).Q.numpy().ravel(), found.x, atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**6), monotone=st.booleans())
def test_projection_is_feasible_idempotent_and_nearest(seed, monotone):
    g, H, sigma = draw(4, seed)
    model = SecondOrder.from_derivatives(g, H, sigma)
    projected = project(model, monotone=monotone)
    assert submodular_by_brute_force(projected, tol=1e-12)
    assert not monotone or monotone_by_brute_force(projected)
    assert torch.equal(project(projected, monotone=monotone).Q, projected.Q)
    # on a convex set the nearest point sees every other point at an obtuse angle
    g2, H2, sigma2 = draw(4, seed + 1, nonnegative=True)
    other = SecondOrder(model.c, SecondOrder.from_derivatives(g2, H2, sigma2).Q)
    if monotone:
        other = SecondOrder(model.c, other.Q + torch.diag(2 * model.c - other.Q.diagonal()).clamp(min=0))
    assert submodular_by_brute_force(other, tol=1e-12)
    assert ((model.Q - projected.Q) * (other.Q - projected.Q)).sum() <= 1e-10


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 6), monotone=st.booleans())
def test_projection_never_promises_less_loss(seed, size, monotone):
    g, H, sigma = draw(size, seed)
    sigma = torch.where(torch.arange(size) % 3 == 2, torch.zeros_like(sigma), sigma)  # pruned ones among them
    model = SecondOrder.from_derivatives(g, H, sigma)
    projected = project(model, monotone=monotone)
    masks = subsets(size)
    assert (projected.loss_change(masks) >= model.loss_change(masks) - 1e-12).all()


def test_positive_semidefinite_curvature_at_a_stationary_point_is_monotone_once_projected():
    _, A, sigma = draw(6, 8)
    model = project(SecondOrder.from_derivatives(torch.zeros(6, dtype=F64), A @ A.mT, sigma))
    assert model.is_monotone()


def test_unusable_models_are_refused():
    g, H, sigma = draw(3, 0)
    with pytest.raises(ArgumentError, match="shapes"):
        SecondOrder.from_derivatives(g, H[:2], sigma)
    with pytest.raises(ArgumentError, match="shapes"):
        SecondOrder(g, H[:2])
    H[0, 0] = torch.nan
    with pytest.raises(ArgumentError, match="Q needs finite"):
        SecondOrder.from_derivatives(g, H, sigma)
    model = SecondOrder(g, torch.eye(3, dtype=F64))
    with pytest.raises(ArgumentError, match="boolean mask"):
        model.gain(torch.ones(3))
