"""One pass of a network on the CPU: it splits a batch into parts and joins their gradients.

A batch is cut into chunks, whose jets stay in the cache, and into parts, each with gradient sums of its own
that are added in order: the result does not depend on the number of threads. Jets between layers are kept
for the backward pass up to a bound; beyond it each chunk is computed again, so that memory does not grow with
the batch.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml.kernels.cpu.fields import FIELD
from sciml.kernels.cpu.memory import Workspace
from sciml.kernels.cpu.plan import CPUPlan

CHUNK = 768 * 2**10  # bytes of one layer's jets
PARTS = 8


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    # threads do not survive a fork: a child gets its own
    return ThreadPoolExecutor(threads, thread_name_prefix="sciml")


def run_parts(task: Callable[[int], Any], count: int) -> None:
    """Call ``task(0) .. task(count - 1)`` on as many threads as torch has been given."""
    threads = min(torch.get_num_threads(), count)
    if threads <= 1:
        for n in range(count):
            task(n)
        return
    numbers, lock = iter(range(count)), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                n = next(numbers, None)
            if n is None:
                return
            task(n)

    futures = [_pool(threads - 1, os.getpid()).submit(work) for _ in range(threads - 1)]
    work()
    for future in futures:
        future.result()


class CPUNetwork:
    """One forward pass and what its backward pass needs.

    Args:
        plan: Sizes, layouts and kernels of the network.
        z: Jets ``(N, C, i)``.
        W: The row of all channel weights, see ``channels.as_row``.
        coefs: ``(i, m, o)`` each.
        bases: ``(i, o)`` or None each.
        keep: Bytes of jets between the layers that may be kept for a backward pass.
    """

    def __init__(
        self,
        plan: CPUPlan,
        z: Tensor,
        W: Tensor,
        coefs: Sequence[Tensor],
        bases: Sequence[Tensor | None],
        keep: float,
    ):
        self.plan, self.points = plan, z.shape[0]
        self.z, self.W = z.detach().contiguous().numpy(), W.detach().contiguous().numpy()
        self._weights = self.W.ctypes.data
        self.shapes = [coef.shape for coef in coefs]
        self.has_base = [base is not None for base in bases]
        saved = plan.jet_layout(self.points, "saved")
        self.saved = Workspace(saved) if saved.size <= keep else None
        self.space = Workspace(plan.weights)
        self.space.flat("COEF0", "TABLE0")[:] = 0
        self.net = plan.net.copy()
        for n, (coef, base) in enumerate(zip(coefs, bases, strict=True)):
            k, (i, m, o) = plan.tables[n].degree, coef.shape
            self.space.array(f"COEF{n}")[:i, k : k + m, :o] = coef.detach().numpy()
            if base is not None:
                self._base(self.space, f"BASE{n}", n)[:] = base.detach().numpy()
            for field, name in (("COEF", "COEF"), ("BASE", "BASE"), ("TABLE", plan.rows)):
                self.net[n, FIELD[field]] = self.space.address(f"{name}{n}")
        if plan.rows == "TABLE":
            plan.kernels.make_tables(self.net)

    def _base(self, space: Workspace, name: str, n: int) -> np.ndarray:
        """Base weights of layer ``n``, or their gradient: ``(i, o)``, wherever they lie."""
        array, (i, o) = space.array(name), self.plan.widths[n : n + 2]
        return array[:, :i].T if self.plan.narrow[n] else array[:, :o]

    def _chunk(self, points: int) -> int:
        """Points of a chunk: a power of two, so that the chunks of a batch can be shared out evenly."""
        fit = CHUNK // (self.plan.channels * max(self.plan.padded) * self.plan.dtype.itemsize)
        return min(max(1 << fit.bit_length() >> 1, 64), 1024, max(points, 1))

    def _chunk_space(self, count: int, kind: str) -> Workspace:
        """Memory of one thread for chunks of ``count`` points."""
        return Workspace(self.plan.jet_layout(count, kind if self.saved else f"{kind} alone"))

    def _place_jets(self, net: np.ndarray, own: Workspace, start: int) -> None:
        """Write the addresses of the jets of a chunk that starts at point ``start``."""
        plan = self.plan
        for n in range(plan.layers + 1):
            if self.saved and 0 < n < plan.layers:
                point = plan.channels * plan.padded[n] * plan.dtype.itemsize
                address = self.saved.address(f"Z{n}") + start * point
            else:
                address = own.address(f"Z{n}")
            if n < plan.layers:
                net[n, FIELD["Z"]] = address
            if n:
                net[n - 1, FIELD["Y"]] = address

    def _pack(self, jets: np.ndarray, a: int, b: int, to: int, layer: int) -> None:
        """Copy points ``a .. b`` of ``jets (N, C, width)`` to an address, padded."""
        plan = self.plan
        source = jets.__array_interface__["data"][0] + a * jets.strides[0]
        plan.kernels.pack(source, to, (b - a) * plan.channels, plan.widths[layer], plan.padded[layer])

    def _unpack(self, source: int, jets: np.ndarray, a: int, b: int, layer: int) -> None:
        """Copy padded jets at an address to points ``a .. b`` of ``jets (N, C, width)``."""
        plan = self.plan
        to = jets.__array_interface__["data"][0] + a * jets.strides[0]
        plan.kernels.unpack(source, to, (b - a) * plan.channels, plan.widths[layer], plan.padded[layer])

    def run(self) -> Tensor:
        """Jets at the output ``(N, C, o)``."""
        out = np.empty((self.points, self.plan.channels, self.plan.widths[-1]), self.plan.dtype)
        self.forward(out)
        return torch.from_numpy(out)

    def gradients(self, g: Tensor, wanted: bool) -> list[Tensor]:
        """Gradients of ``z`` (a lone zero unless it is ``wanted``) and of the weights, layer by layer."""
        dz = np.empty(self.z.shape if wanted else (), self.plan.dtype)
        coefs, bases = self.backward(g.detach().contiguous().numpy(), dz if wanted else None)
        pairs = zip(coefs, bases, strict=True)
        return [torch.from_numpy(a) for a in (dz, *(a for pair in pairs for a in pair if a is not None))]

    def forward(self, out: np.ndarray) -> None:
        """Write the jets at the output, ``(N, C, o)``."""
        plan, size = self.plan, self._chunk(self.points)

        def task(part: int) -> None:
            a, b = part * size, min((part + 1) * size, self.points)
            own, net = self._chunk_space(size, "forward"), self.net.copy()
            self._place_jets(net, own, a)
            self._pack(self.z, a, b, own.address("Z0"), 0)
            plan.kernels.forward(net, self._weights, 0, b - a, own.address("scratch"))
            self._unpack(own.address(f"Z{plan.layers}"), out, a, b, plan.layers)

        run_parts(task, -(-self.points // size))

    def backward(
        self, g: np.ndarray, dz: np.ndarray | None
    ) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
        """Gradients for the cotangents ``g: (N, C, o)``; ``dz: (N, C, i)`` is written unless it is None.

        Returns:
            Gradients of the coefficients and of the base weights, layer by layer.
        """
        plan = self.plan
        parts = min(PARTS, max(1, self.points // plan.part_points))
        sums = [Workspace(plan.own_sums if part else plan.sums) for part in range(parts)]
        ends = [self.points * part // parts for part in range(parts + 1)]
        run_parts(lambda part: self._backward_part(g, dz, ends[part], ends[part + 1], sums[part]), parts)
        total = sums[0]
        for other in sums[1:]:
            total.flat("DBASE0")[:] += other.flat("DBASE0")
        if plan.rows == "TABLE":
            total.flat("DCOEF0", "DBASE0")[:] = 0
            net = self.net.copy()
            for n in range(plan.layers):
                net[n, FIELD["DTABLE"]] = total.address(f"DTABLE{n}")
                net[n, FIELD["DCOEF"]] = total.address(f"DCOEF{n}")
            plan.kernels.return_tables(net)
        coefs, bases = [], []
        for n, (i, m, o) in enumerate(self.shapes):
            k = plan.tables[n].degree
            coef = total.array(f"DCOEF{n}")[:i, :, :o]
            if plan.rows == "COEF" and np.isnan(coef[:, 0]).any():
                # a NaN among the points goes to the first row, and is to reach all of its input
                coef += np.where(np.isnan(coef[:, :1]), np.nan, 0)
            coefs.append(coef[:, k : k + m].copy())
            bases.append(self._base(total, f"DBASE{n}", n).copy() if self.has_base[n] else None)
        return coefs, bases

    def _backward_part(
        self, g: np.ndarray, dz: np.ndarray | None, start: int, stop: int, sums: Workspace
    ) -> None:
        plan = self.plan
        size, last = self._chunk(stop - start), plan.layers
        own, net = self._chunk_space(size, "backward"), self.net.copy()
        self._place_sums(net, sums)
        for n in range(last):
            net[n, FIELD["G"]] = own.address(f"G{(n + 1) % 2}")
            net[n, FIELD["H"]] = own.address(f"G{n % 2}") if n or dz is not None else 0
        scratch = own.address("scratch")
        for a in range(start, stop, size):
            b = min(a + size, stop)
            self._place_jets(net, own, a)
            self._pack(self.z, a, b, own.address("Z0"), 0)
            if self.saved is None:
                plan.kernels.forward(net, self._weights, 0, b - a, scratch)
            self._pack(g, a, b, own.address(f"G{last % 2}"), last)
            plan.kernels.backward(net, self._weights, 0, b - a, scratch, plan.block)
            if dz is not None:
                self._unpack(own.address("G0"), dz, a, b, 0)

    def _place_sums(self, net: np.ndarray, sums: Workspace) -> None:
        sums.flat("DBASE0")[:] = 0
        for n in range(self.plan.layers):
            for field, name in (("DTABLE", f"D{self.plan.rows}"), ("DBASE", "DBASE")):
                net[n, FIELD[field]] = sums.address(f"{name}{n}")

    def inputs(self) -> list[Tensor]:
        """Input jets of every layer, after a forward pass that kept them all."""
        plan, jets = self.plan, [self.z]
        if self.saved is not None:
            jets += [self.saved.array(f"Z{n}")[:, :, : plan.widths[n]].copy() for n in range(1, plan.layers)]
        return [torch.from_numpy(z) for z in jets]

    def cotangents(self, g: Tensor) -> list[Tensor]:
        """Cotangents of every layer's output jets ``(N, C, o)``, after a forward pass that kept the jets."""
        plan, last = self.plan, self.plan.layers
        full = [np.zeros((self.points, plan.channels, width), plan.dtype) for width in plan.padded[1:]]
        full[-1][:, :, : plan.widths[last]] = g.detach().numpy()
        size = self._chunk(self.points)

        def task(part: int) -> None:
            a, b = part * size, min((part + 1) * size, self.points)
            sums, own, net = Workspace(plan.own_sums), self._chunk_space(size, "forward"), self.net.copy()
            self._place_jets(net, own, a)
            self._place_sums(net, sums)
            for n in range(1, last):
                for name, jet in (("H", full[n - 1]), ("G", full[n])):
                    net[n, FIELD[name]] = jet.ctypes.data + a * jet.strides[0]
            # the first layer's input takes no cotangent
            plan.kernels.backward(net[1:], self._weights, 0, b - a, own.address("scratch"), plan.block)

        run_parts(task, -(-self.points // size))
        return [torch.from_numpy(g[:, :, :width]) for g, width in zip(full, plan.widths[1:], strict=True)]
