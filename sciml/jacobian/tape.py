"""The residual's Jacobian by the parameters, from one backward pass, and its products without forming it.

Points are independent, so the backward pass of ``r.sum()`` carries every point's own cotangents. For a layer with input
jet ``z`` and cotangent ``g`` of its output jet, row ``n`` of the Jacobian is a contraction of ``z[n]`` and ``g[n]`` alone
(for a linear layer their outer product, summed over the channels). The same factors give ``J v``, ``Jᵀ w`` and ``J Jᵀ``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sciml.jacobian.products import Factors, factors_pay, row_products
from sciml.jacobian.sums import Sums
from sciml.linalg import inner_gram, outer_gram
from sciml.nn.base import Record

GRAM_BYTES = 256 << 20  # of the Jacobian's columns that exist at a time while J Jᵀ is summed
KEPT_BYTES = 256 << 20  # largest Jacobian that J Jᵀ leaves behind


class Block:
    """Rows of one scalar residual at ``n`` points: the factors of each layer.

    Args:
        records: What each layer saw in the forward pass.
        cotangents: Derivative of each point's residual by each layer's output jet, ``(n, C, o)``.
        scale: Factor on every row.
        sums: What makes rows of the points; None for one row a point.
        extra: Columns of K numbers besides the layers', one row a point, ``(n, K)``; they stand behind the layers' columns.
    """

    def __init__(
        self,
        records: Sequence[Record],
        cotangents: Sequence[Tensor],
        scale: float,
        sums: Sums | None = None,
        extra: Tensor | None = None,
    ):
        self.parts = [
            (r.layer, r.z_in.detach(), g * scale, r.weights) for r, g in zip(records, cotangents, strict=True)
        ]
        self.sums = sums
        points = self.parts[0][1].shape[0]
        self.rows = points if sums is None else sums.rows(points)
        self.extra = None if extra is None else self.summed(extra * scale)

    def fill(self, out: Tensor, spans: Sequence[slice]) -> None:
        """Write the rows into ``out (n, P)``; ``spans`` holds the columns of each layer."""
        for (layer, z, g, weights), span in zip(self.parts, spans, strict=True):
            out[:, span] = self.summed(layer.jacobian(z, g, weights))
        if self.extra is not None:
            out[:, out.shape[1] - self.extra.shape[1] :] = self.extra

    def mv(self, v: Tensor, spans: Sequence[slice]) -> Tensor:
        """``J v`` for these rows, ``(n,)``."""
        total = v.new_zeros(self.parts[0][1].shape[0])
        for (layer, z, g, weights), span in zip(self.parts, spans, strict=True):
            total += (layer.tangent(z, v[span], weights) * g).sum((1, 2))
        total = self.summed(total)
        if self.extra is not None:
            total = total + self.extra @ v[len(v) - self.extra.shape[1] :]
        return total

    def rmv(self, w: Tensor, out: Tensor, spans: Sequence[slice]) -> None:
        """Add ``Jᵀ w`` of these rows to ``out (P,)``."""
        each = w if self.sums is None else self.sums.spread(w)
        for (layer, z, g, weights), span in zip(self.parts, spans, strict=True):
            out[span] += layer.cotangent(z, g * each[:, None, None], weights)
        if self.extra is not None:
            out[len(out) - self.extra.shape[1] :] += self.extra.T @ w

    def summed(self, values: Tensor) -> Tensor:
        """Values of points ``(n, ...)`` as values of rows."""
        return values if self.sums is None else self.sums.of(values)

    def columns(self) -> int:
        """Number of parameters ``P``."""
        own = sum(p.numel() for layer, *_ in self.parts for p in layer.parameters())
        return own if self.extra is None else own + self.extra.shape[1]


class TapeLinearization:
    """Residual and Jacobian of a system whose network offers jets.

    Args:
        residual: ``(M,)``, scaled.
        blocks: Its rows; every block went through the same layers.
        parameters: What the columns stand for, in their order.

    Attributes:
        residual: As given.
        shape: ``(M, P)``.
    """

    def __init__(self, residual: Tensor, blocks: Sequence[Block], parameters: Sequence[Tensor]):
        self.residual = residual
        self._blocks = list(blocks)
        self.shape = (residual.numel(), sum(p.numel() for p in parameters))
        self._spans = _columns_of_layers(self._blocks[0], parameters)
        self._dense: Tensor | None = None

    @property
    def complete(self) -> bool:
        """Whether the layers account for every parameter; False for a network with others, or with frozen ones."""
        return bool(self._spans) and all(block.columns() == self.shape[1] for block in self._blocks)

    @torch.no_grad()
    def dense(self) -> Tensor:
        """``J`` as ``(M, P)``; kept after the first call."""
        if self._dense is None:
            out = self.residual.new_empty(self.shape)
            start = 0
            for block in self._blocks:
                block.fill(out[start : start + block.rows], self._spans)
                start += block.rows
            self._dense = out
        return self._dense

    @torch.no_grad()
    def columns(self, start: int, stop: int) -> Tensor:
        """``J[:, start:stop]``, from the layers that have a part in it alone; not kept."""
        out = self.residual.new_zeros(self.shape[0], stop - start)
        row = 0
        for block in self._blocks:
            for (layer, z, g, weights), span in zip(block.parts, self._spans, strict=True):
                low, high = max(span.start, start), min(span.stop, stop)
                if low < high:
                    part = layer.jacobian(z, g, weights)[:, low - span.start : high - span.start]
                    out[row : row + block.rows, low - start : high - start] = block.summed(part)
            if block.extra is not None:
                first = self.shape[1] - block.extra.shape[1]
                low, high = max(first, start), max(first, stop)
                out[row : row + block.rows, low - start : high - start] = block.extra[
                    :, low - first : high - first
                ]
            row += block.rows
        return out

    @torch.no_grad()
    def mv(self, v: Tensor) -> Tensor:
        """``J v``, ``(M,)``."""
        if self._dense is not None:
            return self._dense @ v
        return torch.cat([block.mv(v, self._spans) for block in self._blocks])

    @torch.no_grad()
    def rmv(self, w: Tensor) -> Tensor:
        """``Jᵀ w``, ``(P,)``."""
        if self._dense is not None:
            return self._dense.T @ w
        out = w.new_zeros(self.shape[1])
        start = 0
        for block in self._blocks:
            block.rmv(w[start : start + block.rows], out, self._spans)
            start += block.rows
        return out

    @torch.no_grad()
    def gram(self) -> Tensor:
        """``J Jᵀ``, ``(M, M)``; each layer's share by whatever takes less work, rows or their factors.

        J itself is formed, and kept, where no layer goes without its rows and J has ``KEPT_BYTES`` at most. Else rows exist
        for some outputs of one layer at a time: ``GRAM_BYTES`` of them, or those of one output where that is more.
        """
        M, P = self.shape
        factored = [self._factors_pay(k) for k in range(len(self._blocks[0].parts))]
        if self._dense is None and not any(factored) and 8 * M * P <= KEPT_BYTES:
            self.dense()
        if self._dense is not None:
            return outer_gram(self._dense)
        total = self.residual.new_zeros(M, M)
        for k, by_factors in enumerate(factored):
            self._add_products(k, total) if by_factors else self._add_rows(k, total)
        extra = [block.extra for block in self._blocks if block.extra is not None]
        if extra:
            total += outer_gram(torch.cat(extra))
        return total

    def _factors_pay(self, k: int) -> bool:
        """Whether the products of a layer's rows take less work without the rows."""
        cotangents = [block.parts[k][2] for block in self._blocks]
        return factors_pay(self._blocks[0].parts[k][0], cotangents, self.shape[0])

    def _add_products(self, k: int, total: Tensor) -> None:
        """Add one layer's share of ``J Jᵀ`` without its rows."""
        stops = list(itertools.accumulate(block.rows for block in self._blocks))
        spans = [slice(stop - block.rows, stop) for stop, block in zip(stops, self._blocks, strict=True)]
        parts = [block.parts[k] for block in self._blocks]
        seen = [Factors(layer.functions(z, weights), g) for layer, z, g, weights in parts]
        for a, (one, down) in enumerate(zip(self._blocks, spans, strict=True)):
            for b, (other, across) in enumerate(zip(self._blocks[: a + 1], spans, strict=False)):
                products = other.summed(one.summed(row_products(seen[a], seen[b])).T)
                total[across, down] += products
                if b < a:
                    total[down, across] += products.T

    def _add_rows(self, k: int, total: Tensor) -> None:
        """Add one layer's share of ``J Jᵀ`` from its rows."""
        parts = [block.parts[k] for block in self._blocks]
        layer, _, g, _ = parts[0]
        outputs = g.shape[2]
        size = self.shape[0] * sum(p.numel() for p in layer.parameters()) * total.element_size()
        step = max(1, outputs * GRAM_BYTES // size) if layer.by_output else outputs
        for first in range(0, outputs, step):
            some = [layer.jacobian(z, g[..., first : first + step], w) for _, z, g, w in parts]
            total += outer_gram(
                torch.cat([b.summed(part) for b, part in zip(self._blocks, some, strict=True)])
            )

    def normal(self) -> Tensor:
        """``JᵀJ``, ``(P, P)``."""
        return inner_gram(self.dense())

    @torch.no_grad()
    def row_norms(self) -> Tensor:
        """Squared norm of every row, ``(M,)``: the diagonal of ``J Jᵀ``."""
        if self._dense is not None:
            return self._dense.square().sum(1)
        parts = []
        for block in self._blocks:
            norms = [block.summed(layer.jacobian(z, g, w)).square().sum(1) for layer, z, g, w in block.parts]
            if block.extra is not None:
                norms.append(block.extra.square().sum(1))
            parts.append(torch.stack(norms).sum(0))
        return torch.cat(parts)


def _columns_of_layers(block: Block, parameters: Sequence[Tensor]) -> list[slice]:
    """The columns of each layer; none at all where a layer has parameters that are not among those given."""
    starts, stop = {}, 0
    for p in parameters:
        starts[id(p)] = stop  # by identity, because tensors compare entry by entry
        stop += p.numel()
    layers = [list(layer.parameters()) for layer, *_ in block.parts]
    if not all(id(p) in starts for own in layers for p in own):
        return []
    return [slice(starts[id(own[0])], starts[id(own[0])] + sum(p.numel() for p in own)) for own in layers]


def mixing_error(
    residual: Callable[[Tensor], Tensor], linearization: TapeLinearization, theta: Tensor, seed: int = 0
) -> float:
    """How far ``J v`` is from a central difference along a random ``v``, relative; above about 1e-4 they disagree.

    A residual in which one point's row depends on another point (a mean over points, a BatchNorm) breaks the rule that
    ``TapeLinearization`` rests on; this is the test for it.

    Args:
        residual: ``theta (P,) -> (M,)``.
        linearization: At ``theta``.
        theta: ``(P,)``.
        seed: Of the direction.
    """
    rng = torch.Generator().manual_seed(seed)
    v = torch.randn(theta.numel(), generator=rng, dtype=torch.float64).to(theta)
    v = v / v.norm()
    base = torch.finfo(theta.dtype).eps ** (1 / 3)
    h = base * max(1.0, float(theta.norm()))
    slope = (residual(theta + h * v) - residual(theta - h * v)) / (2 * h)
    predicted = linearization.mv(v)
    size = max(float(slope.norm()), float(predicted.norm()))
    return float((slope - predicted).norm()) / size if size > 0 else 0.0
