"""Memory of the fused kernels. Every step needs the same blocks, so they are kept between steps, up to a bound."""

from __future__ import annotations

import threading
from math import prod

import numpy as np

KEEP = 256 * 2**20  # bytes that may lie idle
_ALIGN = 64
_idle: list[np.ndarray] = []
_lock = threading.Lock()


class Layout:
    """Where named arrays of one dtype lie in one block of memory.

    Args:
        shapes: Name to shape, in the order in which they lie.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], dtype: np.dtype):
        self.dtype, self.shapes = dtype, shapes
        self.offsets: dict[str, int] = {}
        total = 0
        for name, shape in shapes.items():
            self.offsets[name] = total
            total += -(-prod(shape) * dtype.itemsize // _ALIGN) * _ALIGN
        self.size = total

    def offset(self, name: str) -> int:
        """Bytes before an array; the whole size for a name that is not there."""
        return self.offsets.get(name, self.size)


def _take(size: int) -> np.ndarray:
    with _lock:
        fit = [n for n, block in enumerate(_idle) if size <= block.size <= 2 * size]
        if fit:
            return _idle.pop(min(fit, key=lambda n: _idle[n].size))
    return np.empty(size, np.uint8)


def _give(block: np.ndarray) -> None:
    with _lock:
        _idle.append(block)
        while sum(b.size for b in _idle) > KEEP:
            _idle.pop(0)


class Workspace:
    """Memory in some layout, with arbitrary content; the next workspace may use it when this one is deleted."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self._block = _take(layout.size + _ALIGN)
        start = self._block.__array_interface__["data"][0]
        self._shift = -start % _ALIGN
        self.start = start + self._shift

    def address(self, name: str) -> int:
        """Address of an array."""
        return self.start + self.layout.offsets[name]

    def array(self, name: str) -> np.ndarray:
        """An array. It must not outlive the workspace."""
        layout = self.layout
        return np.ndarray(layout.shapes[name], layout.dtype, self._block, self._shift + layout.offsets[name])

    def flat(self, begin: str, end: str = "") -> np.ndarray:
        """All numbers from the array ``begin`` to before the array ``end``, or to the last."""
        layout = self.layout
        first = layout.offset(begin)
        count = (layout.offset(end) - first) // layout.dtype.itemsize
        return np.ndarray((count,), layout.dtype, self._block, self._shift + first)

    def __del__(self):
        if hasattr(self, "_block"):
            _give(self._block)
