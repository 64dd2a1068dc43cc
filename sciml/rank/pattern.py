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
            f"keep needs a boolean mask of shape ({total},), got {keep.dtype} {tuple(keep.shape)}"
        )
    blocks = keep.split(list(sizes.values()))
    return {name: block.nonzero()[:, 0].tolist() for name, block in zip(sizes, blocks, strict=True)}


def keep_mask(pattern: Mapping[str, list[int]], sizes: Mapping[str, int]) -> Tensor:
    """The mask (R,) that `rank_pattern` came from."""
    if set(pattern) != set(sizes):
        raise ArgumentError(f"rank_pattern needs the layers {sorted(sizes)}, got {sorted(pattern)}")
    blocks = []
    for name, size in sizes.items():
        kept = pattern[name]
        if any(not 0 <= i < size for i in kept) or len(set(kept)) != len(kept):
            raise ArgumentError(f"rank_pattern[{name!r}] needs distinct indices in [0, {size}), got {kept}")
        block = torch.zeros(size, dtype=torch.bool)
        block[torch.as_tensor(kept, dtype=torch.long)] = True
        blocks.append(block)
    return torch.cat(blocks) if blocks else torch.zeros(0, dtype=torch.bool)


def ranks(pattern: Mapping[str, list[int]]) -> dict[str, int]:
    """How many components each layer keeps."""
    return {name: len(kept) for name, kept in pattern.items()}
