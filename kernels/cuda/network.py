"""One pass of a network on a CUDA device. Everything stays on the device, and the batch is not split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from sciml.kernels.cuda.machine import triton_kernels
from sciml.kernels.cuda.plan import CUDAPlan
from sciml.kernels.taylor_table import SplineTable

PARTS = 8  # of the batch, each with weight gradients of its own
PART_POINTS = 1024  # a part is not smaller
POINTS, OUTPUTS = 16, 32  # of a tile
OPTIONS = {"enable_fp_fusion": True}


def _constants(table: SplineTable) -> tuple[Tensor, Tensor]:
    """Number of each input's last cell that is not empty, and the largest float (Triton would round a literal)."""
    if "triton" not in table.packed:
        knots = table.knots
        last = ((knots < knots[:, -1:]).sum(1) - 1).to(torch.int32)
        table.packed["triton"] = (last, knots.new_tensor([torch.finfo(knots.dtype).max]))
    return table.packed["triton"]


class CUDANetwork:
    """One forward pass and what its backward pass needs, see ``CPUNetwork``."""

    def __init__(
        self,
        plan: CUDAPlan,
        z: Tensor,
        W: Tensor,
        coefs: Sequence[Tensor],
        bases: Sequence[Tensor | None],
        keep: float,
    ):
        self.plan, self.W, self.keep = plan, W.detach().contiguous(), keep >= 0
        self.kernels = triton_kernels(plan.shape)
        self._inputs = [z.detach().contiguous()]
        self.has_base = [base is not None for base in bases]
        self.base = [
            (coef.new_zeros(coef.shape[::2]) if base is None else base).detach().contiguous()
            for coef, base in zip(coefs, bases, strict=True)
        ]
        self.taylor = [table.taylor(coef.detach()) for table, coef in zip(plan.tables, coefs, strict=True)]
        for taylor in self.taylor:
            taylor[:, -1] = torch.nan

    def _on_device(self) -> Any:
        device = self.W.device
        return torch.cuda.device(device) if device.type == "cuda" else nullcontext()

    def _knots(self, layer: int) -> tuple[Any, ...]:
        table = self.plan.tables[layer]
        last, big = _constants(table)
        return table.knots, table.centres, last, self.W, big

    def _sizes(self, layer: int) -> tuple[int, ...]:
        return self._inputs[0].shape[0], *self.plan.widths[layer : layer + 2], self.plan.tables[layer].cells

    def run(self) -> Tensor:
        """Jets at the output ``(N, C, o)``."""
        z, last = self._inputs[0], len(self.plan.tables)
        n, C = z.shape[:2]
        for layer in range(last):
            J = self.plan.widths[layer + 1]
            y = z.new_empty(n, C, J)
            grid = (-(-n // POINTS), -(-J // OUTPUTS))
            if n:
                with self._on_device():
                    self.kernels.forward[grid](
                        z, y, self.taylor[layer], self.base[layer], *self._knots(layer), *self._sizes(layer),
                        STEPS=self.plan.tables[layer].cells.bit_length(), BN=POINTS, BO=OUTPUTS, **OPTIONS,
                    )  # fmt: skip
            z = y
            if self.keep and layer < last - 1:
                self._inputs.append(z)
        return z

    def inputs(self) -> list[Tensor]:
        """Input jets of every layer, after a forward pass."""
        return self._inputs

    def cotangents(self, g: Tensor) -> list[Tensor]:
        """Cotangents of every layer's output jets, after a forward pass."""
        out = [g.detach().contiguous()]
        for layer in range(len(self.plan.tables) - 1, 0, -1):
            out.insert(0, self._input_cotangents(layer, out[0]))
        return out

    def gradients(self, g: Tensor, wanted: bool) -> list[Tensor]:
        """Gradients of ``z`` (a lone zero unless it is ``wanted``) and of the weights, layer by layer."""
        grads: list[Tensor] = []
        g = g.detach().contiguous()
        for layer in range(len(self.plan.tables) - 1, -1, -1):
            dT, dw = self._weight_gradients(layer, g)
            dcoef = self.plan.tables[layer].coefficients(dT)
            grads = [dcoef, *([dw] if self.has_base[layer] else []), *grads]
            if layer or wanted:
                g = self._input_cotangents(layer, g)
        return [g if wanted else g.new_zeros(()), *grads]

    def _weight_gradients(self, layer: int, g: Tensor) -> tuple[Tensor, Tensor]:
        table, z = self.plan.tables[layer], self._inputs[layer]
        n, I, J, cells = self._sizes(layer)
        parts = min(PARTS, max(1, n // PART_POINTS))
        each = POINTS * math.ceil(n / parts / POINTS)
        dT = z.new_empty(parts, I, cells + 2, table.degree + 1, J)
        dw = z.new_zeros(parts, I, J)
        rows = max(16, 1 << (cells + 1).bit_length())
        with self._on_device():
            self.kernels.backward_weights[(I, -(-J // OUTPUTS), parts)](
                z, g, dT, dw, *self._knots(layer), *self._sizes(layer), each,
                STEPS=cells.bit_length(), ROWS=rows, BN=POINTS, BO=OUTPUTS, **OPTIONS,
            )  # fmt: skip
        return dT.sum(0), dw.sum(0)

    def _input_cotangents(self, layer: int, g: Tensor) -> Tensor:
        z = self._inputs[layer]
        h = torch.empty_like(z)
        n, I, _, cells = self._sizes(layer)
        if n:
            with self._on_device():
                self.kernels.backward_inputs[(-(-n // POINTS), I)](
                    z, g, h, self.taylor[layer], self.base[layer], *self._knots(layer), *self._sizes(layer),
                    STEPS=cells.bit_length(), BN=POINTS, BO=OUTPUTS, **OPTIONS,
                )  # fmt: skip
        return h
