"""The folder of compiled kernels: where it lies, and whether what lies in it may be run.

A kernel on disk is machine code: who may write it can run code as this user. So a folder or file counts
only if it belongs to this user and nobody else may write it. Whatever is wrong with the cache costs the cache alone:
kernels are then compiled anew, and one ``RuntimeWarning`` says why.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path


def chosen_folder() -> Path:
    """``kernels`` below ``$SCIML_CACHE_DIR``, or below the folder that the system has for the user's caches.

    Raises:
        RuntimeError: The user has no home folder.
    """
    chosen = os.environ.get("SCIML_CACHE_DIR")
    if chosen:
        folder = Path(chosen)
    elif sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        folder = (Path(local) if local else Path.home() / "AppData" / "Local") / "sciml" / "cache"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "sciml"
    else:
        # the XDG specification has relative paths ignored
        shared = os.environ.get("XDG_CACHE_HOME", "")
        folder = (Path(shared) if os.path.isabs(shared) else Path.home() / ".cache") / "sciml"
    return folder / "kernels"


def why_not_trusted(status: os.stat_result) -> str | None:
    """Why others may have written a file or folder of this status, or None."""
    if not hasattr(os, "geteuid"):  # Windows keeps the user's folders from others by other means
        return None
    if status.st_uid != os.geteuid():
        return f"it belongs to another user (number {status.st_uid})"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "other users may write it (`chmod go-w` mends that)"
    return None


def find_folder() -> tuple[Path | None, str | None]:
    """The cache folder, made if it is not there; or None and the reason why there is none."""
    try:
        folder = chosen_folder()
    except RuntimeError as error:
        return None, str(error)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = why_not_trusted(folder.stat())
        if reason is None:
            with tempfile.TemporaryFile(dir=folder):
                return folder, None
    except OSError as error:
        reason = str(error)
    return None, f"{folder} cannot be used: {reason}"


@cache
def cache_folder() -> Path | None:
    """The cache folder of this process, or None, of which one warning says why."""
    folder, reason = find_folder()
    if reason:
        warn_once("folder", f"compiled kernels are not kept: {reason}")
    return folder


_WARNED: set[str] = set()


def warn_once(kind: str, message: str) -> None:
    """Give a ``RuntimeWarning``, one of each kind in a process."""
    if kind not in _WARNED:
        _WARNED.add(kind)
        warnings.warn(f"sciml: {message}", RuntimeWarning, stacklevel=2)


def read_trusted(path: Path) -> bytes:
    """The bytes of a file that only this user may write.

    Raises:
        OSError: There is no such file, it is no regular file, or others may have written it.
    """
    # a link may lead anywhere, and a pipe would wait for a writer
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, os.O_RDONLY | flags), "rb") as file:
        # of the open file: one that takes its place afterwards is not read
        status = os.fstat(file.fileno())
        reason = why_not_trusted(status) if stat.S_ISREG(status.st_mode) else "it is no regular file"
        if reason:
            raise PermissionError(reason)
        return file.read()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that other processes see as a whole or not at all.

    Raises:
        OSError: It cannot be written; what was there is still there.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


_DIGEST = 32  # bytes of a checksum, which stands before the rest


def _checksum(path: Path, payload: bytes) -> bytes:
    return hashlib.sha256(path.name.encode() + b"\n" + payload).digest()


def read_kernel(path: Path) -> bytes:
    """What ``write_kernel`` has written; the checksum covers the file's name, too.

    Raises:
        OSError: There is no such file, or others may have written it.
        ValueError: Its checksum is wrong.
    """
    data = read_trusted(path)
    digest, payload = data[:_DIGEST], data[_DIGEST:]
    if digest != _checksum(path, payload):
        raise ValueError("its checksum is wrong")
    return payload


def write_kernel(path: Path, payload: bytes) -> None:
    """Keep the code of a kernel; where that fails one warning says why."""
    try:
        write_whole(path, _checksum(path, payload) + payload)
    except OSError as error:
        warn_not_kept(path, error)


def warn_not_kept(path: Path, error: Exception) -> None:
    """A full disk, a folder that is gone: the kernel itself is there."""
    warn_once("save", f"the kernel {path} is not kept: {error or type(error).__name__}")


def warn_anew(path: Path, error: Exception) -> None:
    """Whatever a damaged file raises, the answer is to compile."""
    warn_once("load", f"the kernel {path} is compiled anew: {error or type(error).__name__}")
