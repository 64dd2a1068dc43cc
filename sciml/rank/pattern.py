"""The outcome of a rank search, as plain data: which components of which layer stay."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sciml.errors import ArgumentError


def rank_pattern(keep: Tensor, sizes: Mapping[str, int]) -> dict[str, list[int]]:
    """Kept indices inside each layer, ``{layer name: [0, 3, ...]}``, from one mask (R,) over all layers.

    ``sizes`` holds the components per layer in the order of the mask. The result is JSON; the rank that a
    layer ends with is the length of its list, and 0 is allowed.
    """
    total = sum(sizes.values())
    if keep.dtype != torch.bool or keep.shape != (total,):
        raise ArgumentError(
            f"keep needs a boolean mask of shape ({total},), got {keep.dtype} {tuple(keep.shape)}."
        )
    blocks = keep.split(list(sizes.values()))
    return {name: block.nonzero()[:, 0].tolist() for name, block in zip(sizes, blocks, strict=True)}


def ranks(pattern: Mapping[str, list[int]]) -> dict[str, int]:
    """How many components each layer keeps."""
    return {name: len(kept) for name, kept in pattern.items()}
