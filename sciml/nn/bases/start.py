"""How layers of any family start: every edge as a random polynomial."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from sciml.nn.bases.families import Family
from sciml.nn.bases.layer import BasisLayer, Slot
from sciml.nn.splines import POINTS, random_edges

ORDER = 3  # of the polynomials


def random_layer(
    families: Sequence[Family],
    slots: Sequence[Slot],
    n_in: int,
    n_out: int,
    domain: tuple[float, float],
    base: bool,
    rng: torch.Generator,
) -> BasisLayer:
    """A layer whose outputs have the variance of an input that is uniform on ``domain``.

    Where several slots share an input, each has its part of the variance.

    Args:
        families, slots, domain: See ``BasisLayer``.
        n_in, n_out: Widths.
        base: Whether ``silu`` is added on every edge.
        rng: Of the numbers.
    """
    values = [family.derivatives(POINTS, 0)[0] for family in families]
    coef, weight = random_edges(n_in, n_out, values[0], ORDER, domain, base, rng, n_in)
    if len(families) > 1:
        polynomials = torch.einsum("pk,iko->ipo", values[0], coef)
        shared = [sum(1 for i, _ in slots if i == own) for own in range(n_in)]
        fitted = [
            torch.linalg.lstsq(v.expand(n_in, -1, -1), polynomials, driver="gelsd").solution for v in values
        ]
        coef = torch.stack([fitted[f][i] / math.sqrt(shared[i]) for i, f in slots])
    return BasisLayer(coef.contiguous(), weight, families, slots, domain)
