"""A digest of a base network, so that an adapter is never put on another one."""

from __future__ import annotations

import hashlib

from torch import nn

from sciml.adapters.adapter import Base
from sciml.adapters.parameters import named
from sciml.nn.splines import SplineNetwork


def fingerprint(base: Base) -> str:
    """SHA-256 in hex over names, shapes, dtypes and the bytes of every parameter: structure and weights.

    Knots of a KAN count where they are others than its configuration implies: the same coefficients on other knots
    are another network.
    """
    tensors = named(base)
    if isinstance(base, nn.Module):
        for prefix, part in base.named_modules():
            if isinstance(part, SplineNetwork):
                own = f"{prefix}." if prefix else ""
                tensors |= {f"{own}{name}": knots for name, knots in part.moved_knots().items()}
    digest = hashlib.sha256()
    for name, p in tensors.items():
        digest.update(f"{name} {tuple(p.shape)} {p.dtype};".encode())
        digest.update(p.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
