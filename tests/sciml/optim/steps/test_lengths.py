"""Steps measured by the Jacobian's columns: the step against its own equations, and a valley that needs it."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from sciml.jacobian.protocols import Linearization
from sciml.optim import GaussNewtonMethod, ResidualFunction
from sciml.optim.methods import gauss_newton
from sciml.optim.steps.damped import CholeskySystem, SpectralSystem
from sciml.optim.steps.lengths import LARGEST_BYTES, ScaledColumns, scalable
from tests.sciml.optim.cases import network, random_matrix, walk, walk_losses


@pytest.mark.parametrize("m, p", [(30, 7), (7, 30)])
@pytest.mark.parametrize("form", ["primal", "dual", "qr"])
def test_a_step_solves_the_equations_damped_by_columns(m, p, form):
    given = random_matrix(m, p, seed=m)
    given.jacobian[:, 0] *= 40.0
    given.jacobian[:, 3] *= 0.1
    lin = ScaledColumns(given)
    system = SpectralSystem(lin) if form == "qr" else CholeskySystem(lin, form)
    J, lam = given.jacobian, 0.37
    s = lin.scale * system.solve(lam, given.residual)
    # the damping of each parameter is the norm of its column, with a geometric mean of 1
    norms = J.norm(dim=0)
    damping = torch.diag(norms / norms.log().mean().exp())
    expected = torch.linalg.solve(J.T @ J + lam * damping, -J.T @ given.residual)
    assert torch.allclose(s, expected, rtol=1e-9, atol=1e-12)


def test_the_products_are_those_of_the_dense_matrix():
    given = random_matrix(9, 5, seed=2)
    lin = ScaledColumns(given)
    assert isinstance(lin, Linearization)
    A = given.jacobian @ torch.diag(lin.scale)
    v, w = torch.arange(5.0, dtype=torch.float64), torch.arange(9.0, dtype=torch.float64)
    assert torch.allclose(lin.dense(), A)
    assert torch.allclose(lin.columns(1, 3), A[:, 1:3])
    assert torch.allclose(lin.mv(v), A @ v)
    assert torch.allclose(lin.rmv(w), A.T @ w)
    assert torch.allclose(lin.gram(), A @ A.T)
    assert torch.allclose(lin.normal(), A.T @ A)
    assert torch.allclose(lin.row_norms(), A.square().sum(1))


def test_a_column_of_zeros_gives_a_finite_step():
    given = random_matrix(6, 4)
    given.jacobian[:, 2] = 0.0
    assert bool(torch.isfinite(ScaledColumns(given).scale).all())
    given.jacobian[:] = 0.0
    assert torch.allclose(ScaledColumns(given).scale, torch.ones(4, dtype=torch.float64))


def test_a_jacobian_that_is_too_large_is_not_formed():
    lin = random_matrix(3, 2)
    assert scalable(lin)
    lin.shape = (LARGEST_BYTES // 8, 2)
    assert not scalable(lin)


def helix():
    """A valley along a spiral, down which one number must go twelve thousand units while two others turn."""

    def residual(t):
        a = t[2] / 1e3
        return torch.stack([1e2 * (t[0] - a.cos() * a), 1e2 * (t[1] - a.sin() * a), 0.1 * (a - 12.0)])

    return ResidualFunction(residual), torch.zeros(3, dtype=torch.float64)


def test_a_crawl_is_noticed_and_ended():
    problem, start = helix()
    left = {
        kind: walk_losses(GaussNewtonMethod(lengths=kind), problem, start, 80)[-1]
        for kind in ("parameters", "columns", "auto")
    }
    assert left["parameters"] > 0.3
    assert left["columns"] < 1e-20
    assert left["auto"] < 1e-20


@pytest.mark.parametrize("form", ["primal", "dual", "qr"])
@pytest.mark.parametrize("momentum", [None, "ls", "spring"])
def test_steps_by_columns_never_raise_the_loss(form, momentum):
    problem, start = helix()
    losses = walk_losses(
        GaussNewtonMethod(form=form, momentum=momentum, lengths="columns"), problem, start, 80
    )
    assert all(b <= a for a, b in pairwise(losses))
    assert losses[-1] < 1e-10


def test_the_measure_changes_where_the_loss_crawls_alone(monkeypatch):
    problem, start = network()
    method = GaussNewtonMethod()
    monkeypatch.setattr(gauss_newton, "CRAWLS", 1.1)  # no fall is slow enough
    assert not walk(method, problem, start, 40)[1].by_columns
    monkeypatch.setattr(gauss_newton, "CRAWLS", 0.0)  # every one is
    monkeypatch.setattr(gauss_newton, "FAR", 0.0)  # however low the loss
    theta, state = start, method.init(problem, start)
    seen = []
    for _ in range(60):
        theta, state = method.step(problem, theta, state)
        if state.accepted:
            seen.append(state.by_columns)
    assert seen[:10] == [False] * 10
    assert seen[10:20] == [True] * 10
    assert not seen[20]


def test_a_loss_that_has_arrived_may_crawl(monkeypatch):
    """Every ten steps count as a crawl, and the loss falls by eight decades: from there on the measure stays."""
    problem, start = network()
    method = GaussNewtonMethod()
    monkeypatch.setattr(gauss_newton, "CRAWLS", 0.0)
    monkeypatch.setattr(gauss_newton, "FAR", 1.0)
    assert not walk(method, problem, start, 40)[1].by_columns
    monkeypatch.setattr(gauss_newton, "FAR", 0.0)
    state = walk(method, problem, start, 15)[1]
    assert state.by_columns
    assert state.highest == pytest.approx(float(problem.residual(start).square().sum()) / 2, rel=1.0)


def test_the_measure_is_part_of_the_state_and_may_be_missing():
    problem, start = helix()
    method = GaussNewtonMethod()
    _, state = walk(method, problem, start, 5)
    saved = state.state_dict()
    assert saved["watched"] > 0
    old = {name: value for name, value in saved.items() if name not in state.ADDED}
    fresh = method.init(problem, start).load_state_dict(old)
    assert (fresh.by_columns, fresh.mark, fresh.watched, fresh.highest) == (False, 0.0, 0, 0.0)


def test_only_another_measure_changes_the_text():
    assert "lengths" not in repr(GaussNewtonMethod())
    assert repr(GaussNewtonMethod(lengths="columns")).endswith("max_basis=300, lengths='columns')")


def test_a_state_that_is_taken_up_between_two_rejections_goes_on_alike():
    problem, start = helix()
    method = GaussNewtonMethod()
    theta, state = start, method.init(problem, start)
    while state.rejections < 2:
        theta, state = method.step(problem, theta, state)
    other, again = theta, method.init(problem, theta).load_state_dict(state.state_dict())
    for _ in range(30):
        theta, state = method.step(problem, theta, state)
        other, again = method.step(problem, other, again)
        assert (again.watched, again.mark, again.by_columns) == (state.watched, state.mark, state.by_columns)
    assert torch.equal(other, theta)
