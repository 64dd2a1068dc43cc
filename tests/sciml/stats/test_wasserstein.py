"""W1 of samples against closed forms and an optimal assignment; the critic's Lipschitz constant."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from sciml import nn, stats
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.stats.wasserstein import critic_distance


def draws(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("widths, group", [([3, 8, 6, 1], 2), ([1, 9, 1], 3), ([5, 4, 12, 2], 4)])
@pytest.mark.parametrize("trained", [False, True])
def test_no_gradient_is_longer_than_one(widths, group, trained):
    critic = nn.GroupSort(widths, group, seed=3)
    if trained:
        with torch.no_grad():
            for k, p in enumerate(critic.parameters()):
                p.add_(3.0 * torch.randn(p.shape, generator=torch.Generator().manual_seed(k), dtype=p.dtype))
    x = 3 * draws(60, widths[0], 1)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda y: critic(y[None])[0]))(x)
    assert float(torch.linalg.matrix_norm(jacobian, 2).max().detach()) <= 1 + 1e-10
    far = (critic(x[:30]) - critic(x[30:])).norm(dim=1) / (x[:30] - x[30:]).norm(dim=1)
    assert float(far.max().detach()) <= 1 + 1e-10
    assert critic.lipschitz_bound() <= 1 + 1e-10


def test_one_dimension_is_sorted():
    a, b = draws(501, 1, 1), 0.5 * draws(501, 1, 2) + 1
    expected = (a.sort(0).values - b.sort(0).values).abs().mean()
    assert abs(stats.wasserstein1(a, b[:, 0]) - float(expected)) < 1e-12


@pytest.mark.parametrize("d", [2, 5])
def test_a_distance_stays_below_the_optimal_assignment_and_near_it(d):
    a, b = draws(300, d, 3), draws(300, d, 4)
    b[:, 0] += 2.0
    cost = torch.cdist(a, b).numpy()
    rows, columns = linear_sum_assignment(cost)
    exact = float(cost[rows, columns].mean())
    assert 0.95 * exact < stats.wasserstein1(a, b, steps=100) <= exact * (1 + 1e-9)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_critic_knows_the_distance_from_a_point(d):
    a = draws(301, d, 7)
    a, origin = a / a.norm(dim=1, keepdim=True), torch.zeros(1, d, dtype=torch.float64)
    found, critic = critic_distance(a, origin, steps=150)
    assert 0.97 < found <= 1 + 1e-9
    assert critic.net.lipschitz_bound() <= 1 + 1e-10


def test_scale_and_equal_samples():
    a, b = draws(90, 2, 5), draws(70, 2, 6) + 1
    small = stats.wasserstein1(a, b, steps=30)
    assert abs(stats.wasserstein1(1e6 * a, 1e6 * b, steps=30) - 1e6 * small) < 1e-3 * 1e6 * small
    assert stats.wasserstein1(a, a, steps=5) <= 1e-12
    assert stats.wasserstein1(a[:1], a[:1], steps=5) == 0


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: nn.GroupSort([2, 3, 1]), r"widths\[1\] needs a multiple of group=2, got 3"),
        (lambda: nn.GroupSort([2, 4, 1], 1), "group needs an int of at least 2"),
        (lambda: stats.wasserstein1(draws(3, 2, 0), draws(3, 1, 0)), "b needs 2 columns like a, got 1"),
        (lambda: stats.wasserstein1([], [1.0]), r"a needs shape \(n, d\)"),
        (lambda: stats.wasserstein1([1.0], [float("nan")]), "b needs finite numbers"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_the_unit_does_not_matter(d, unit):
    a, b = draws(40, d, 1), draws(40, d, 2) + 1
    one = stats.wasserstein1(a, b, steps=20)
    assert abs(stats.wasserstein1(unit * a, unit * b, steps=20) / unit - one) < 1e-3 * one


def test_samples_of_every_kind_are_taken():
    a, b = draws(30, 2, 1), draws(30, 2, 2) + 1
    expected = stats.wasserstein1(a, b, steps=5)
    assert stats.wasserstein1(a.numpy(), b.tolist(), steps=5) == expected
    with torch.inference_mode():
        assert stats.wasserstein1(a.clone(), b.clone(), steps=5) == expected
    assert stats.wasserstein1([0, 0, 0], [0]) == 0.0


@pytest.mark.parametrize(
    "samples", [None, "abc", torch.ones(3, 2, dtype=torch.complex128), 1.0, [[1], [1, 2]]]
)
def test_what_is_no_sample_is_refused_by_name(samples):
    with pytest.raises((ArgumentError, ArgumentTypeError), match="a needs"):
        stats.wasserstein1(samples, [1.0])


def test_a_critic_refuses_points_of_another_shape():
    critic = nn.GroupSort([2, 4, 1])
    for shape in ((3, 3), (2,), (3, 3, 2)):
        with pytest.raises(ArgumentError, match=r"x needs shape \(n, 2\)"):
            critic(torch.zeros(shape, dtype=torch.float64))
    with pytest.raises(ArgumentTypeError, match="x needs dtype"):
        critic(torch.zeros(3, 2))
