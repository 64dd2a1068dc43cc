"""Gradient and curvature of a loss in the component strengths sigma, with everything else fixed.

R is tens to hundreds, so the exact Hessian costs R Hessian-vector products on ONE graph. Give the loss over
the full set of collocation points: a mini-batch makes the Hessian random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sciml.errors import ArgumentError


class Derivatives(NamedTuple):
    """Loss (scalar), its gradient ``g`` (R,) and its Hessian or Gauss-Newton matrix ``H`` (R, R)."""

    loss: Tensor
    g: Tensor
    H: Tensor


def hessian(loss: Callable[[Tensor], Tensor], sigma: Tensor) -> Derivatives:
    """Exact derivatives of ``loss`` (sigma (R,) -> scalar) at ``sigma``; needs a twice differentiable loss.

    One forward pass, one backward pass that is itself recorded, and R backward passes through that record.
    """
    sigma = _leaf(sigma)
    with torch.enable_grad():
        value = loss(sigma)
        if value.numel() != 1:
            raise ArgumentError(f"loss needs to return a scalar, got shape {tuple(value.shape)}")
        g = _grad(value.reshape(()), sigma, create_graph=True)
    rows = [_grad(g, sigma, direction, retain_graph=True) for direction in _identity(sigma)]
    H = torch.stack(rows) if rows else sigma.new_zeros(0, 0)
    return Derivatives(value.detach().reshape(()), g.detach(), (H + H.mT) / 2)


def hessian_by_differences(
    value_and_grad: Callable[[Tensor], tuple[float, Tensor]], sigma: Tensor
) -> Derivatives:
    """The same from a function that gives a loss and its gradient (R,): central differences, 2 R + 1 calls.

    For losses whose backward pass cannot be differentiated again. The relative error is about eps^(2/3),
    4e-11 in float64.
    """
    sigma = _leaf(sigma).detach()
    value, g = value_and_grad(sigma)
    step = torch.finfo(sigma.dtype).eps ** (1 / 3)
    rows = []
    for i in range(sigma.numel()):
        h = torch.zeros_like(sigma)
        h[i] = step * max(1.0, abs(float(sigma[i])))
        rows.append((value_and_grad(sigma + h)[1] - value_and_grad(sigma - h)[1]) / (2 * h[i]))
    H = torch.stack(rows) if rows else sigma.new_zeros(0, 0)
    return Derivatives(torch.as_tensor(value).to(sigma), g.detach(), (H + H.mT) / 2)


def jacobian(residual: Callable[[Tensor], Tensor], sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Residual r (M,) and its Jacobian J (M, R) for few components and many residuals.

    ``w -> J' w`` is recorded once; differentiating it in w along the i-th unit vector gives the i-th column
    of J, so that R backward passes are enough and no forward-mode rule is asked of anybody.
    """
    sigma = _leaf(sigma)
    with torch.enable_grad():
        r = residual(sigma)
        if r.ndim != 1:
            raise ArgumentError(f"residual needs to return shape (M,), got {tuple(r.shape)}")
        w = torch.zeros_like(r).requires_grad_()
        pulled = _grad(r, sigma, w, create_graph=True)
    columns = [_grad(pulled, w, direction, retain_graph=True) for direction in _identity(sigma)]
    J = torch.stack(columns, dim=1) if columns else r.new_zeros(r.numel(), 0)
    return r.detach(), J.detach()


def gauss_newton(r: Tensor, J: Tensor) -> Derivatives:
    """Derivatives of ``|r|^2 / 2`` without the second derivatives of r: ``g = J' r``, ``H = J' J``.

    For r (M,) and J (M, R). ``H`` is positive semi-definite, and at g = 0 the gain is monotone once
    projected.
    """
    if r.ndim != 1 or J.ndim != 2 or len(J) != len(r):
        raise ArgumentError(f"r and J need shapes (M,) and (M, R), got {tuple(r.shape)} and {tuple(J.shape)}")
    return Derivatives(0.5 * (r @ r), J.mT @ r, J.mT @ J)


def _leaf(sigma: Tensor) -> Tensor:
    if sigma.ndim != 1 or not sigma.is_floating_point():
        raise ArgumentError(f"sigma needs a floating vector (R,), got {sigma.dtype} {tuple(sigma.shape)}")
    return sigma.detach().clone().requires_grad_()


def _identity(sigma: Tensor) -> Tensor:
    return torch.eye(sigma.numel(), dtype=sigma.dtype, device=sigma.device)


def _grad(y: Tensor, x: Tensor, along: Tensor | None = None, **kwargs: bool) -> Tensor:
    # a result that does not depend on x has the derivative zero and no graph to walk
    if not y.requires_grad:
        return torch.zeros_like(x)
    return torch.autograd.grad(y, x, along, allow_unused=True, materialize_grads=True, **kwargs)[0]
