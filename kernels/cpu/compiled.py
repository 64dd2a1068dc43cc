"""Kernels for the CPU: compiled once, by LLVM or by Numba, and kept on disk for later sessions."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from sciml.kernels.channels import Channels
from sciml.kernels.cpu import fields
from sciml.kernels.cpu.cache_folder import cache_folder, read_kernel, warn_anew, write_kernel
from sciml.kernels.cpu.simd.elementwise import elementwise_source, tanh_source
from sciml.kernels.cpu.simd.parts import Shape
from sciml.kernels.cpu.simd.source import jets_source, tables_source

_LOCK = threading.Lock()


def _stamp(*texts: str) -> str:
    """A name for the code that texts compile to: it changes with the texts, LLVM and Python."""
    import llvmlite

    digest = hashlib.sha256()
    for part in (*texts, llvmlite.__version__, sys.version):
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()[:16]


def _announcer(what: str, folder: Path | None) -> Callable[[], None]:
    """A function that says, once, that ``what`` is being compiled."""

    @cache
    def announce() -> None:
        kept = f"once, kept in {folder}" if folder else "in every session: there is no cache folder"
        print(f"sciml: compiling {what} ({kept})", file=sys.stderr)

    return announce


def _keep(module: ModuleType, names: Iterable[str], stamp: str, what: str) -> None:
    """Give functions of a module a cache on disk; each is compiled when it is first called."""
    from sciml.kernels.cpu.kernel_cache import KernelCache

    folder = cache_folder()
    announce = _announcer(what, folder)
    for name in names:
        function = getattr(module, name)
        function._cache = KernelCache(function, folder, stamp, announce)


class Kernel:
    """A function of generated text: compiled, or loaded from the folder, when it is first called.

    Args:
        text, name: The text, and the function in it.
        bits, lanes: Of its vectors.
        label: Starts the name of its file.
        announce: Called before it is compiled.
    """

    def __init__(self, text: str, name: str, bits: int, lanes: int, label: str, announce: Callable[[], None]):
        self.text, self.name, self.bits, self.lanes = text, name, bits, lanes
        self.label, self.announce = label, announce
        self._function: Callable[..., None] | None = None

    def __call__(self, *arguments: int) -> None:
        if self._function is None:
            with _LOCK:
                if self._function is None:
                    self._function = self._ready(len(arguments))
        self._function(*arguments)

    def _ready(self, arguments: int) -> Callable[..., None]:
        from sciml.kernels.cpu.simd import translate

        folder = cache_folder()
        path = Path()
        if folder is not None:
            path = folder / f"{self.name}-{self.label}-{self._stamp()}.kernel"
            try:
                return translate.loaded(read_kernel(path), self.name, arguments)
            except FileNotFoundError:
                pass
            except Exception as error:
                warn_anew(path, error)
        self.announce()
        code = translate.compiled(translate.llvm_text(self.text, self.name, self.bits, self.lanes))
        if folder is not None:
            write_kernel(path, code)
        return translate.loaded(code, self.name, arguments)

    def _stamp(self) -> str:
        from sciml.kernels.cpu.simd import translate, vectors

        sources = [
            Path(str(module.__file__)).read_text(encoding="utf-8") for module in (fields, translate, vectors)
        ]
        return _stamp(self.text, f"{self.bits} {self.lanes}", translate.processor(), *sources)


def _kernels(shape: Shape, text: str, names: Iterable[str], label: str, what: str) -> dict[str, Kernel]:
    announce = _announcer(what, cache_folder())
    return {name: Kernel(text, name, shape.bits, shape.lanes, label, announce) for name in names}


@cache
def _tables(shape: Shape) -> dict[str, Kernel]:
    label, what = f"k{shape.degree}_f{shape.bits}", f"tables of degree {shape.degree}, float{shape.bits}"
    return _kernels(
        shape, tables_source(shape), ("make_tables", "return_tables", "pack", "unpack"), label, what
    )


@cache
def simd_kernels(shape: Shape) -> dict[str, Kernel]:
    """The compiled functions for one shape, by name."""
    label = f"{shape.channels}_k{shape.degree}_f{shape.bits}" + ("_local" if shape.local else "")
    what = f"jets of order {shape.channels.order}, degree {shape.degree}, float{shape.bits}"
    what += ", fine grids" if shape.local else ""
    plain = shape._replace(channels=Channels((), ()), local=False, base=False)  # tables serve all jets
    names = ("forward", "backward") if shape.local else ("forward", "backward", "jacobian")
    return _tables(plain) | _kernels(shape, jets_source(shape), names, label, what)


def elementwise_kernels(channels: Channels, bits: int, lanes: int) -> dict[str, Kernel]:
    """``compose`` and ``pullback`` of ``simd.elementwise``."""
    announce = _announcer(f"elementwise jets of order {channels.order}, float{bits}", cache_folder())
    text, label = elementwise_source(channels, lanes), f"{channels}_f{bits}"
    return {name: Kernel(text, name, bits, lanes, label, announce) for name in ("compose", "pullback")}


def tanh_kernel(order: int, bits: int, lanes: int) -> Kernel:
    """``slopes`` of ``simd.elementwise``: tanh and its derivatives up to ``order``."""
    announce = _announcer(f"tanh and its derivatives up to order {order}, float{bits}", cache_folder())
    return Kernel(tanh_source(order, bits, lanes), "slopes", bits, lanes, f"tanh{order}_f{bits}", announce)


@cache
def _loops() -> ModuleType:
    import numba

    from sciml.kernels.cpu import loops, point

    # numbers of fields are constants of the compiled code
    texts = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (fields, loops, point)]
    _keep(
        loops,
        ("make_tables", "return_tables", "forward", "backward", "jacobian", "copy"),
        f"loops-{_stamp(*texts, numba.__version__)}",
        "the loops",
    )
    return loops


def loop_kernels() -> ModuleType:
    """The module with the same functions as loops."""
    with _LOCK:
        return _loops()
