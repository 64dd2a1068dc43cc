"""The edges of a KAN: one function each, and the share of the output that it carries."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.linalg import divisor
from sciml.nn.splines import SplineLayer

if TYPE_CHECKING:
    from sciml.nn.kan import KAN

SAMPLE = 2000  # inputs that are looked at where none are given
SEED = 11


class Seen(NamedTuple):
    """What a layer saw and made of it.

    Attributes:
        z: Its inputs, ``(n, i)``.
        edges: Values of the function on every edge, ``(n, i, o)``; their sums over ``i`` are the outputs.
    """

    z: Tensor
    edges: Tensor


def inputs_of(kan: KAN, x: Tensor | None) -> Tensor:
    """Inputs to look at: those given, or points drawn evenly from where the grid of every input lies.

    Raises:
        ArgumentError, ArgumentTypeError: Another shape, fewer than two points, or not finite.
    """
    like = next(kan.parameters())
    if x is None:
        rng = torch.Generator().manual_seed(SEED)
        low, high = kan.domain
        u = torch.rand(SAMPLE, kan.widths[0], generator=rng, dtype=torch.float64)
        return (low + (high - low) * u).to(like)
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(f"x needs a tensor of inputs (n, {kan.widths[0]}), got {type(x).__name__}.")
    if x.ndim != 2 or x.shape[1] != kan.widths[0] or len(x) < 2:
        raise ArgumentError(f"x needs shape (n, {kan.widths[0]}) with n >= 2, got {tuple(x.shape)}.")
    if not bool(torch.isfinite(x).all()):
        raise ArgumentError("x needs finite numbers, got nan or infinity.")
    return x.detach().to(like)


@torch.no_grad()
def passes(kan: KAN, x: Tensor) -> list[Seen]:
    """What each layer sees and makes of inputs ``x (n, n_0)``."""
    seen = []
    for layer in kan._kan_layers():
        edges = layer.edges(x)
        seen.append(Seen(x, edges))
        x = edges.sum(1)
    return seen


def shares_of(seen: Sequence[Seen]) -> list[Tensor]:
    """The share of the output that each edge carries, ``(i, o)`` a layer; those of a layer add up to 1.

    Backwards from the outputs, which count by their standard deviation: a unit's share is divided among the edges that lead
    to it by their standard deviations over the inputs (the scores of KAN 2.0, Liu et al. 2024, section 4.1, made to add up).
    An edge that is constant carries nothing.
    """
    last = seen[-1].edges.sum(1).std(0)
    unit = last / divisor(last.sum())  # (o,)
    found = []
    for part in reversed(seen):
        spread = part.edges.std(0)  # (i, o)
        share = spread / divisor(spread.sum(0)) * unit
        found.append(share)
        unit = share.sum(1)
    return found[::-1]


@torch.no_grad()
def pruned(kan: KAN, share: float, x: Tensor | None) -> KAN:
    """A copy without the hidden units that carry less than ``share``, and without the edges that do.

    What is left out is put back as its mean, so that the function stays as near as it can.
    """
    x = inputs_of(kan, x)
    kan = copy.deepcopy(kan)
    if kan.basis == "bspline":
        kan.extend(x)  # B-splines add up to 1 where the values are
    seen = passes(kan, x)
    shares = shares_of(seen)
    keep = [torch.arange(kan.widths[0])]
    for after in shares[1:]:
        unit = after.sum(1)
        kept = (unit >= share).nonzero()[:, 0]
        keep.append(kept if len(kept) else unit.argmax()[None])
    keep.append(torch.arange(kan.widths[-1]))
    config: dict[str, Any] = kan.config() | {"widths": [len(k) for k in keep]}
    del config["kind"]
    new = type(kan)(**config).to(next(kan.parameters()))
    pairs = zip(kan._kan_layers(), new._kan_layers(), seen, shares, keep[:-1], keep[1:], strict=True)
    for layer, thin, part, carried, rows, columns in pairs:
        alive = torch.zeros_like(carried, dtype=torch.bool)
        alive[rows[:, None], columns] = carried[rows[:, None], columns] >= share
        for o in columns.tolist():  # every unit keeps its strongest edge: its mean goes there
            strongest = rows[int(carried[rows, o].argmax())]
            alive[strongest, o] = True
        coef, mean = layer.coef.clone(), part.edges.mean(0)
        coef[~alive[:, None].expand_as(coef)] = 0.0
        for o in columns.tolist():
            strongest = rows[int(carried[rows, o].argmax())]
            coef[strongest, :, o] += (mean[:, o] * ~alive[:, o]).sum() * layer.one()[strongest]
        thin.coef.copy_(coef[rows][:, :, columns])
        if thin.base is not None and layer.base is not None:
            thin.base.copy_((layer.base * alive)[rows[:, None], columns])
        if isinstance(layer, SplineLayer):
            thin.knots = layer.knots[rows].clone()
    return new


def curve(kan: KAN, index: int, i: int, o: int, seen: Seen, points: int) -> tuple[Tensor, Tensor]:
    """An edge's function over the values that reach it: ``z (points,)`` and ``phi(z)``."""
    layer = kan._kan_layers()[index]
    low, high = float(seen.z[:, i].min()), float(seen.z[:, i].max())
    if not low < high:
        low, high = kan.domain
    t = torch.linspace(low, high, points).to(seen.z)
    z = seen.z.new_zeros(points, seen.z.shape[1])
    z[:, i] = t
    with torch.no_grad():
        return t, layer.edges(z)[:, i, o]
