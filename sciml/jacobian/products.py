"""Inner products of the rows of a layer's Jacobian, without the rows.

Where all outputs of a layer add up the same functions ``a`` of its input, a point's row is ``sum_c a_c g_cᵀ``, with a term
for each channel of its jet and ``g`` the cotangent of its output. The product of two rows is then
``sum_cd (a_c . a'_d) (g_c . g'_d)``: for wide layers far less than rows of ``F o`` numbers.

Source: Novak, Sohl-Dickstein, Schoenholz (2022), "Fast finite width neural tangent kernel", whose positions of a
convolution are channels here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sciml.nn.base import JetLayer

# in multiplications of a matrix product
PASS = 60.0  # the time in which a pair of channels passes one product through memory
ROW = 30.0  # the time in which one number of a row is formed


class Factors(NamedTuple):
    """Of the rows of some points: functions ``(n, C, F)`` of the layer's input, and cotangents ``(n, C, o)``."""

    functions: Tensor
    cotangents: Tensor


def factors_pay(layer: JetLayer, cotangents: Sequence[Tensor], rows: int) -> bool:
    """Whether the products of all rows take less work from their factors.

    Args:
        layer: Whose rows.
        cotangents: Of its output at each set of points, ``(n, C, o)``.
        rows: Of the residual, ``M``; fewer than points where it sums over some.
    """
    if not layer.shared_functions:
        return False
    points, jets = (sum(g.shape[:k].numel() for g in cotangents) for k in (1, 2))
    size, outputs = sum(p.numel() for p in layer.parameters()), cotangents[0].shape[2]
    work = 0.5 * jets * (jets + points) * (size / outputs + outputs + PASS)
    return work < size * (0.5 * rows**2 + ROW * points)


def row_products(one: Factors, other: Factors) -> Tensor:
    """Inner products ``(n, n')`` of rows; of one set of points with itself where both are the same object."""
    (a, g), (b, h) = one, other
    total = a.new_zeros(len(a), len(b))
    half = torch.zeros_like(total) if one is other else total  # products of a set with itself come twice
    for c in range(a.shape[1]):
        for d in range(c + 1 if one is other else b.shape[1]):
            both = (a[:, c] @ b[:, d].T).mul_(g[:, c] @ h[:, d].T)
            if d < c:
                half += both
            else:
                total += both
    return total + half + half.T if one is other else total
