"""The nearest submodular (and monotone) model, in closed form.

Both conditions bind single entries, so the nearest model in the Frobenius norm is found entry by entry, in
O(R^2). Dropping the negative off-diagonals only raises ``D(S)``: the projected model never promises less loss
than the model it came from. Our own derivation, after the abstract of SubLoRA (arXiv 2507.01841).
"""

from __future__ import annotations

import torch

from sciml.rank.second_order import SecondOrder


def project(model: SecondOrder, monotone: bool = False) -> SecondOrder:
    """Nearest model with ``Q_ij >= 0`` off the diagonal; ``monotone`` also asks for ``Q_ii >= 2 c_i``.

    Nearest in ``|Q' - Q|_F`` among symmetric matrices, with ``c`` unchanged.
    """
    diagonal = model.Q.diagonal()
    Q = model.Q.clamp(min=0.0)
    Q.diagonal().copy_(torch.maximum(diagonal, 2 * model.c) if monotone else diagonal)
    return SecondOrder(model.c, Q)
