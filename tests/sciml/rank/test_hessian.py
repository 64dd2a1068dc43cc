"""Derivatives in the strengths, against torch's own."""

from __future__ import annotations

import pytest
import torch

from sciml import rank
from sciml.errors import ArgumentError

F64 = torch.float64


def test_derivatives_agree_with_torch_on_a_factorised_network():
    rng = torch.Generator().manual_seed(0)
    U, V, x, y = (torch.randn(*s, generator=rng, dtype=F64) for s in [(5, 4), (4, 3), (7, 3), (7, 5)])
    sigma = torch.randn(4, generator=rng, dtype=F64)

    def residual(s):
        return (torch.tanh(x @ (U * s @ V).mT) - y).flatten()

    loss = lambda s: 0.5 * residual(s).square().sum()  # noqa: E731
    found = rank.hessian(loss, sigma)
    torch.testing.assert_close(found.loss, loss(sigma))
    torch.testing.assert_close(found.g, torch.autograd.functional.jacobian(loss, sigma))
    torch.testing.assert_close(found.H, torch.autograd.functional.hessian(loss, sigma))
    r, J = rank.jacobian(residual, sigma)
    torch.testing.assert_close(r, residual(sigma))
    torch.testing.assert_close(J, torch.autograd.functional.jacobian(residual, sigma))
    by_j = rank.gauss_newton(r, J)
    torch.testing.assert_close(by_j.loss, loss(sigma))
    torch.testing.assert_close(by_j.g, found.g)
    torch.testing.assert_close(by_j.H, J.mT @ J)
    assert not sigma.requires_grad
    assert not found.g.requires_grad
    assert not J.requires_grad


def test_derivatives_of_losses_without_curvature_or_dependence():
    sigma, w = torch.ones(3, dtype=F64), torch.arange(3.0, dtype=F64)
    linear = rank.hessian(lambda s: w @ s, sigma)
    assert torch.equal(linear.g, w)
    assert torch.equal(linear.H, torch.zeros(3, 3, dtype=F64))
    constant = rank.hessian(lambda s: torch.tensor(2.0, dtype=F64), sigma)
    assert torch.equal(constant.g, torch.zeros(3, dtype=F64))
    assert not constant.H.any()
    r, J = rank.jacobian(lambda s: torch.ones(5, dtype=F64), sigma)
    assert J.shape == (5, 3)
    assert not J.any()
    assert torch.equal(r, torch.ones(5, dtype=F64))
    nothing = rank.hessian(lambda s: s.sum() ** 2, torch.zeros(0, dtype=F64))
    assert nothing.H.shape == (0, 0)
    with torch.no_grad():  # a caller that evaluates under no_grad still gets derivatives
        assert torch.equal(rank.hessian(lambda s: (s**2).sum(), sigma).H, 2 * torch.eye(3, dtype=F64))


def test_unusable_losses_are_refused():
    sigma = torch.ones(3, dtype=F64)
    with pytest.raises(ArgumentError, match="return a scalar"):
        rank.hessian(lambda s: s, sigma)
    with pytest.raises(ArgumentError, match="residual needs to return shape"):
        rank.jacobian(lambda s: s.sum(), sigma)
    with pytest.raises(ArgumentError, match="floating vector"):
        rank.hessian(lambda s: s.sum(), torch.ones(3, dtype=torch.long))
    with pytest.raises(ArgumentError, match="r and J need shapes"):
        rank.gauss_newton(torch.ones(3), torch.ones(2, 3))


def test_differences_of_gradients_give_the_hessian():
    rng = torch.Generator().manual_seed(4)
    A, sigma = torch.randn(5, 4, generator=rng, dtype=F64), torch.randn(4, generator=rng, dtype=F64)

    def value_and_grad(s):
        s = s.detach().requires_grad_()
        f = torch.tanh(A @ s).square().sum() + (s**4).sum()
        return float(f.detach()), torch.autograd.grad(f, s)[0]

    found = rank.hessian_by_differences(value_and_grad, sigma)
    exact = rank.hessian(lambda s: torch.tanh(A @ s).square().sum() + (s**4).sum(), sigma)
    torch.testing.assert_close(found.H, exact.H, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(found.g, exact.g)
    torch.testing.assert_close(found.loss, exact.loss)
