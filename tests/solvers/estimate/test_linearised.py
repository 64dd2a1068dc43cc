"""The residual's derivative by a correction's coefficients against difference quotients of the whole residual."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import nn
from sciml.derivatives import AutogradSource
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.linearised import rows_of
from sciml.solvers.terms.build import build_terms
from tests.solvers.estimate.manufactured import (
    Burgers,
    Heat,
    KdV,
    Mean,
    MeanPair,
    Pair,
    Poisson,
    Ring,
    SoftHeat,
    missed,
)


class Normalised(torch.nn.Module):
    """A network that mixes the points of a batch, as BatchNorm does in training."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.last = (
            torch.nn.Linear(*sizes, dtype=torch.float64) for sizes in ((inputs, 8), (8, outputs))
        )

    def forward(self, z):
        y = torch.tanh(self.first(z))
        return self.last(y / y.square().mean(0).sqrt())


def brute_force(problem, trial, term, x, features):
    """Central differences of the rows along every feature, by nested autograd on the corrected function."""

    def rows(w):
        def corrected(y):
            change = features.values(y) @ w.T
            return trial(y) + (trial.scaled(change) if trial.ansatz.trivial else trial.factor(y) * change)

        found = term.function(problem.field(AutogradSource(corrected, x)), x)
        parts = [part.detach() for part in found.values()]
        parts = parts if term.sums is None else [term.sums.of(part) for part in parts]
        return torch.cat(parts, 1).T

    h, slopes = 1e-5, []
    for j in range(problem.outputs):
        for k in range(features.count):
            w = torch.zeros(problem.outputs, features.count, dtype=x.dtype)
            w[j, k] = h
            slopes.append((rows(w) - rows(-w)) / (2 * h))
    return torch.stack(slopes, 2)  # (columns, n, m K)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (Burgers, "mlp"),  # each row its own point
        (SoftHeat, "kan"),
        (Ring, "mlp"),
        (Ring, "kan"),
        (Mean, "mlp"),
        (Mean, "plain"),
        (Pair, "mlp"),
        (MeanPair, "mlp"),
        (MeanPair, "plain"),
        (KdV, "mlp"),
        (Poisson, "plain"),
    ],
)
def test_rows_are_the_derivative_of_the_whole_residual(make, kind):
    problem, trial, _, _ = missed(make, 1e-2, kind)
    features = Features(trial, problem.sample(64, seed=1), 5, torch.Generator().manual_seed(2))
    for term in build_terms(problem, trial, 16, 16):
        term.record(trial, problem, torch.zeros(0, dtype=torch.float64))
        seen = []

        def keep(u, x, function=term.function, seen=seen):
            seen.append(x)
            return function(u, x)

        term.function = keep
        rows = rows_of(problem, trial, term, 18, 3, features)
        x = seen[-1].detach()  # the points that were drawn in the end
        wanted = brute_force(problem, trial, term, x, features)
        assert len(rows) == len(wanted) > 0
        for row, slope in zip(rows, wanted, strict=True):
            size = float(slope.abs().max())
            assert size > 0
            torch.testing.assert_close(row.matrix, slope, rtol=1e-5, atol=1e-7 * size)


@pytest.mark.parametrize(
    ("make", "kind", "evenly"),
    [
        (Burgers, "mlp", False),
        (Poisson, "plain", False),
        (Mean, "mlp", True),
        (Mean, "plain", True),
        (MeanPair, "kan", True),
    ],
)
def test_points_follow_the_residual_only_where_each_has_its_own_row(make, kind, evenly):
    problem, trial, _, _ = missed(make, 1e-2, kind)
    features = Features(trial, problem.sample(64, seed=1), 9, torch.Generator().manual_seed(2))
    term = build_terms(problem, trial, 16, 16)[0]
    term.record(trial, problem, torch.zeros(0, dtype=torch.float64))
    rows = rows_of(problem, trial, term, 40, 3, features)
    assert bool((rows[0].density == 1).all()) == evenly


def test_points_are_even_for_a_network_that_mixes_them():
    problem, trial, _, _ = missed(Poisson, 1e-2, "plain")
    trial.network = Normalised(2, 1)
    features = Features(trial, problem.sample(64, seed=1), 9, torch.Generator().manual_seed(2))
    term = build_terms(problem, trial, 16, 16)[0]
    term.record(trial, problem, torch.zeros(0, dtype=torch.float64))
    assert bool((rows_of(problem, trial, term, 40, 3, features)[0].density == 1).all())


@pytest.mark.parametrize("epsilon", [1e-1, 1e-5])
@pytest.mark.parametrize(("make", "kind"), [(Mean, "mlp"), (Mean, "plain"), (MeanPair, "mlp")])
def test_the_error_is_found_where_rows_depend_on_other_points(make, kind, epsilon):
    problem, trial, _, whole = missed(make, epsilon, kind)
    found = estimate_error(problem, trial)
    assert found.value == pytest.approx(whole, rel=0.2) and found.drop < 0.3


@pytest.mark.parametrize("steps", [5, 20])
def test_the_error_is_found_where_two_ends_are_compared(steps):
    class Circle(Heat):
        conditions = Ring.conditions

        def residual(self, u, x):
            return u.d("t") - 0.05 * u.d("x", "x")

        def exact(self, x):
            return torch.exp(-0.2 * math.pi**2 * x[:, :1]) * torch.sin(2 * math.pi * x[:, 1:])

    solution = sciml.solve(
        Circle(), nn.MLP([2, 8, 8, 1], "sine", seed=1), points=150, max_steps=steps, progress=False
    )
    assert solution.error_estimate().value == pytest.approx(solution.error(), rel=0.1)
