"""Tensors as small cores between matrices: unfoldings, their singular values, and the truncated HOSVD.

De Lathauwer, De Moor & Vandewalle (2000). Truncation to ranks (r_1, ..., r_d) errs, in the squared Frobenius
norm, by at most the sum over all modes of the squared singular values that were cut off, and by at most d
times the best possible.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def unfold(tensor: Tensor, mode: int) -> Tensor:
    """Mode-n unfolding ``(n_mode, product of the others)``."""
    return tensor.movedim(mode, 0).flatten(1)


def multiply(tensor: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Multiply every mode by its matrix ``(rows, n_mode)``: the tensor ``G x_1 U_1 x_2 U_2 ...``."""
    for mode, matrix in enumerate(matrices):
        tensor = (tensor.movedim(mode, -1) @ matrix.mT).movedim(-1, mode)
    return tensor.contiguous()


def spectra(tensor: Tensor) -> list[Tensor]:
    """Singular values of every unfolding, largest first: the evidence for or against low rank."""
    return [torch.linalg.svdvals(unfold(tensor, mode)) for mode in range(tensor.ndim)]


def hosvd(tensor: Tensor, ranks: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
    """Truncated HOSVD: core ``(r_1, ..., r_d)`` and orthonormal factors ``(n_i, r_i)``, contiguous.

    ``0 <= r_i <= n_i``. Slices of the core along a mode are orthogonal and fall in norm when nothing is cut
    off.
    """
    factors = []
    for mode, rank in enumerate(ranks):
        # the full square of left vectors: a mode may ask for more columns than the unfolding has
        left = torch.linalg.svd(
            unfold(tensor, mode), full_matrices=tensor.shape[mode] > _columns(tensor, mode)
        )[0]
        factors.append(left[:, :rank].contiguous())
    return multiply(tensor, [f.mT for f in factors]), factors


def _columns(tensor: Tensor, mode: int) -> int:
    return tensor.numel() // max(tensor.shape[mode], 1)
