"""Random features against their own jets, and the waves that are found in a residual."""

from __future__ import annotations

import math

import pytest
import torch

from sciml.jets import DerivativePlan
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.spectrum import KEPT, dominant_waves
from tests.solvers.estimate.manufactured import Advection, Pair, Poisson, missed

F64 = torch.float64


@pytest.mark.parametrize("swinging", [False, True])
@pytest.mark.parametrize("make", [Poisson, Advection, Pair])
@pytest.mark.parametrize(
    ("firsts", "seconds", "highers"),
    [
        ((0, 1), (((0, 0), (1, 1)), ((0, 1),)), ()),
        ((0,), (((1, 1),),), ()),
        ((1,), (), ()),
        ((), (), ()),
        ((0,), (((1, 1),),), (((1, 1, 1),), ((1, 1, 1, 1), (0, 0, 1, 1)))),
    ],
)
def test_contracted_features_are_their_jets_contracted(make, firsts, seconds, highers, swinging):
    problem, trial, _, _ = missed(make, 1e-2)
    rng = torch.Generator().manual_seed(3)
    waves = torch.randn(problem.inputs, 5, generator=rng, dtype=F64) if swinging else None
    features = Features(trial, problem.sample(40, seed=1), 21, rng, waves)
    plan = DerivativePlan.from_requests(2, firsts, seconds, highers)
    z = trial.inputs.jet(plan.seed(problem.sample(13, seed=2)), plan.weights)
    cotangents = [torch.randn(13, z.shape[1], generator=rng, dtype=F64) for _ in range(3)]
    cotangents[1][:, 1:] = 0.0
    with torch.no_grad():
        jets = features.jets(z, plan.weights)
        got = features.contracted(z, plan.weights, cotangents)
    assert jets.shape == (13, z.shape[1], features.count)
    for g, found in zip(cotangents, got, strict=True):
        torch.testing.assert_close(found, torch.einsum("nc,nck->nk", g, jets), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("vector", [[31.0, 2.0], [0.0, -60.0], [5.0, 6.0]])
def test_the_waves_of_a_residual_are_found(vector):
    z = 2 * torch.rand(1000, 2, generator=torch.Generator().manual_seed(1), dtype=F64) - 1
    a = torch.tensor(vector, dtype=F64)
    residual = (1 + 0.3 * z[:, :1]) * torch.cos(z @ a + 0.4)[:, None]
    waves = dominant_waves(z, residual, seed=0)
    assert waves.shape == (2, KEPT)
    off = torch.minimum((waves - a[:, None]).norm(dim=0), (waves + a[:, None]).norm(dim=0))
    assert (
        float((off < math.pi).double().mean()) > 0.3
    )  # the shortest wave that the domain tells apart is half of 2π


def test_no_waves_are_found_in_noise_or_in_nothing():
    rng = torch.Generator().manual_seed(1)
    z = 2 * torch.rand(1000, 2, generator=rng, dtype=F64) - 1
    assert dominant_waves(z, torch.randn(1000, 1, generator=rng, dtype=F64), seed=0) is None
    assert dominant_waves(z, torch.zeros(1000, 1, dtype=F64), seed=0) is None
    assert dominant_waves(z, torch.full((1000, 1), math.nan, dtype=F64), seed=0) is None


class Striped(Poisson):
    """An error that swings faster than planes of a few steepnesses can."""

    def bump(self, x):
        return (x * (1 - x)).prod(1, keepdim=True) * torch.sin(70 * x[:, :1] + 3 * x[:, 1:])


@pytest.mark.parametrize("epsilon", [1.0, 1e-4])
def test_an_error_that_swings_is_found(epsilon):
    problem, trial, _, whole = missed(Striped, epsilon)
    found = estimate_error(problem, trial, seconds=1.0)
    assert found.value == pytest.approx(whole, rel=0.1) and found.drop < 0.3
