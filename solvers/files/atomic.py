"""Replace a file as a whole: a reader sees the old content or the new one, whatever happens in between.

The bytes go to a temporary file in the target's own folder, are forced to disk, and take the target's name
with ``os.replace``, which is atomic within one file system; the folder is forced to disk too, so the new
name survives a loss of power. A process killed on the way leaves the old file untouched and a temporary file
beside it; the next save of the same target sweeps it.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from sciml.errors import ArgumentTypeError, FileWriteError

try:
    import fcntl
except ImportError:  # Windows: an open file cannot be unlinked there, which protects it as the lock does here
    fcntl = None


def replace_file(path: str | os.PathLike, chunks: Iterable[bytes | memoryview]) -> None:
    """Write ``chunks`` one after the other as the new content of ``path``, atomically.

    The permissions of an old file are kept; a new one gets what the process's umask leaves. A symbolic link
    stays one: the file it points to is replaced. Temporary files of the same target that a killed process
    left are removed.

    Raises:
        ArgumentTypeError: ``path`` is no path.
        FileWriteError: The folder is missing or cannot be written to, the target is no regular file or is
            write-protected, or the disk refuses the bytes.
    """
    target = checked_target(path)
    try:
        _sweep(target)
        with _temporary(target) as file:
            for chunk in chunks:
                view = memoryview(chunk).cast("B")
                while view:
                    view = view[file.write(view) :]
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows renames no open file
            os.replace(file.name, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise FileWriteError(f"{target}: cannot be written: {error.strerror or error}.") from error


def checked_target(path: str | os.PathLike) -> Path:
    """Where a file of that name would be written, links followed.

    Raises:
        ArgumentTypeError: ``path`` is no path.
        FileWriteError: Nothing can be written there.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise ArgumentTypeError(f"path needs a path or a string, got {type(path).__name__}.")
    try:
        target = Path(os.path.realpath(os.fsdecode(path)))
        mode = target.stat().st_mode if target.exists() else None
    except (OSError, ValueError) as error:
        raise FileWriteError(f"{os.fsdecode(path)!r}: cannot be written: {error}.") from error
    if not target.parent.is_dir():
        raise FileWriteError(f"{target}: the folder {target.parent} does not exist; create it first.")
    if mode is not None and stat.S_ISDIR(mode):
        raise FileWriteError(
            f"{target}: is a folder; the path of a file is needed, such as {target / 'name.h5'}."
        )
    if mode is not None and not stat.S_ISREG(mode):
        raise FileWriteError(f"{target}: exists and is no regular file (a device, a pipe or a socket).")
    if mode is not None and not os.access(target, os.W_OK):
        raise FileWriteError(f"{target}: is write-protected.")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise FileWriteError(f"{target}: the folder {target.parent} is read-only for this user.")
    return target


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[io.FileIO]:
    """A new, locked file beside ``target``; whatever still has its name at the end is removed."""
    while True:
        name = str(target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp"))
        file = io.FileIO(name, "x")
        _lock(file.fileno(), wait=True)
        # between its creation and its lock another process may have swept the file as a stale one
        if os.fstat(file.fileno()).st_nlink or fcntl is None:
            break
        file.close()
    try:
        if target.exists():
            os.chmod(name, stat.S_IMODE(target.stat().st_mode))
        yield file
    finally:
        file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _lock(descriptor: int, wait: bool) -> bool:
    """Take the file's lock, which the system drops when its holder dies; False if it cannot be had."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sweep(target: Path) -> None:
    """Remove temporary files of ``target`` whose writer is dead, that is, whose lock nobody holds."""
    temporary = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{16}\.tmp")
    for name in os.listdir(target.parent):
        if not temporary.fullmatch(name):
            continue
        with contextlib.suppress(OSError):
            flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            descriptor = os.open(target.parent / name, flags)
            try:
                if _lock(descriptor, wait=False):
                    os.unlink(target.parent / name)
            finally:
                os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems cannot sync a folder; the file's own bytes are on disk already
    finally:
        os.close(descriptor)
