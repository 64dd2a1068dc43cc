"""What this machine has: which compiled kernels it can run, and why not the others."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import numpy as np

from sciml.kernels.channels import Channels
from sciml.kernels.cpu.plan import Kernels


@cache
def vector_bytes() -> int:
    """Bytes of a vector register with fused multiply-add: 64, 32, 16, or 0 where there is none."""
    import llvmlite.binding as llvm

    try:
        features = llvm.get_host_cpu_features()
    except RuntimeError:  # LLVM does not know this processor
        return 0
    if features.get("avx512f"):
        return 64
    if features.get("avx2") and features.get("fma"):
        return 32
    return 16 if platform.machine().lower() in ("aarch64", "arm64") else 0


@cache
def missing_numba() -> str | None:
    """Why compiled loops cannot run here, or None."""
    if find_spec("numba") is None:
        return "numba is not installed"
    from numba import config

    return "NUMBA_DISABLE_JIT is set" if getattr(config, "DISABLE_JIT", 0) else None


def missing_simd() -> str | None:
    """Why the SIMD kernels cannot run here, or None."""
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed"
    return None if vector_bytes() else "the processor has none of AVX-512, AVX2 with FMA, NEON"


def narrow_outputs(bits: int) -> int:
    """Up to so many outputs a SIMD kernel's vectors run over a layer's inputs."""
    return vector_bytes() * 8 // bits // 2


@cache
def simd(channels: Channels, degree: int, base: bool, bits: int, local: bool = False) -> Kernels:
    """The SIMD kernels for the channels of a jet, compiled on first use; ``local`` as in ``Shape``."""
    from sciml.kernels.cpu.compiled import simd_kernels
    from sciml.kernels.cpu.simd.parts import Shape, scratch_size

    shape = Shape(channels, degree, base, bits, vector_bytes() * 8 // bits, local)
    made = simd_kernels(shape)
    return Kernels(
        _on_net(made["make_tables"]),
        _on_net(made["forward"]),
        _on_net(made["backward"]),
        _on_net(made["return_tables"]),
        made["pack"],
        made["unpack"],
        None if local else _on_net(made["jacobian"]),
        scratch_size(shape),
        shape.lanes,
        local,
    )


def _on_net(kernel: Callable[..., None]) -> Callable[..., None]:
    """A kernel that takes ``net`` by its address and number of layers."""
    return lambda net, *rest: kernel(net.ctypes.data, len(net), *rest)


@cache
def loops(bits: int) -> Kernels:
    """The loops, compiled on first use for one dtype and all shapes of jets."""
    from sciml.kernels.cpu.compiled import loop_kernels

    module, like = loop_kernels(), np.float32(1) if bits == 32 else np.float64(1)
    return Kernels(
        lambda net: module.make_tables(net, like),
        lambda net, W, n0, n1, scratch: module.forward(net, W, n0, n1, like),
        lambda net, W, n0, n1, scratch, block: module.backward(net, W, n0, n1, like),
        lambda net: module.return_tables(net, like),
        lambda source, to, rows, width, padded: module.copy(source, to, rows * width, like),
        lambda source, to, rows, width, padded: module.copy(source, to, rows * width, like),
        lambda net, W, n0, n1, scratch, *rows: module.jacobian(net, W, n0, n1, *rows, like),
        scratch=0,
        lanes=1,
    )
