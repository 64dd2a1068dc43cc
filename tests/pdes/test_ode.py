"""Ordinary differential equations of the catalogue: their references by a second integrator, and solves in windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import sciml
from sciml import ArgumentError, pdes
from sciml.derivatives import AutogradSource
from sciml.pdes.references.ode import ode_values


def rates(problem):
    """The right-hand sides by the problem's own residual: what is left of it with every derivative at zero."""

    def right(t, w):
        class Still:
            value = torch.tensor(w[: len(problem.unknowns)][None])

            def first(self, i):
                return (
                    torch.tensor(w[None, 1:]) if len(problem.unknowns) == 1 else torch.zeros_like(self.value)
                )

            def second(self, pairs):
                return torch.zeros_like(self.value)

            def total(self, terms):
                return torch.zeros_like(self.value)

            def higher(self, axes):
                return torch.zeros_like(self.value)

        terms = problem.residual_terms(problem.field(Still()), torch.tensor([[t]]))
        last = [-float(term[0, 0]) for term in terms.values()]
        return last if len(problem.unknowns) > 1 else [w[1], *last]

    return right


@pytest.mark.parametrize(
    "problem",
    [pdes.Lorenz(duration=5.0), pdes.VanDerPol(mu=3.0, duration=7.0), pdes.Robertson(duration=30.0)],
    ids=repr,
)
def test_references_agree_with_another_method_on_the_residual(problem):
    reference = problem.reference()
    start = [1.0, 1.0, 1.0] if isinstance(problem, pdes.Lorenz) else [1.0, 0.0, 0.0]
    start = [2.0, 0.0] if isinstance(problem, pdes.VanDerPol) else start
    times = reference.points[:, 0].numpy()
    found = solve_ivp(
        rates(problem), (0.0, times[-1]), start, "LSODA", times, rtol=1e-11, atol=1e-15, max_step=times[-1]
    )
    ours = reference.values.numpy()
    assert np.linalg.norm(found.y[: ours.shape[1]].T - ours) <= 1e-6 * np.linalg.norm(ours)


def test_values_begin_at_the_start_and_decay_as_they_should():
    times = np.linspace(0.0, 3.0, 7)
    for stiff in (False, True):
        values = ode_values(lambda t, w: [-2 * w[0], w[0]], [1.0, 0.0], times, stiff=stiff, rtol=1e-11)
        assert values.shape == (7, 2)
        np.testing.assert_allclose(values[:, 0], np.exp(-2 * times), rtol=1e-8)


def test_floor_of_lorenz_grows_with_time():
    assert pdes.Lorenz(duration=20.0).floor > 1e3 * pdes.Lorenz(duration=2.0).floor


@pytest.mark.parametrize(
    ("kind", "bad"),
    [(pdes.Lorenz, {"duration": 21}), (pdes.VanDerPol, {"mu": 0}), (pdes.Robertson, {"duration": 0})],
)
def test_parameters_have_ranges(kind, bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        kind(**bad)


def test_lorenz_in_windows():
    solution = sciml.solve(pdes.Lorenz(duration=1.0), windows="auto", progress=False)
    assert solution.error() < 1e-9
    rate = AutogradSource(solution.trial, torch.tensor([[0.5]]).double()).first(0)
    assert float(rate.detach().abs().max()) > 0.1
