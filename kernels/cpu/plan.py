"""What is the same in every pass of one network: sizes, packed knots, where things lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from sciml.kernels.channels import Channels
from sciml.kernels.cpu.fields import BLOCK, FIELD, FIELDS
from sciml.kernels.cpu.memory import Layout
from sciml.kernels.taylor_table import SplineTable

TABLE_CACHE = 512 * 2**10  # bytes of one layer's table and its gradient that stay in a core's cache

TABLE_LIMIT = 64 * 2**10  # bytes of one input's table, beyond which coefficients are read instead


class Kernels(NamedTuple):
    """A compiled implementation. All but copies take ``net``: one row of ``FIELDS`` a layer, sizes and addresses.

    ``jacobian`` is None where ``local``.
    """

    make_tables: Callable[..., None]
    forward: Callable[..., None]
    backward: Callable[..., None]
    return_tables: Callable[..., None]
    pack: Callable[..., None]
    unpack: Callable[..., None]
    jacobian: Callable[..., None] | None
    scratch: int
    lanes: int
    local: bool = False  # whether rows of coefficients take the place of tables


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _pack(table: SplineTable, lanes: int) -> dict[str, np.ndarray]:
    """One layer's knots in the kernels' layout; remembered by the table."""
    if lanes in table.packed:
        return table.packed[lanes]
    knots = table.knots.numpy()
    i = knots.shape[0]

    def pad(values: np.ndarray) -> np.ndarray:
        out = np.zeros((_up(i, lanes), *values.shape[1:]), knots.dtype)
        out[:i] = values
        return out

    packed = table.packed[lanes] = {
        "KNOTS": pad(knots),
        "CENTRES": pad(table.centres.numpy()),
        "START": pad(knots[:, 0]),
        "STOP": pad(knots[:, -1]),
        "INVERSE": pad(table.inverse_step.numpy()),
        "LAST": pad((knots < knots[:, -1:]).sum(1) - 1),
        "LOCAL": table.local.numpy(),
    }
    return packed


class CPUPlan:
    """One network for one shape of jet and one implementation.

    Attributes:
        jet, channels: Which channels a jet has, and their number.
        widths, padded: Of the input and of every layer's output; as they are and as they lie in memory.
        net: Template of the kernels' argument: sizes and the addresses of what belongs to the knots.
        weights: Layout of coefficients, base weights and tables.
        rows: What the kernels read a point's row from: "TABLE", or "COEF" itself.
        sums, own_sums: Layout of their gradients, and of the part that every thread sums by itself.
        narrow: Layers with so few outputs that vectors run over the inputs.
        part_points: Points below which a part of a batch does not pay for gradient sums of its own.
        block: Inputs whose tables the backward pass works on at a time, so that they stay in the cache.
    """

    def __init__(
        self, kernels: Kernels, tables: tuple[SplineTable, ...], widths: tuple[int, ...], jet: Channels
    ):
        self.kernels, self.tables, self.widths = kernels, tables, widths
        self.layers, self.jet, self.channels = len(tables), jet, jet.count
        self._numbers = np.array(jet, np.int64)
        self.padded = [_up(w, kernels.lanes) for w in widths]
        self.narrow = [2 * w <= kernels.lanes for w in widths[1:]]
        packed = [_pack(table, kernels.lanes) for table in tables]
        self.dtype = packed[0]["KNOTS"].dtype
        self.net = np.zeros((len(tables), len(FIELDS)), np.int64)
        for n, (table, arrays) in enumerate(zip(tables, packed, strict=True)):
            row = self.net[n]
            sizes = (
                jet.order,
                self._numbers.ctypes.data,
                table.degree,
                widths[n],
                self.padded[n],
                widths[n + 1],
                self.padded[n + 1],
            )
            sizes += (table.cells, table.uniform, table.cells.bit_length() - 1, self.narrow[n])
            row[: len(sizes)] = sizes
            for name, array in arrays.items():
                row[FIELD[name]] = array.ctypes.data
        self.rows = "COEF" if kernels.local else "TABLE"
        self.weights = self._weight_layout("COEF", "BASE", self.rows)
        self.own_sums = self._weight_layout("DBASE", f"D{self.rows}")
        self.sums = self.own_sums if kernels.local else self._weight_layout("DCOEF", "DBASE", "DTABLE")
        self.part_points = max(512, *(16 * table.cells for table in tables))
        self.block = self._choose_block()
        self.jet_layout = lru_cache(maxsize=32)(self._jet_layout)

    def _weight_layout(self, *kinds: str) -> Layout:
        shapes: dict[str, tuple[int, ...]] = {}
        for kind in kinds:
            for n, t in enumerate(self.tables):
                # a narrow kernel's vectors reach past the last input
                i, width = self.padded[n] if self.narrow[n] else self.widths[n], self.padded[n + 1]
                shapes[f"{kind}{n}"] = {
                    "COEF": (i, t.cells + t.degree, width),
                    "BASE": (self.widths[n + 1], i) if self.narrow[n] else (i, width),
                    "TABLE": (i, t.cells + 2, t.degree + 1, width),
                }[kind.removeprefix("D")]
        return Layout(shapes, self.dtype)

    def _jet_layout(self, points: int, kind: str) -> Layout:
        """Layouts of jets ``(points, C, width)``.

        Kinds: "saved", between the layers; "forward" and "backward", what one thread needs for a chunk whose
        jets between the layers are saved; "forward alone", "backward alone", where they are not.
        """
        C, last = self.channels, self.layers
        shapes: dict[str, tuple[int, ...]] = {}
        if kind != "saved":
            shapes["scratch"] = (self.kernels.scratch,)
            shapes["Z0"], shapes[f"Z{last}"] = (points, C, self.padded[0]), (points, C, self.padded[last])
        if kind in ("saved", "forward alone", "backward alone"):
            shapes |= {f"Z{n}": (points, C, self.padded[n]) for n in range(1, last)}
        if kind.startswith("backward"):
            shapes["G0"] = shapes["G1"] = (points, C, max(self.padded))
        return Layout(shapes, self.dtype)

    def _choose_block(self) -> int:
        lanes, size = self.kernels.lanes, self.dtype.itemsize
        each = [
            2 * t.cells * (1 if self.kernels.local else t.degree + 1) * w * size
            for t, w in zip(self.tables, self.padded[1:], strict=True)
        ]
        return min(BLOCK, max(TABLE_CACHE // max(each) // lanes * lanes, lanes))


def prefers_coefficients(tables: tuple[SplineTable, ...], widths: tuple[int, ...]) -> bool:
    """Whether a point does better to weigh coefficients than to read Taylor tables, which no cache would hold.

    A table has ``degree + 1`` times the coefficients' numbers, and must be made and transposed in every step; but from
    it a point takes fewer products. Only for evenly spaced knots the weights are cheap.
    """
    numbers = max(t.cells * (t.degree + 1) * o for t, o in zip(tables, widths[1:], strict=True))
    return all(t.even for t in tables) and numbers * tables[0].knots.element_size() > TABLE_LIMIT


@lru_cache(maxsize=64)
def cpu_plan(
    kernels: Kernels, tables: tuple[SplineTable, ...], widths: tuple[int, ...], jet: Channels
) -> CPUPlan:
    """The plan of a network; the last 64 are kept."""
    # it outlives the transform of torch.func in which it may be made
    with torch.inference_mode(False), torch.no_grad(), torch._C._DisableFuncTorch():
        return CPUPlan(kernels, tables, widths, jet)
