"""The residual's Jacobian by the parameters, from one backward pass, and its products without forming it.

Points are independent, so the backward pass of ``r.sum()`` carries every point's own cotangents. For a layer with input
jet ``z`` and cotangent ``g`` of its output jet, row ``n`` of the Jacobian is a contraction of ``z[n]`` and ``g[n]`` alone
(for a linear layer their outer product, summed over the channels). The same factors give ``J v``, ``J' w`` and ``J J'``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sciml.nn.base import Record

BLOCK_BYTES = 256 * 2**20  # largest part of J that a product forms at a time


class Block:
    """Rows of one scalar residual at ``n`` points: the factors of each layer.

    Args:
        records: What each layer saw in the forward pass.
        cotangents: Derivative of each point's residual by each layer's output jet, ``(n, C, o)``.
        scale: Factor on every row.
    """

    def __init__(self, records: Sequence[Record], cotangents: Sequence[Tensor], scale: float):
        self.parts = [
            (r.layer, r.z_in.detach(), g * scale, r.weights) for r, g in zip(records, cotangents, strict=True)
        ]
        self.rows = self.parts[0][1].shape[0]

    def fill(self, out: Tensor, offsets: dict[int, int]) -> None:
        """Write the rows into ``out (n, P)``."""
        for layer, z, g, weights in self.parts:
            rows = layer.jacobian(z, g, weights)
            start = offsets[id(layer)]
            out[:, start : start + rows.shape[1]] = rows

    def mv(self, v: Tensor, offsets: dict[int, int]) -> Tensor:
        """``J v`` for these rows, ``(n,)``."""
        total = v.new_zeros(self.rows)
        for layer, z, g, weights in self.parts:
            start = offsets[id(layer)]
            direction = v[start : start + sum(p.numel() for p in layer.parameters())]
            total += (layer.tangent(z, direction, weights) * g).sum((1, 2))
        return total

    def rmv(self, w: Tensor, out: Tensor, offsets: dict[int, int]) -> None:
        """Add ``J' w`` of these rows to ``out (P,)``."""
        for layer, z, g, weights in self.parts:
            part = layer.cotangent(z, g * w[:, None, None], weights)
            start = offsets[id(layer)]
            out[start : start + part.numel()] += part

    def columns(self) -> int:
        """Number of parameters ``P``."""
        return sum(p.numel() for layer, *_ in self.parts for p in layer.parameters())


class TapeLinearization:
    """Residual and Jacobian of a system whose network offers jets.

    Attributes:
        residual: ``(M,)``, scaled.
        shape: ``(M, P)``.
    """

    def __init__(self, residual: Tensor, blocks: Sequence[Block], offsets: dict[int, int], columns: int):
        self.residual = residual
        self.shape = (residual.numel(), columns)
        self._blocks = list(blocks)
        self._offsets = offsets
        self._dense: Tensor | None = None

    @property
    def complete(self) -> bool:
        """Whether the layers account for every parameter; False for a network with others, or with frozen ones."""
        return all(block.columns() == self.shape[1] for block in self._blocks)

    @torch.no_grad()
    def dense(self) -> Tensor:
        """``J`` as ``(M, P)``; kept after the first call."""
        if self._dense is None:
            out = self.residual.new_empty(self.shape)
            start = 0
            for block in self._blocks:
                block.fill(out[start : start + block.rows], self._offsets)
                start += block.rows
            self._dense = out
        return self._dense

    @torch.no_grad()
    def mv(self, v: Tensor) -> Tensor:
        """``J v``, ``(M,)``."""
        if self._dense is not None:
            return self._dense @ v
        return torch.cat([block.mv(v, self._offsets) for block in self._blocks])

    @torch.no_grad()
    def rmv(self, w: Tensor) -> Tensor:
        """``J' w``, ``(P,)``."""
        if self._dense is not None:
            return self._dense.T @ w
        out = w.new_zeros(self.shape[1])
        start = 0
        for block in self._blocks:
            block.rmv(w[start : start + block.rows], out, self._offsets)
            start += block.rows
        return out

    @torch.no_grad()
    def gram(self) -> Tensor:
        """``J J'``, ``(M, M)``, layer by layer: no more than one layer's rows exist at a time."""
        if self._dense is not None:
            return self._dense @ self._dense.T
        M = self.shape[0]
        total = self.residual.new_zeros(M, M)
        for k in range(len(self._blocks[0].parts)):
            rows = torch.cat(
                [layer.jacobian(z, g, weights) for layer, z, g, weights in (b.parts[k] for b in self._blocks)]
            )
            total.addmm_(rows, rows.T)
        return total

    @torch.no_grad()
    def row_norms(self) -> Tensor:
        """Squared norm of every row, ``(M,)``: the diagonal of ``J J'``."""
        if self._dense is not None:
            return self._dense.square().sum(1)
        parts = []
        for block in self._blocks:
            parts.append(
                torch.stack([layer.jacobian(z, g, w).square().sum(1) for layer, z, g, w in block.parts]).sum(0)
            )
        return torch.cat(parts)


