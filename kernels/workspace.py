"""Memory of the fused kernels: asked for in every step, so kept between steps, within a bound."""

from __future__ import annotations

import threading

import numpy as np

KEEP = 256 * 2**20  # bytes that may lie idle
_ALIGN = 64
_idle: list[np.ndarray] = []
_lock = threading.Lock()


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
    """Named arrays in one block of memory, which goes back to the others when the workspace dies.

    Args:
        shapes: Name to shape; contents are arbitrary at first.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], dtype: np.dtype):
        ends, total = [], 0
        for shape in shapes.values():
            count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            ends.append((total, count))
            total += -(-count // _ALIGN) * _ALIGN
        self._block = _take(total + _ALIGN)
        start = -self._block.ctypes.data % _ALIGN
        self.address, self.array = {}, {}
        for (name, shape), (begin, count) in zip(shapes.items(), ends, strict=True):
            piece = self._block[start + begin : start + begin + count]
            self.array[name] = piece.view(dtype).reshape(shape)
            self.address[name] = self._block.ctypes.data + start + begin

    def __del__(self):
        if hasattr(self, "_block"):
            _give(self._block)
