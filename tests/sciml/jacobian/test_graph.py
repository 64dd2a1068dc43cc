"""Products from a kept graph against dense derivatives of torch."""

from __future__ import annotations

import pytest
import torch

from sciml.jacobian.graph import CHUNK, GraphCurvature, GraphLinearization, adjoint, rows, vjp
from sciml.jacobian.protocols import Curvature, Linearization

F64 = torch.float64


def tensor(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def residual(a: torch.Tensor, b: torch.Tensor, rows_: int) -> torch.Tensor:
    mix = tensor(rows_, a.numel(), seed=1)
    return torch.tanh(mix @ a.reshape(-1)) * b.sum() + b[0] ** 2


@pytest.mark.parametrize("count", [1, 4, 2 * CHUNK + 3])  # fewer rows than columns, and more
def test_every_product_is_that_of_the_dense_matrix(count):
    a, b = tensor(3, 2, seed=2).requires_grad_(), tensor(5, seed=3).requires_grad_()
    by_a, by_b = torch.autograd.functional.jacobian(lambda a, b: residual(a, b, count), (a, b))
    J = torch.cat([by_a.reshape(count, -1), by_b], 1)
    v, w = tensor(11, seed=4), tensor(count, seed=5)
    lin = GraphLinearization(residual(a, b, count), (a, b))
    assert isinstance(lin, Linearization)
    assert lin.shape == (count, 11)
    for _ in range(2):  # before and after the matrix has been formed
        torch.testing.assert_close(lin.mv(v), J @ v)
        torch.testing.assert_close(lin.rmv(w), J.mT @ w)
        torch.testing.assert_close(lin.dense(), J)
    torch.testing.assert_close(lin.columns(4, 9), J[:, 4:9])
    torch.testing.assert_close(lin.gram(), J @ J.mT)


def test_the_adjoint_is_linear_and_can_be_used_again():
    x = tensor(4).requires_grad_()
    mix = tensor(3, 4, seed=1)
    J = torch.cos(mix @ x.detach())[:, None] * mix
    w, pulled = adjoint(torch.sin(mix @ x), (x,))
    for seed in (2, 3):
        torch.testing.assert_close(vjp(pulled, (w,), tensor(4, seed=seed)), J @ tensor(4, seed=seed))


def test_a_residual_that_is_its_parameters_has_the_identity():
    x = tensor(5).requires_grad_()
    lin = GraphLinearization(x, (x,))
    assert torch.equal(lin.mv(torch.arange(5.0, dtype=F64)), torch.arange(5.0, dtype=F64))
    assert torch.equal(lin.rmv(torch.arange(5.0, dtype=F64)), torch.arange(5.0, dtype=F64))
    assert torch.equal(lin.dense(), torch.eye(5, dtype=F64))


def test_what_does_not_depend_on_an_input_has_no_derivative_by_it():
    x, other = tensor(3).requires_grad_(), tensor(2).requires_grad_()
    assert not rows(torch.ones(7, dtype=F64), (x,)).any()
    assert rows(torch.ones(7, dtype=F64), (x,)).shape == (7, 3)
    assert rows((x**2)[:0], (x, other)).shape == (0, 5)
    J = rows(x**2, (other, x))
    assert torch.equal(J, torch.cat([torch.zeros(3, 2, dtype=F64), torch.diag(2 * x.detach())], 1))
    assert not GraphLinearization(torch.ones(7, dtype=F64), (x,)).mv(tensor(3)).any()


def test_curvature_is_the_hessian():
    x = tensor(6).requires_grad_()
    f = lambda x: (torch.tanh(tensor(4, 6, seed=1) @ x) ** 2).sum() + (x**4).sum()  # noqa: E731
    model = GraphCurvature(f(x), (x,))
    H = torch.autograd.functional.hessian(f, x.detach())
    assert isinstance(model, Curvature)
    assert model.value == pytest.approx(float(f(x.detach())))
    torch.testing.assert_close(model.gradient, torch.autograd.functional.jacobian(f, x.detach()))
    torch.testing.assert_close(model.mv(tensor(6, seed=2)), H @ tensor(6, seed=2))
    torch.testing.assert_close(model.dense(), H)
