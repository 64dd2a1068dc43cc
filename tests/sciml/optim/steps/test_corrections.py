"""Corrections of a Gauss-Newton step against geodesic acceleration and the implicit step."""

from __future__ import annotations

import pytest
import torch

from sciml.optim import GaussNewtonMethod, ResidualFunction
from sciml.optim.steps.corrections import DampedModel, proximal, straight
from sciml.optim.steps.damped import CholeskySystem, SpectralSystem
from tests.sciml.optim.cases import network, random_matrix, walk, walk_losses


def gently_curved(lam, form="primal"):
    """A residual with a little curvature and its damped model at the origin."""
    lin = random_matrix(6, 15, seed=7)
    problem = ResidualFunction(
        lambda t: (u := lin.jacobian @ t) + 0.2 * u**2 - 0.05 * u**3 + 0.1 * lin.residual
    )
    start = torch.zeros(15, dtype=torch.float64)
    at_start = problem.linearize(start)
    solver = SpectralSystem(at_start) if form == "qr" else CholeskySystem(at_start, form)
    v = solver.solve(lam, at_start.residual)
    return problem, DampedModel(start, at_start, lambda q: solver.solve(lam, q), v, at_start.mv(v), lam, 0.0)


@pytest.mark.parametrize("lam", [0.03, 0.3])
def test_one_correction_is_half_the_geodesic_acceleration(lam):
    problem, model = gently_curved(lam)
    start, v = model.theta, model.v
    along = torch.func.jvp(lambda t: torch.func.jvp(problem._vector, (t,), (v,))[1], (start,), (v,))[1]
    j = model.lin.dense()
    a = -torch.linalg.solve(j.T @ j + lam * torch.eye(len(v), dtype=v.dtype), j.T @ along)
    corrected = proximal(problem, model, 1).step
    assert float((corrected - v - 0.5 * a).norm()) <= 0.15 * float((0.5 * a).norm())


@pytest.mark.parametrize("form", ["primal", "dual", "qr"])
def test_proximal_corrections_end_at_the_implicit_step(form):
    problem, model = gently_curved(0.1, form)
    trials = [straight(problem, model), *(proximal(problem, model, k) for k in (1, 3, 10))]
    j = model.lin.dense()
    slopes = [float((j.T @ t.residual + 0.1 * t.step).norm()) for t in trials]
    values = [0.5 * float(t.residual.square().sum()) + 0.05 * float(t.step.square().sum()) for t in trials]
    assert values == sorted(values, reverse=True)
    assert slopes[-1] <= 0.1 * slopes[0]
    for t in trials:
        assert torch.equal(t.residual, problem.residual(model.theta + t.step))


def test_corrections_of_a_linear_residual_change_nothing():
    lin = random_matrix(12, 5, seed=6)
    problem = ResidualFunction(lambda t: lin.jacobian @ t + lin.residual)
    zero = torch.zeros(5, dtype=torch.float64)
    ends = [walk(GaussNewtonMethod(geodesic=geodesic), problem, zero, 1)[0] for geodesic in (True, False)]
    assert torch.allclose(*ends, atol=1e-13)


def test_corrected_steps_save_iterations():
    problem, start = network(points=60)
    counts = {}
    for corrections in (0, 1, 10):
        method = GaussNewtonMethod(model="lm", geodesic=corrections > 0, corrections=max(corrections, 1))
        losses = walk_losses(method, problem, start, 150)
        counts[corrections] = next((k for k, f in enumerate(losses) if f <= 1e-9), 151)
    assert counts[1] < 0.7 * counts[0]
    assert counts[10] < 0.8 * counts[1]
