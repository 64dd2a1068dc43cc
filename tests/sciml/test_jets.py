"""Derivatives by jets against float64 nested autograd and finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciml import nn
from sciml.ansatz import Trial
from sciml.conditions import Dirichlet, Initial, Periodic
from sciml.derivatives import AutogradSource, RecordingSource
from sciml.domains import Ball, Box, Disk, Interval, TimeInterval
from sciml.jets import DerivativePlan
from sciml.problem import PDE


class Everything(PDE):
    """A residual that asks for value, first, pure and mixed second derivatives and the Laplacian."""

    def __init__(self, domain, conditions=(), unknowns=("u",)):
        self.domain, self.conditions, self.unknowns = domain, list(conditions), unknowns

    def residual(self, u, x):
        d = self.domain.dim
        total = u * u.laplacian() + torch.sin(u)
        for i in range(d):
            total = total + (i + 1) * u.d(i) + u.d(i, i) * u.value
            for j in range(i):
                total = total - 0.5 * u.d(i, j)
        return total


SPACE2 = Box([0.0, -1.0], [2.0, 1.0])
PROBLEMS = {
    "plain": Everything(SPACE2),
    "dirichlet": Everything(SPACE2, [Dirichlet(lambda x: x[:, :1] * x[:, 1:2] ** 2)]),
    "disk": Everything(Disk([0.1, 0.2], 1.5), [Dirichlet(0.5)]),
    "faces": Everything(
        SPACE2, [Dirichlet(0.0, on="x=0"), Dirichlet(lambda x: torch.cos(x[:, 1:]), on="x=2")]
    ),
    "hole": Everything(Box([-1, -1], [1, 1]) - Disk([0, 0], 0.3), [Dirichlet(1.0)]),
    "periodic": Everything(SPACE2, [Periodic("x")]),
    "evolution": Everything(
        TimeInterval(0.5, 2.0) * Interval(-1, 1),
        [Dirichlet(0.0), Initial(lambda x: torch.sin(math.pi * x[:, 1:]))],
    ),
    "wave": Everything(
        TimeInterval(0, 1) * Interval(0, 1),
        [Dirichlet(0.0), Initial(lambda x: torch.sin(math.pi * x[:, 1:])), Initial(0.0, order=1)],
    ),
    "five": Everything(Ball([0.0] * 5, 1.0), [Dirichlet(0.0)]),
    "system": Everything(
        SPACE2, [Dirichlet(0.0, component="u"), Dirichlet(1.0, component="v", on="y=-1")], unknowns=("u", "v")
    ),
}


def network(kind: str, problem: PDE, dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    widths = [problem.inputs, 7, 5, problem.outputs]
    if kind.startswith("kan"):
        return nn.KAN(widths, grid=[4, 3, 6], degree=int(kind[3:]), seed=3, dtype=dtype)
    if kind == "fourier":
        return nn.MLP(widths, "tanh", fourier=6, seed=3, dtype=dtype)
    return nn.MLP(widths, kind, seed=3, dtype=dtype)


def both_ways(problem: PDE, net: torch.nn.Module, x: torch.Tensor):
    """Residual by jets and by nested autograd, each with its parameter gradient."""
    trial = Trial(problem, net)
    recording = RecordingSource(AutogradSource(trial, x))
    slow = problem.residual(problem.field(recording), x)
    plan = DerivativePlan.from_requests(problem.domain.dim, recording.firsts, recording.seconds)
    fast = problem.residual(problem.field(plan.source(trial.jets(trial.frozen_jets(x, plan), plan))), x)
    parameters = list(net.parameters())
    slow_grad = torch.autograd.grad(slow.square().mean(), parameters)
    fast_grad = torch.autograd.grad(fast.square().mean(), parameters)
    return fast, slow, fast_grad, slow_grad


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.detach(), b.detach()
    return float((a - b).norm() / b.norm().clamp(min=1e-300))


@pytest.mark.parametrize("kind", ["tanh", "sine", "silu", "relu3", "fourier", "kan3", "kan4", "kan5"])
@pytest.mark.parametrize("case", PROBLEMS)
def test_jets_agree_with_nested_autograd(kind, case):
    problem = PROBLEMS[case]
    x = problem.domain.sample(13, seed=4)
    fast, slow, fast_grad, slow_grad = both_ways(problem, network(kind, problem), x)
    assert relative(fast, slow) <= 1e-10
    for a, b in zip(fast_grad, slow_grad, strict=True):
        assert relative(a, b) <= 1e-10


@pytest.mark.parametrize("kind", ["tanh", "kan3"])
def test_float32_jets_err_no_more_than_autograd(kind):
    problem = PROBLEMS["dirichlet"]
    x = problem.domain.sample(50, seed=2)
    exact = both_ways(problem, network(kind, problem), x)[1]
    net = network(kind, problem, torch.float32)
    fast, slow, *_ = both_ways(problem, net, x.float())
    assert relative(fast.double(), exact) <= 2 * relative(slow.double(), exact) + 1e-5


@pytest.mark.parametrize("kind", ["sine", "kan4"])
def test_jets_agree_with_finite_differences(kind):
    problem = PROBLEMS["dirichlet"]
    trial = Trial(problem, network(kind, problem))
    x = problem.domain.sample(9, seed=1)
    plan = DerivativePlan.from_requests(2, [0, 1], [((0, 0),), ((0, 1),), ((0, 0), (1, 1))])
    source = plan.source(trial.jets(trial.frozen_jets(x, plan), plan))
    h = 1e-4
    e = torch.eye(2, dtype=torch.float64) * h

    def u(y):
        return trial(y).detach()

    first = (u(x + e[0]) - u(x - e[0])) / (2 * h)
    xx = (u(x + e[0]) - 2 * u(x) + u(x - e[0])) / h**2
    yy = (u(x + e[1]) - 2 * u(x) + u(x - e[1])) / h**2
    xy = (u(x + e[0] + e[1]) - u(x + e[0] - e[1]) - u(x - e[0] + e[1]) + u(x - e[0] - e[1])) / (4 * h**2)
    assert torch.allclose(source.first(0), first, atol=1e-6)
    assert torch.allclose(source.second(((0, 0),)), xx, atol=1e-5)
    assert torch.allclose(source.second(((0, 1),)), xy, atol=1e-5)
    assert torch.allclose(source.second(((0, 0), (1, 1))), xx + yy, atol=1e-5)


def test_plan_uses_one_channel_for_each_sum_and_no_spare_directions():
    heat = DerivativePlan.from_requests(4, [0], [((1, 1), (2, 2), (3, 3))])
    assert heat.channels == 1 + 4 + 1
    mixed = DerivativePlan.from_requests(2, [], [((0, 1),)])
    assert mixed.channels == 1 + 3 + 1
    assert DerivativePlan.from_requests(3, []).channels == 1
    assert DerivativePlan.from_requests(2, [1], []).channels == 2


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2)).map(lambda p: tuple(sorted(p))),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 1000),
)
def test_any_sum_of_second_derivatives_of_a_polynomial(pairs, seed):
    rng = torch.Generator().manual_seed(seed)
    A = torch.randn(3, 3, generator=rng, dtype=torch.float64)
    x = torch.randn(5, 3, generator=rng, dtype=torch.float64)
    plan = DerivativePlan.from_requests(3, [], [tuple(pairs)])
    jet = plan.jet_of(lambda y: ((y @ A) * y).sum(1, keepdim=True), x)
    expected = sum(float((A + A.T)[i, j]) for i, j in pairs)
    got = plan.source(jet).second(tuple(pairs))
    assert torch.allclose(got, torch.full_like(got, expected), atol=1e-12)


def test_product_rule_matches_the_jet_of_the_product():
    plan = DerivativePlan.from_requests(2, [0], [((0, 1),), ((0, 0), (1, 1))])
    x = torch.rand(6, 2, dtype=torch.float64)

    def f(y):
        return torch.sin(y[:, :1] * y[:, 1:])

    def g(y):
        return torch.exp(y[:, :1] - 2 * y[:, 1:])

    product = plan.product(plan.jet_of(f, x), plan.jet_of(g, x))
    assert torch.allclose(product, plan.jet_of(lambda y: f(y) * g(y), x), atol=1e-12)
