"""Drives the compiled kernels: packs a network, splits a batch, joins the gradients. NumPy in, NumPy out.

A batch is cut into chunks, whose jets stay in the cache, and into parts, each with gradient sums of its own
that are added in order: the result does not depend on the number of threads. Jets between layers are kept
for the backward pass up to a bound; beyond it each chunk is computed again, so that memory does not grow with
the batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from sciml.kernels.bspline import _local_table
from sciml.kernels.layout import BLOCK, FIELD, FIELDS
from sciml.kernels.table import SplineTable
from sciml.kernels.workspace import Workspace

CHUNK = 1024  # points
PARTS = 8
PART_POINTS = 512  # a part is not smaller
SAVED = 128 * 2**20  # bytes of jets that are kept between the passes
TABLE_CACHE = 512 * 2**10  # bytes of one layer's table and its gradient that stay in a core's cache


class Kernels(NamedTuple):
    """A compiled implementation. All take ``net``: one row of `FIELDS` a layer, sizes and addresses."""

    make_tables: Callable[..., None]
    forward: Callable[..., None]
    backward: Callable[..., None]
    return_tables: Callable[..., None]
    scratch: int
    lanes: int


class _Packed(NamedTuple):
    arrays: dict[str, np.ndarray]
    steps: int


def _pack(table: SplineTable, lanes: int) -> _Packed:
    """One layer's knots in the kernel's layout; remembered by the table."""
    if lanes in table.packed:
        return table.packed[lanes]
    knots, cells, k = table.knots.numpy(), table.cells, table.degree
    i = knots.shape[0]
    local = _local_table(table.knots.double(), k)[:, :cells].to(table.knots.dtype)

    def pad(values: np.ndarray) -> np.ndarray:
        out = np.zeros((-(-i // lanes) * lanes, *values.shape[1:]), knots.dtype)
        out[:i] = values
        return out

    arrays = {
        "KNOTS": pad(knots),
        "CENTRES": pad(table.centres.numpy()),
        "START": pad(knots[:, 0]),
        "STOP": pad(knots[:, -1]),
        "INVERSE": pad(table.inverse_step.numpy()),
        "LAST": pad((knots < knots[:, -1:]).sum(1) - 1),
        "LOCAL": np.ascontiguousarray(local.numpy()),
    }
    packed = table.packed[lanes] = _Packed(arrays, cells.bit_length() - 1)
    return packed


def _padded(width: int, lanes: int) -> int:
    return -(-width // lanes) * lanes


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
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

    futures = [_pool(threads - 1).submit(work) for _ in range(threads - 1)]
    work()
    for future in futures:
        future.result()


class FusedNetwork:
    """One forward pass and what its backward pass needs.

    Args:
        kernels: The implementation, for this shape of jet.
        tables: One a layer.
        coefs: ``(i, m, o)`` each.
        bases: ``(i, o)`` or None each.
        z: Jets ``(N, C, i)``, contiguous.
        W: Second-order weights ``(S, D)``, contiguous.
        keep: Bytes of jets between the layers that may be kept for a backward pass.
    """

    def __init__(
        self,
        kernels: Kernels,
        tables: Sequence[SplineTable],
        coefs: Sequence[np.ndarray],
        bases: Sequence[np.ndarray | None],
        z: np.ndarray,
        W: np.ndarray,
        keep: float,
    ):
        self.kernels, self.z, self.W = kernels, z, W
        self.tables, self.dtype = tables, z.dtype
        self.points, self.channels = z.shape[0], z.shape[1]
        self.widths = [z.shape[2], *(c.shape[2] for c in coefs)]
        self.padded = [_padded(w, kernels.lanes) for w in self.widths]
        self.packed = [_pack(t, kernels.lanes) for t in tables]
        self.coef_shapes = [c.shape for c in coefs]
        self.has_base = [b is not None for b in bases]
        hidden = self.points * self.channels * sum(self.padded[1:-1])
        self.saved = hidden * z.itemsize <= keep
        shapes = self._weight_shapes("COEF", "BASE", "TABLE")
        if self.saved:
            for n, width in enumerate(self.padded[1:-1], 1):
                shapes[f"Z{n}"] = (self.points, self.channels, width)
        self.space = Workspace(shapes, z.dtype)
        self.net = np.zeros((len(tables), len(FIELDS)), np.int64)
        for n, (coef, base) in enumerate(zip(coefs, bases, strict=True)):
            self._describe(n)
            k, o = tables[n].degree, coef.shape[2]
            whole = self.space.array[f"COEF{n}"]
            whole[:, :k], whole[:, k + coef.shape[1] :], whole[:, :, o:] = 0, 0, 0
            whole[:, k : k + coef.shape[1], :o] = coef
            whole = self.space.array[f"BASE{n}"]
            whole[:, o:] = 0
            whole[:, :o] = 0 if base is None else base
        kernels.make_tables(self.net)

    def _weight_shapes(self, coef: str, base: str, table: str) -> dict[str, tuple[int, ...]]:
        shapes = {}
        for n, t in enumerate(self.tables):
            i, width = self.widths[n], self.padded[n + 1]
            shapes[f"{coef}{n}"] = (i, t.cells + t.degree, width)
            shapes[f"{base}{n}"] = (i, width)
            shapes[f"{table}{n}"] = (i, t.cells + 2, t.degree + 1, width)
        return shapes

    def _describe(self, n: int) -> None:
        row, table = self.net[n], self.tables[n]
        S, D = self.W.shape
        widths = (self.widths[n], self.padded[n], self.widths[n + 1], self.padded[n + 1])
        sizes = (D, S, table.degree, *widths, table.cells)
        row[: len(sizes)] = sizes
        row[FIELD["UNIFORM"]] = table.uniform
        row[FIELD["STEPS"]] = self.packed[n].steps
        for name, array in self.packed[n].arrays.items():
            row[FIELD[name]] = array.ctypes.data
        for name in ("COEF", "BASE", "TABLE"):
            row[FIELD[name]] = self.space.address[f"{name}{n}"]

    def _chunk_space(self, count: int, backward: bool) -> Workspace:
        """Memory of one thread for chunks of ``count`` points."""
        C, last = self.channels, len(self.tables)
        shapes = {"scratch": (self.kernels.scratch,), "Z0": (count, C, self.padded[0])}
        for n in range(1, last):
            if not self.saved:
                shapes[f"Z{n}"] = (count, C, self.padded[n])
        shapes[f"Z{last}"] = (count, C, self.padded[last])
        if backward:
            widest = max(self.padded)
            shapes["G0"] = shapes["G1"] = (count, C, widest)
        return Workspace(shapes, self.dtype)

    def _place_jets(self, net: np.ndarray, space: Workspace, start: int) -> None:
        """Write the addresses of the jets of a chunk that starts at point ``start``."""
        for n in range(len(self.tables) + 1):
            name = f"Z{n}"
            if name in self.space.address:
                array = self.space.array[name]
                address = self.space.address[name] + start * array.strides[0]
            else:
                address = space.address[name]
            if n < len(self.tables):
                net[n, FIELD["Z"]] = address
            if n:
                net[n - 1, FIELD["Y"]] = address

    def _load_input(self, space: Workspace, a: int, b: int) -> None:
        first = space.array["Z0"][: b - a]
        first[:, :, : self.widths[0]] = self.z[a:b]
        first[:, :, self.widths[0] :] = 0

    def forward(self, out: np.ndarray) -> None:
        """Write the jets at the output, ``(N, C, o)``."""
        size = min(CHUNK, max(self.points, 1))

        def task(n: int) -> None:
            a, b = n * size, min((n + 1) * size, self.points)
            space = self._chunk_space(size, backward=False)
            net = self.net.copy()
            self._place_jets(net, space, a)
            self._load_input(space, a, b)
            self.kernels.forward(net, self.W.ctypes.data, 0, b - a, space.address["scratch"])
            out[a:b] = space.array[f"Z{len(self.tables)}"][: b - a, :, : self.widths[-1]]

        run_parts(task, -(-self.points // size))

    def jets(self) -> list[np.ndarray]:
        """Input jets of every layer, after a forward pass that kept them all."""
        hidden = range(1, len(self.tables))
        return [self.z, *(self.space.array[f"Z{n}"][:, :, : self.widths[n]].copy() for n in hidden)]

    def cotangents(self, g: np.ndarray) -> list[np.ndarray]:
        """Cotangents of every layer's output jets ``(N, C, o)``, after a forward pass that kept the jets."""
        last = len(self.tables)
        if last == 1:
            return [g]
        shapes = {f"G{n}": (self.points, self.channels, self.padded[n]) for n in range(1, last + 1)}
        space = Workspace(shapes, self.dtype)
        space.array[f"G{last}"][:, :, self.widths[last] :] = 0
        space.array[f"G{last}"][:, :, : self.widths[last]] = g
        size = min(CHUNK, max(self.points, 1))

        def task(part: int) -> None:
            a, b = part * size, min((part + 1) * size, self.points)
            sums = Workspace(self._weight_shapes("NONE", "DBASE", "DTABLE"), self.dtype)
            own = self._chunk_space(size, backward=False)
            net = self.net.copy()
            self._place_jets(net, own, a)
            for n in range(1, last):
                for name in ("DTABLE", "DBASE"):
                    sums.array[f"{name}{n}"][:] = 0
                    net[n, FIELD[name]] = sums.address[f"{name}{n}"]
                for name, m in (("H", n), ("G", n + 1)):
                    net[n, FIELD[name]] = space.address[f"G{m}"] + a * space.array[f"G{m}"].strides[0]
            # the first layer's input takes no cotangent
            self.kernels.backward(
                net[1:], self.W.ctypes.data, 0, b - a, own.address["scratch"], self._block()
            )

        run_parts(task, -(-self.points // size))
        return [space.array[f"G{n}"][:, :, : self.widths[n]].copy() for n in range(1, last + 1)]

    def backward(
        self, g: np.ndarray, dz: np.ndarray | None
    ) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
        """Gradients for the cotangents ``g: (N, C, o)``; ``dz: (N, C, i)`` is written unless it is None.

        Returns:
            Gradients of the coefficients and of the base weights, layer by layer.
        """
        parts = min(PARTS, max(1, self.points // PART_POINTS))
        sums = [Workspace(self._weight_shapes("DCOEF", "DBASE", "DTABLE"), self.dtype)]
        sums += [
            Workspace(self._weight_shapes("NONE", "DBASE", "DTABLE"), self.dtype) for _ in range(parts - 1)
        ]
        ends = [self.points * n // parts for n in range(parts + 1)]
        run_parts(lambda n: self._backward_part(g, dz, ends[n], ends[n + 1], sums[n]), parts)
        total = sums[0]
        net = self.net.copy()
        for n in range(len(self.tables)):
            for name in (f"DTABLE{n}", f"DBASE{n}"):
                for other in sums[1:]:
                    total.array[name] += other.array[name]
            total.array[f"DCOEF{n}"][:] = 0
            net[n, FIELD["DTABLE"]] = total.address[f"DTABLE{n}"]
            net[n, FIELD["DCOEF"]] = total.address[f"DCOEF{n}"]
        self.kernels.return_tables(net)
        coefs, bases = [], []
        for n, (_, m, o) in enumerate(self.coef_shapes):
            k = self.tables[n].degree
            coefs.append(total.array[f"DCOEF{n}"][:, k : k + m, :o].copy())
            bases.append(total.array[f"DBASE{n}"][:, :o].copy() if self.has_base[n] else None)
        return coefs, bases

    def _backward_part(
        self, g: np.ndarray, dz: np.ndarray | None, start: int, stop: int, sums: Workspace
    ) -> None:
        size = min(CHUNK, max(stop - start, 1))
        space = self._chunk_space(size, backward=True)
        net = self.net.copy()
        last = len(self.tables)
        for n in range(last):
            for name in ("DTABLE", "DBASE"):
                sums.array[f"{name}{n}"][:] = 0
                net[n, FIELD[name]] = sums.address[f"{name}{n}"]
            net[n, FIELD["G"]] = space.address[f"G{(n + 1) % 2}"]
            net[n, FIELD["H"]] = space.address[f"G{n % 2}"] if n or dz is not None else 0
        scratch, W = space.address["scratch"], self.W.ctypes.data
        for a in range(start, stop, size):
            b = min(a + size, stop)
            self._place_jets(net, space, a)
            self._load_input(space, a, b)
            if not self.saved:
                self.kernels.forward(net, W, 0, b - a, scratch)
            top = self._as_jets(space.array[f"G{last % 2}"], b - a, self.padded[last])
            top[:, :, : self.widths[last]] = g[a:b]
            top[:, :, self.widths[last] :] = 0
            self.kernels.backward(net, W, 0, b - a, scratch, self._block())
            if dz is not None:
                bottom = self._as_jets(space.array["G0"], b - a, self.padded[0])
                dz[a:b] = bottom[:, :, : self.widths[0]]

    def _as_jets(self, array: np.ndarray, count: int, width: int) -> np.ndarray:
        return array.reshape(-1)[: count * self.channels * width].reshape(count, self.channels, width)

    def _block(self) -> int:
        """Inputs whose tables are worked on at a time, so that they stay in the core's cache."""
        most = max(2 * t.cells * (t.degree + 1) * w * self.dtype.itemsize for t, w in self._table_widths())
        fits = TABLE_CACHE // most // self.kernels.lanes * self.kernels.lanes
        return min(BLOCK, max(fits, self.kernels.lanes))

    def _table_widths(self) -> list[tuple[SplineTable, int]]:
        return list(zip(self.tables, self.padded[1:], strict=True))
