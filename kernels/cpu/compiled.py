"""Generated kernels on disk: written once, compiled by Numba once, loaded in later sessions."""

from __future__ import annotations

import hashlib
import linecache
import os
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from sciml.kernels.cpu.layout import FIELDS
from sciml.kernels.cpu.simd import vectors
from sciml.kernels.cpu.simd.parts import Shape
from sciml.kernels.cpu.simd.source import jets_source, values_source

_LOCK = threading.Lock()


def cache_folder() -> Path | None:
    """Where compiled kernels are kept, ``$SCIML_CACHE_DIR`` or the user's cache; None if not writable."""
    chosen = os.environ.get("SCIML_CACHE_DIR")
    if chosen:
        folder = Path(chosen)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "sciml" / "cache"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "sciml"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sciml"
    try:
        folder = folder / "kernels"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return None


def _stamp(text: str) -> str:
    """A name for the code that a text compiles to: it changes with the text, Numba and Python."""
    import numba

    digest = hashlib.sha256()
    for part in (text, Path(vectors.__file__).read_text(), numba.__version__, sys.version):
        digest.update(part.encode())
    return digest.hexdigest()[:16]


def _write(folder: Path, name: str, text: str) -> Path | None:
    path = folder / name
    try:
        if not path.exists() or path.read_text() != text:
            with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False) as file:
                file.write(text)
            os.replace(file.name, path)
        return path
    except OSError:
        return None


@cache
def _folder() -> Path | None:
    return cache_folder()


def _announce(what: str, where: Path | None) -> None:
    kept = f"once, kept in {where}" if where else "in every session: no cache folder can be written"
    print(f"sciml: compiling {what} (some seconds, {kept})", file=sys.stderr)


_EMPTY = np.zeros((0, len(FIELDS)), np.int64)  # a network without layers: calls compile and do nothing


def write_module(name: str, text: str) -> ModuleType:
    """Run generated text as a module, from a file in the cache where there is one."""
    name = f"{name}_{_stamp(text)}"
    folder = _folder()
    path = _write(folder, name + ".py", text) if folder else None
    module = ModuleType(name)
    file = str(path or f"<{name}>")
    module.__dict__.update(CACHE=path is not None, __file__=file)
    if path is None:  # Triton reads the text of a function
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    # Numba finds a function's cache through its module
    sys.modules[name] = module
    exec(compile(text, file, "exec"), module.__dict__)
    return module


def _load(name: str, text: str, calls: dict[str, tuple], what: str) -> ModuleType:
    """The module of generated text, with all its functions compiled by ``calls``; those on disk wait for their use."""
    module = write_module(name, text)
    folder = _folder() if module.CACHE else None
    if folder is None or not any(folder.rglob(f"{module.__name__}.{list(calls)[-1]}-*.nbi")):
        _announce(what, folder)
        for function, arguments in calls.items():
            module.__dict__[function](*arguments)
    return module


_PASSES = {"forward": (_EMPTY, 0, 0, 0, 0), "backward": (_EMPTY, 0, 0, 0, 0, 1)}


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
    """Modules with what does not depend on the jets, and with ``forward`` and ``backward``."""
    with _LOCK:
        plain = shape._replace(D=0, S=0, local=False)
        return _values(plain), _values(plain) if shape == plain else _jets(shape)


@cache
def _load_plain() -> ModuleType:
    from numba import config

    from sciml.kernels.cpu import layout

    # numbers of fields are constants of the compiled code
    folder = _folder()
    folder = folder and folder / f"plain_loops_{_stamp(Path(layout.__file__).read_text())}"
    settings: Any = config
    known, settings.CACHE_DIR = settings.CACHE_DIR, str(folder or "")
    try:
        from sciml.kernels.cpu import loops

        if folder:
            for name in ("make_tables", "return_tables", "forward", "backward", "jacobian", "copy"):
                getattr(loops, name).enable_caching()
    finally:
        settings.CACHE_DIR = known
    if folder is None or not any(folder.rglob("loops.backward-*.nbi")):
        _announce("the plain loops", folder)
    return loops


def plain_kernels() -> ModuleType:
    """The module with the same four functions as plain loops."""
    with _LOCK:
        return _load_plain()
