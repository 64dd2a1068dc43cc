"""What is the same in every pass of one network on a CUDA device."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sciml.kernels.cpu.simd.parts import Shape
from sciml.kernels.taylor_table import SplineTable


class CUDAPlan(NamedTuple):
    """One network for one shape of jet."""

    shape: Shape
    tables: tuple[SplineTable, ...]
    widths: tuple[int, ...]


@lru_cache(maxsize=64)
def cuda_plan(shape: Shape, tables: tuple[SplineTable, ...], widths: tuple[int, ...]) -> CUDAPlan:
    """The plan of a network; the last 64 are kept."""
    return CUDAPlan(shape, tables, widths)
