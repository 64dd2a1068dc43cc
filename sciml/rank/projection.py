"""The nearest submodular (and monotone) model, in closed form.

Both conditions bind single entries, so the nearest model in the Frobenius norm is found entry by entry, in
O(R^2). Dropping the negative off-diagonals only raises ``D(S)``: the projected model never promises less loss
than the model it came from. Our own derivation, after the abstract of SubLoRA (arXiv 2507.01841).
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.rank.second_order import SecondOrder


def project(model: SecondOrder, monotone: bool = False) -> SecondOrder:
    """Nearest model with ``Q_ij >= 0`` off the diagonal; ``monotone`` also asks for ``Q_ii >= 2 c_i``.

    Nearest in ``|Q' - Q|_F`` among symmetric matrices, with ``c`` unchanged.
    """
    diagonal = model.Q.diagonal()
    Q = model.Q.clamp(min=0.0)
    Q.diagonal().copy_(torch.maximum(diagonal, 2 * model.c) if monotone else diagonal)
    return SecondOrder(model.c, Q)


def project_hessian(H: Tensor, sigma: Tensor, g: Tensor | None = None) -> Tensor:
    """Nearest symmetric Hessian (R, R) whose model is submodular; with a gradient ``g`` (R,) also monotone.

    Off-diagonals stay where ``sigma_i sigma_j H_ij >= 0`` and become 0 elsewhere; the diagonal stays, or
    becomes ``max(H_ii, 2 g_i / sigma_i)`` where ``sigma_i != 0`` for a monotone model.
    """
    if (
        sigma.ndim != 1
        or H.shape != (sigma.numel(), sigma.numel())
        or (g is not None and g.shape != sigma.shape)
    ):
        raise ArgumentError(
            f"H needs shape (R, R) with R = {sigma.numel()} (and g (R,)), got {tuple(H.shape)}"
        )
    H = (H + H.mT) / 2
    # signs, not products: sigma_i sigma_j H_ij can underflow to a zero of the wrong sign
    allowed = torch.sign(sigma)[:, None] * torch.sign(sigma) * torch.sign(H) >= 0
    allowed.fill_diagonal_(True)
    projected = torch.where(allowed, H, torch.zeros_like(H))
    if g is not None:
        floor = torch.where(sigma != 0, 2 * g / sigma, torch.full_like(g, -torch.inf))
        projected.diagonal().copy_(torch.maximum(H.diagonal(), floor))
    return projected
