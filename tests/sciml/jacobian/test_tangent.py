"""The tangent kernel's predictions against descents that are really run, and against nested autograd."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciml.errors import ArgumentError
from sciml.jacobian.norm import largest_eigenvalue
from sciml.jacobian.tangent import TangentKernel
from tests.sciml.optim.cases import random_matrix


def kernel_of(matrix):
    half = len(matrix.residual) // 2
    return TangentKernel.of(matrix, {"a": slice(0, half), "b": slice(half, len(matrix.residual))})


def descend(matrix, steps, rate):
    """Gradient descent for r + J theta, written out."""
    theta = torch.zeros(matrix.shape[1], dtype=torch.float64)
    for _ in range(steps):
        theta = theta - rate * matrix.jacobian.T @ (matrix.residual + matrix.jacobian @ theta)
    return matrix.residual + matrix.jacobian @ theta


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 9), st.integers(1, 11), st.integers(0, 200), st.floats(0.1, 1.99), st.integers(0, 10_000)
)
def test_a_linear_residual_descends_as_predicted(m, p, steps, times, seed):
    matrix = random_matrix(m, p, seed=seed)
    kernel = kernel_of(matrix)
    rate = times * kernel.rate
    r = descend(matrix, steps, rate)
    loss = kernel.predict(steps, rate)
    whole = 0.5 * float(matrix.residual @ matrix.residual)
    for name, rows in kernel.parts.items():
        assert loss[name] == pytest.approx(0.5 * float(r[rows] @ r[rows]), rel=1e-7, abs=1e-10 * whole)
    assert kernel.unreached(steps, rate) == pytest.approx(0.5 * float(r @ r) / whole, rel=1e-7, abs=1e-10)


def test_above_twice_the_rate_it_diverges_as_predicted():
    matrix = random_matrix(5, 7)
    kernel = kernel_of(matrix)
    r = descend(matrix, 60, 2.5 * kernel.rate)
    assert float(r.norm()) > 1e3 * float(matrix.residual.norm())
    assert sum(kernel.predict(60, 2.5 * kernel.rate).values()) == pytest.approx(0.5 * float(r @ r), rel=1e-8)
    assert kernel.steps_to(1e-3, 2.5 * kernel.rate) == math.inf


@pytest.mark.parametrize("tol", [0.5, 1e-2, 1e-5])
def test_the_steps_to_a_residual_are_the_fewest(tol):
    matrix = random_matrix(6, 9, seed=3)
    kernel = kernel_of(matrix)
    steps = int(kernel.steps_to(tol))
    size = float(matrix.residual.norm())
    assert float(descend(matrix, steps, kernel.rate).norm()) <= tol * size
    assert float(descend(matrix, steps - 1, kernel.rate).norm()) > tol * size
    assert kernel.steps_to(1.0) == 0.0


def test_what_no_parameter_moves_is_out_of_reach():
    matrix = random_matrix(9, 4, seed=1)
    kernel = kernel_of(matrix)
    assert kernel.steps_to(1e-6) == math.inf
    assert kernel.condition == math.inf
    left = matrix.residual - matrix.jacobian @ torch.linalg.lstsq(matrix.jacobian, matrix.residual).solution
    share = float(left @ left) / float(matrix.residual @ matrix.residual)
    assert kernel.unreached(10**15) == pytest.approx(share, rel=1e-9)


def test_spectrum_traces_and_shares():
    matrix = random_matrix(6, 8, seed=2)
    kernel = kernel_of(matrix)
    s = torch.linalg.svdvals(matrix.jacobian)
    assert kernel.eigenvalues.tolist() == pytest.approx((s**2).tolist(), rel=1e-10)
    assert kernel.rate == pytest.approx(float(s[0] ** -2), rel=1e-12)
    assert sum(kernel.traces.values()) == pytest.approx(float(matrix.jacobian.square().sum()))
    assert float(kernel.shares.sum()) == pytest.approx(1.0)
    value, direction = largest_eigenvalue(matrix)
    assert value == pytest.approx(float(s[0] ** 2), rel=0.05)
    assert value <= float(s[0] ** 2) * (1 + 1e-12)
    assert float(direction.norm()) == pytest.approx(1.0)


@pytest.mark.parametrize("batch", [1, 3, 40])
def test_with_the_rate_of_a_batch_the_mean_distance_falls(batch):
    """Ma, Bassily, Belkin 2018, theorem 1; the expectation over batches is taken by formula, not by luck."""
    matrix = random_matrix(7, 9, seed=4)  # rows that can all be solved
    kernel = kernel_of(matrix)
    J, n = matrix.jacobian, 7
    rate = kernel.batch_rate(batch)
    square = J.square().sum(1)
    for seed in range(5):
        e = torch.randn(9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        r = J @ e
        g = J.T @ r
        mean = float(e @ e) - 2 * rate * float(r @ r)
        spread = n / batch * float((r**2 * square).sum()) + (batch - 1) / batch * float(g @ g)
        assert mean + rate**2 * spread < float(e @ e)
    assert kernel.batch_rate(10**6) == pytest.approx(kernel.rate, rel=1e-3)


def test_drift_is_the_relative_change_of_the_kernel():
    one, two = random_matrix(5, 6, seed=1), random_matrix(5, 6, seed=2)
    a, b = one.gram(), two.gram()
    assert kernel_of(one).drift(kernel_of(two)) == pytest.approx(float((b - a).norm() / a.norm()))
    assert kernel_of(one).drift(kernel_of(one)) == 0.0
    with pytest.raises(ArgumentError, match="later needs the same 5 rows, got 6"):
        kernel_of(one).drift(kernel_of(random_matrix(6, 6)))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda k: k.predict(-1), "steps needs an int from 0 up, got -1|steps needs"),
        (lambda k: k.predict(10, 0.0), "rate needs a number above 0, got 0.0"),
        (lambda k: k.steps_to(-1e-3), "tol needs a number above 0"),
        (lambda k: k.batch_rate(0), "batch needs"),
        (lambda k: TangentKernel(k.matrix[:2], k.residual, {}), r"matrix needs shape \(4, 4\)"),
        (lambda k: TangentKernel(k.matrix * math.nan, k.residual, {}), "need finite numbers"),
        (
            lambda k: TangentKernel(torch.zeros(3001, 3001), torch.zeros(3001), {}),
            "residual needs at most 3000 rows, got 3001",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ArgumentError, match=words):
        call(kernel_of(random_matrix(4, 5)))


def test_a_residual_of_zero_is_solved():
    matrix = random_matrix(4, 5)
    matrix.residual = torch.zeros(4, dtype=torch.float64)
    kernel = kernel_of(matrix)
    assert kernel.predict(3) == {"a": 0.0, "b": 0.0}
    assert kernel.unreached(3) == 0.0
    assert kernel.steps_to(1e-3) == 0.0
