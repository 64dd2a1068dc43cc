"""Kernels for the CPU, compiled by Numba once and kept on disk for later sessions."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from sciml.kernels.channels import Channels
from sciml.kernels.cpu.cache_folder import cache_folder
from sciml.kernels.cpu.simd import vectors
from sciml.kernels.cpu.simd.parts import Shape
from sciml.kernels.cpu.simd.source import jets_source, values_source
from sciml.kernels.generated import run_text

_LOCK = threading.Lock()
_CALLED = ("make_tables", "return_tables", "forward", "backward", "pack", "unpack")  # all else is called by these


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


def _keep(module: ModuleType, names: Iterable[str], stamp: str, what: str) -> None:
    """Give functions of a module a cache on disk; each is compiled when it is first called."""
    from sciml.kernels.cpu.kernel_cache import KernelCache

    folder = cache_folder()
    announce = _announcer(what, folder)
    for name in names:
        function = getattr(module, name)
        function._cache = KernelCache(function, folder, stamp, announce)


def _load(name: str, text: str, what: str) -> ModuleType:
    """The module of generated text."""
    module = run_text(name, text)
    stamp = f"{name}-{_stamp(text, Path(vectors.__file__).read_text(encoding='utf-8'))}"
    _keep(module, [function for function in _CALLED if hasattr(module, function)], stamp, what)
    return module


@cache
def _values(shape: Shape) -> ModuleType:
    what = f"a kernel for values, degree {shape.degree}, float{shape.bits}"
    return _load(f"values_k{shape.degree}_f{shape.bits}", values_source(shape), what)


@cache
def _jets(shape: Shape) -> ModuleType:
    name = f"jets_{shape.channels}_k{shape.degree}_f{shape.bits}"
    name += "_local" if shape.local else ""
    what = f"a kernel for jets of order {shape.channels.order}, degree {shape.degree}, float{shape.bits}"
    what += ", fine grids" if shape.local else ""
    return _load(name, jets_source(shape), what)


def simd_kernels(shape: Shape) -> tuple[ModuleType, ModuleType]:
    """The module with tables and copies, which serves all jets, and the one with ``forward`` and ``backward``."""
    with _LOCK:
        values = shape._replace(channels=Channels((), ()), local=False)
        return _values(values), _values(values) if shape == values else _jets(shape)


@cache
def _loops() -> ModuleType:
    from sciml.kernels.cpu import fields, loops, point

    # numbers of fields are constants of the compiled code
    texts = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (fields, loops, point)]
    _keep(loops, (*_CALLED[:4], "jacobian", "copy"), f"loops-{_stamp(*texts)}", "the loops")
    return loops


def loop_kernels() -> ModuleType:
    """The module with the same functions as loops."""
    with _LOCK:
        return _loops()
