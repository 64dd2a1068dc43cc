"""The correction of one window: polynomials against NumPy's, and work that does not depend on the clock."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev

import sciml
from sciml.ansatz import Trial
from sciml.jets import DerivativePlan
from sciml.nn import MLP
from sciml.solvers.estimate import chain, window
from sciml.solvers.estimate.polynomials import TimePolynomials


class Decay(sciml.PDE):
    domain = sciml.TimeInterval(1, 4)
    conditions = (sciml.Initial(1.0),)

    def residual(self, u, t):
        return u.d("t") + u


@pytest.mark.parametrize("order, count", [(1, 7), (2, 13), (4, 9)])
def test_polynomials_and_their_derivatives_are_those_of_numpy(order, count):
    trial = Trial(Decay(), MLP([1, 3, 1], "tanh"))
    features = TimePolynomials(trial, count)
    t = torch.linspace(1, 4, 11, dtype=torch.float64)[:, None]
    z = ((t - 2.5) / 1.5)[:, 0].numpy()
    found = features.derivatives(torch.from_numpy(z), order)
    for k in range(order + 1):
        wanted = [chebyshev.chebval(z, chebyshev.chebder(np.eye(count)[j], k)) for j in range(count)]
        np.testing.assert_allclose(found[k].numpy(), np.stack(wanted, 1), rtol=1e-11, atol=1e-11)
    highest = () if order <= 2 else ((((0,) * order),),)
    plan = DerivativePlan.from_requests(1, (0,), (((0, 0),),) if order == 2 else (), highest)
    jet = features.jets(trial.inputs.jet(plan.seed(t), plan.weights.to(t)), plan.weights.to(t))
    np.testing.assert_allclose(jet[:, 0].numpy(), found[0].numpy(), atol=1e-12)
    np.testing.assert_allclose(jet[:, 1].numpy(), found[1].numpy() / 1.5, atol=1e-10)
    if order == 2:
        np.testing.assert_allclose(jet[:, -1].numpy(), found[2].numpy() / 1.5**2, atol=1e-9)
    g = torch.randn(jet.shape[:2], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (sums,) = features.contracted(trial.inputs.jet(plan.seed(t), plan.weights.to(t)), plan.weights.to(t), [g])
    np.testing.assert_allclose(sums.numpy(), torch.einsum("nc,nck->nk", g, jet).numpy(), atol=1e-9)


class Heat(sciml.PDE):
    domain = sciml.TimeInterval(0, 0.4) * sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0), sciml.Initial(lambda x: torch.sin(torch.pi * x[:, 1:])))

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x")

    def exact(self, x):
        return torch.exp(-(torch.pi**2) * x[:, :1]) * torch.sin(torch.pi * x[:, 1:])


@pytest.fixture(scope="module")
def heat():
    return sciml.solve(Heat(), windows=3, tol=1e-3, points=200, max_steps=60, max_time=600, progress=False)


def test_windows_in_space_have_an_estimate(heat):
    found = heat.stats.error_estimate
    assert found is not None
    assert heat.error() / 3 < found < 3 * heat.error()


def test_an_end_passes_on_as_a_jet_with_its_correction(heat):
    """The jets of a window that goes on from a corrected one, against nested autograd."""
    from sciml.ansatz.march import next_window
    from sciml.derivatives import AutogradSource

    first, second, _ = heat.trial.windows
    found, change = window.estimate_window(first.problem, first, {})
    moved = chain._Corrected(first, found, change)
    again = next_window(heat.problem, [first], second.span, second.network, second.scale, moved)
    x = again.problem.domain.sample(7, seed=2)
    plan = DerivativePlan.from_requests(2, (0, 1), (((1, 1),),))
    source = plan.source(again.jets(again.frozen_jets(x, plan), plan))
    other = AutogradSource(again, x)
    torch.testing.assert_close(source.value, other.value)
    torch.testing.assert_close(source.first(1), other.first(1), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(source.second(((1, 1),)), other.second(((1, 1),)), rtol=1e-6, atol=1e-8)


def test_an_estimate_does_not_look_at_the_clock(heat, monkeypatch):
    import time

    ticks = iter(range(0, 10**9, 1000))
    one = chain.estimate_chain(heat.problem, heat.trial)
    for name in ("perf_counter", "thread_time"):
        monkeypatch.setattr(time, name, lambda: float(next(ticks)))
    other = chain.estimate_chain(heat.problem, heat.trial)
    assert (one.value, one.drop, one.work) == (other.value, other.drop, other.work)
