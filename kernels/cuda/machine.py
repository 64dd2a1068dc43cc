"""What this machine has for CUDA kernels, and the kernels for one shape of jet."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from types import ModuleType

import torch

from sciml.kernels.cpu.simd.parts import Shape
from sciml.kernels.generated import run_text


def missing_triton() -> str | None:
    """Why Triton kernels cannot run here, or None."""
    if find_spec("triton") is None:
        return "triton is not installed (the extra `cuda`)"
    if not torch.cuda.is_available() and not interpreted():
        return "there is no CUDA device"
    return None


def interpreted() -> bool:
    """Whether Triton runs on the CPU, to test: ``TRITON_INTERPRET=1``."""
    return os.environ.get("TRITON_INTERPRET") == "1"


@cache
def triton_kernels(shape: Shape) -> ModuleType:
    """The generated module for one shape of jet; Triton keeps what it compiles by itself."""
    from sciml.kernels.cuda.source import triton_source

    name = f"triton_{shape.channels}_k{shape.degree}_f{shape.bits}"
    return run_text(name, triton_source(shape))