class AutogradLinearization:
    """The same for any differentiable residual, through autograd: correct for every module, dearer a row.

    Args:
        residual: ``(M,)`` with a graph.
        parameters: Leaves, in the order of the flat vector.
    """

    def __init__(self, residual: Tensor, parameters: Sequence[Tensor]):
        self._r = residual
        self._parameters = list(parameters)
        self.residual = residual.detach()
        self.shape = (residual.numel(), sum(p.numel() for p in self._parameters))
        self._dense: Tensor | None = None

    def dense(self) -> Tensor:
        """``J`` as ``(M, P)``, rows in batched backward passes."""
        if self._dense is None:
            M, P = self.shape
            chunk = max(1, min(M, BLOCK_BYTES // max(1, 8 * P)))
            eye = torch.eye(M, dtype=self.residual.dtype, device=self.residual.device)
            rows = []
            for start in range(0, M, chunk):
                grads = torch.autograd.grad(
                    self._r,
                    self._parameters,
                    eye[start : start + chunk],
                    is_grads_batched=True,
                    retain_graph=True,
                    allow_unused=True,
                    materialize_grads=True,
                )
                rows.append(torch.cat([g.reshape(g.shape[0], -1) for g in grads], dim=1))
            self._dense = torch.cat(rows)
        return self._dense

    def mv(self, v: Tensor) -> Tensor:
        """``J v`` by differentiating ``J' w`` by ``w``."""
        if self._dense is not None:
            return self._dense @ v
        w = torch.zeros_like(self.residual, requires_grad=True)
        pulled = self._pull(w, create_graph=True)
        (out,) = torch.autograd.grad(pulled, w, v, allow_unused=True, materialize_grads=True)
        return out

    def rmv(self, w: Tensor) -> Tensor:
        """``J' w`` by one backward pass."""
        if self._dense is not None:
            return self._dense.T @ w
        return self._pull(w, create_graph=False).detach()

    def gram(self) -> Tensor:
        """``J J'``, ``(M, M)``."""
        J = self.dense()
        return J @ J.T

    def row_norms(self) -> Tensor:
        """Squared norm of every row, ``(M,)``."""
        return self.dense().square().sum(1)

    def _pull(self, w: Tensor, create_graph: bool) -> Tensor:
        grads = torch.autograd.grad(
            self._r,
            self._parameters,
            w,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
        return torch.cat([g.reshape(-1) for g in grads])


def mixing_error(
    residual: Callable[[Tensor], Tensor], linearization: TapeLinearization, theta: Tensor, seed: int = 0
) -> float:
    """How far ``J v`` is from a central difference along a random ``v``, relative; above about 1e-4 they disagree.

    A residual in which one point's row depends on another point (a mean over points, a BatchNorm) breaks the rule that
    :class:`TapeLinearization` rests on; this is the test for it.

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
