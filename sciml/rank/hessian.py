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
from sciml.jacobian.graph import GraphCurvature, GraphLinearization


class Derivatives(NamedTuple):
    """Loss (scalar), its gradient ``g`` (R,) and its Hessian or Gauss-Newton matrix ``H`` (R, R)."""

    loss: Tensor
    g: Tensor
    H: Tensor


def hessian(loss: Callable[[Tensor], Tensor], sigma: Tensor) -> Derivatives:
    """Exact derivatives of ``loss`` (sigma (R,) -> scalar) at ``sigma``; needs a twice differentiable loss."""
    sigma = _leaf(sigma)
    with torch.enable_grad():
        value = loss(sigma)
        if value.numel() != 1:
            raise ArgumentError(f"loss needs to return a scalar, got shape {tuple(value.shape)}.")
        model = GraphCurvature(value.reshape(()), (sigma,))
    return Derivatives(value.detach().reshape(()), model.gradient, model.dense())


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
    """Residual r (M,) and its Jacobian J (M, R), in min(M, R) backward passes."""
    sigma = _leaf(sigma)
    with torch.enable_grad():
        r = residual(sigma)
    if r.ndim != 1:
        raise ArgumentError(f"residual needs to return shape (M,), got {tuple(r.shape)}.")
    model = GraphLinearization(r, (sigma,))
    return model.residual, model.dense()


def gauss_newton(r: Tensor, J: Tensor) -> Derivatives:
    """Derivatives of ``|r|^2 / 2`` without the second derivatives of r: ``g = Jᵀ r``, ``H = Jᵀ J``.

    For r (M,) and J (M, R). ``H`` is positive semi-definite, and at g = 0 the gain is monotone once
    projected.
    """
    if r.ndim != 1 or J.ndim != 2 or len(J) != len(r):
        raise ArgumentError(
            f"r and J need shapes (M,) and (M, R), got {tuple(r.shape)} and {tuple(J.shape)}."
        )
    return Derivatives(0.5 * (r @ r), J.mT @ r, J.mT @ J)


def _leaf(sigma: Tensor) -> Tensor:
    if sigma.ndim != 1 or not sigma.is_floating_point():
        raise ArgumentError(f"sigma needs a floating vector (R,), got {sigma.dtype} {tuple(sigma.shape)}.")
    return sigma.detach().clone().requires_grad_()
