"""Damped Gauss-Newton systems: every form of a step against a dense solve."""

from __future__ import annotations

import pytest
import torch

from sciml.optim.steps.bidiagonal import KrylovSystem
from sciml.optim.steps.damped import CholeskySystem, SpectralSystem
from tests.sciml.optim.cases import random_matrix

FORMS = ("primal", "dual", "qr", "krylov")


def system(lin, form):
    if form == "krylov":
        return KrylovSystem(lin, 1e-13, 1000)
    return SpectralSystem(lin) if form == "qr" else CholeskySystem(lin, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "m, p, rank", [(1, 1, None), (7, 3, None), (3, 7, None), (31, 30, None), (20, 33, 5)]
)
@pytest.mark.parametrize("lam", [1e-4, 1.0, 1e3])
def test_every_form_gives_the_damped_step(form, m, p, rank, lam):
    lin = random_matrix(m, p, rank)
    solver = system(lin, form)
    j, q = lin.jacobian, torch.sin(lin.residual)
    expected = -torch.linalg.solve(j.T @ j + lam * torch.eye(p, dtype=j.dtype), j.T @ q)
    scale = float(expected.abs().max())
    assert float((solver.solve(lam, q) - expected).abs().max()) <= 1e-8 * scale


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("m, p, rank", [(1, 1, None), (9, 4, None), (4, 9, None), (25, 40, 6)])
@pytest.mark.parametrize("sigma", [1e-3, 1.0, 1e3])
def test_every_form_gives_the_cubic_step(form, m, p, rank, sigma):
    lin = random_matrix(m, p, rank, seed=1)
    lam, s = system(lin, form).cubic(sigma, lin.residual, 0.0)
    j, r = lin.jacobian, lin.residual
    # the Cholesky forms stop early: their step is exact for a sigma of λ / |s|, within 2 % of sigma
    exact = lam / float(torch.linalg.vector_norm(s))
    assert exact == pytest.approx(sigma, rel=0.021 if form in ("primal", "dual") else 1e-9)
    model_gradient = j.T @ (r + j @ s) + lam * s
    # where J has fewer ranks than rows, r / λ off its range is large and Jᵀ takes it away only to rounding
    limit = 1e-7 if form == "dual" else 1e-9
    assert float(torch.linalg.vector_norm(model_gradient)) <= limit * float(torch.linalg.vector_norm(j.T @ r))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rank", [None, 4])
def test_damping_below_rounding_still_falls_as_far_as_can_be(form, rank):
    lin = random_matrix(30, 20, rank, seed=2)
    lin.residual = lin.jacobian @ torch.ones(20, dtype=torch.float64)  # can be brought to zero
    s = system(lin, form).solve(1e-25, lin.residual)
    assert bool(torch.isfinite(s).all())
    assert float((lin.residual + lin.jacobian @ s).norm()) <= 1e-6 * float(lin.residual.norm())


def test_krylov_spends_no_product_after_a_rejection():
    lin = random_matrix(60, 90, seed=3)
    solver = KrylovSystem(lin, 1e-2, 200)
    solver.cubic(1e-2, lin.residual, 0.0)
    calls = []
    lin.mv = lambda v: calls.append(1) or lin.jacobian @ v
    solver.cubic(10.0, lin.residual, 0.0)
    assert not calls


@pytest.mark.parametrize("rank", [None, 5])
def test_a_full_krylov_space_serves_every_right_hand_side_without_a_product(rank):
    lin = random_matrix(25, 14, rank, seed=3)
    solver = KrylovSystem(lin, 1e-14, 200)
    solver.solve(0.1, lin.residual)
    lin.mv = lin.rmv = None
    j = lin.jacobian
    for q in (torch.cos(lin.residual), j @ torch.ones(14, dtype=torch.float64)):
        exact = -torch.linalg.solve(j.T @ j + 0.1 * torch.eye(14, dtype=j.dtype), j.T @ q)
        assert torch.allclose(solver.again(0.1, q), exact, atol=1e-8 * float(exact.abs().max()))
