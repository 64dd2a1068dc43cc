"""Compiled kernels on disk, in the place of Numba's own cache.

Numba's cache has no checksum: a cut file raises an exception in the midst of a call, and a flipped bit is a flipped bit of
machine code. It also loads whatever lies in its folder. Here every file has a checksum, which covers its name too, is read
only if nobody else may write it, and is compiled anew and replaced where anything is wrong.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core import serialize
from numba.core.compiler import CompileResult

from sciml.kernels.cpu.cache_folder import read_kernel, warn_anew, warn_not_kept, write_kernel


class KernelCache:
    """All compiled versions of one function; Numba's dispatcher asks it before it compiles.

    Args:
        function: The dispatcher that ``numba.njit`` returns.
        folder: Where the files lie, or None.
        stamp: Changes with all that the machine code depends on, but for types and processor.
        compiling: Called before a version is compiled.
    """

    cache_path = None  # the rest of the interface that Numba asks for

    def __init__(self, function: Any, folder: Path | None, stamp: str, compiling: Callable[[], None]):
        self.function, self.folder, self.stamp, self.compiling = function, folder, stamp, compiling

    def enable(self) -> None:
        """Nothing to do: a cache is made for a function that uses it."""

    disable = flush = enable

    def _prefix(self, target: Any) -> str:
        """The start of a file's name: code compiled for one processor is of no use to another."""
        processor = hashlib.sha256(repr(target.codegen().magic_tuple()).encode()).hexdigest()[:8]
        return f"{self.function.py_func.__name__}-{self.stamp}-{processor}-"

    def _path(self, folder: Path, signature: Any, target: Any) -> Path:
        types = hashlib.sha256(repr(signature).encode()).hexdigest()[:8]
        return folder / f"{self._prefix(target)}{types}.kernel"

    def load_overload(self, signature: Any, target: Any) -> CompileResult | None:
        """The version for a signature, or None: then Numba compiles it."""
        target.refresh()  # before code can be loaded, Numba has to know of all that was registered
        if self.folder is not None:
            path = self._path(self.folder, signature, target)
            try:
                return _load(path, target)
            except FileNotFoundError:
                pass
            except Exception as error:
                warn_anew(path, error)
        self.compiling()
        return None

    def save_overload(self, signature: Any, compiled: CompileResult) -> None:
        """Keep a version that Numba has compiled."""
        # addresses of this process are of no use to another
        if self.folder is None or compiled.lifted or compiled.library.has_dynamic_globals:
            return
        path = self._path(self.folder, signature, compiled.target_context)
        try:
            write_kernel(path, serialize.dumps(compiled._reduce()))
        except Exception as error:  # another Numba
            warn_not_kept(path, error)


def _load(path: Path, target: Any) -> CompileResult:
    return CompileResult._rebuild(target, *pickle.loads(read_kernel(path)))
