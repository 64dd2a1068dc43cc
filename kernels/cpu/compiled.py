"""Kernels for the CPU, compiled by Numba once and kept on disk for later sessions."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from sciml.kernels.cpu.cache_folder import cache_folder
from sciml.kernels.cpu.fields import FIELDS
from sciml.kernels.cpu.simd import vectors
from sciml.kernels.cpu.simd.parts import Shape
from sciml.kernels.cpu.simd.source import jets_source, values_source
from sciml.kernels.generated import run_text

_LOCK = threading.Lock()
_EMPTY = np.zeros((0, len(FIELDS)), np.int64)  # a network without layers: calls compile and do nothing
_PASSES = {"forward": (_EMPTY, 0, 0, 0, 0), "backward": (_EMPTY, 0, 0, 0, 0, 1)}


def _stamp(*texts: str) -> str:
    """A name for the code that texts compile to: it changes with the texts, Numba, LLVM and Python."""
    import llvmlite
    import numba

    digest = hashlib.sha256()
    for part in (*texts, numba.__version__, llvmlite.__version__, sys.version):
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()[:16]


def _announcer(what: str, folder: Path | None) -> Callable[[], None]:
    """A function that says, once, that ``what`` is being compiled."""

    @cache
    def announce() -> None:
        kept = f"once, kept in {folder}" if folder else "in every session: there is no cache folder"
        print(f"sciml: compiling {what} (some seconds, {kept})", file=sys.stderr)

    return announce


def _keep(module: ModuleType, names: Iterable[str], stamp: str, what: str) -> bool:
    """Give functions of a module a cache on disk. Returns whether all of them are there already."""
    from sciml.kernels.cpu.kernel_cache import KernelCache

    folder = cache_folder()
    announce = _announcer(what, folder)
    caches = [KernelCache(getattr(module, name), folder, stamp, announce) for name in names]
    for known in caches:
        known.function._cache = known
    return all(known.any() for known in caches)


def _load(name: str, text: str, calls: dict[str, tuple], what: str) -> ModuleType:
    """The module of generated text. Its functions are compiled by ``calls``, or wait on disk for their use."""
    module = run_text(name, text)
    stamp = f"{name}-{_stamp(text, Path(vectors.__file__).read_text(encoding='utf-8'))}"
    if not _keep(module, calls, stamp, what):
        for function, arguments in calls.items():
            module.__dict__[function](*arguments)
    return module


@cache
def _values(shape: Shape) -> ModuleType:
    calls = {"make_tables": (_EMPTY,), "return_tables": (_EMPTY,)}
    calls |= dict.fromkeys(("pack", "unpack"), (0, 0, 0, 1, 1)) | _PASSES
    what = f"a kernel for values, degree {shape.degree}, float{shape.bits}"
    return _load(f"values_k{shape.degree}_f{shape.bits}", values_source(shape), calls, what)


@cache
def _jets(shape: Shape) -> ModuleType:
    name = f"jets_D{shape.D}_S{shape.S}_k{shape.degree}_f{shape.bits}"
    name += "_local" if shape.local else ""
    what = f"a kernel for jets with D={shape.D}, S={shape.S}, degree {shape.degree}, float{shape.bits}"
    what += ", fine grids" if shape.local else ""
    return _load(name, jets_source(shape), _PASSES, what)


def simd_kernels(shape: Shape) -> tuple[ModuleType, ModuleType]:
    """The module with tables and copies, which serves all jets, and the one with ``forward`` and ``backward``."""
    with _LOCK:
        values = shape._replace(D=0, S=0, local=False)
        return _values(values), _values(values) if shape == values else _jets(shape)


@cache
def _loops() -> ModuleType:
    from sciml.kernels.cpu import fields, loops, point

    # numbers of fields are constants of the compiled code
    texts = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (fields, loops, point)]
    names = ("make_tables", "return_tables", "forward", "backward", "jacobian", "copy")
    _keep(loops, names, f"loops-{_stamp(*texts)}", "the loops")
    return loops


def loop_kernels() -> ModuleType:
    """The module with the same functions as loops."""
    with _LOCK:
        return _loops()
