"""The seal in front of a file: format version, length and SHA-256 of everything behind it.

It fills HDF5's "user block", which HDF5 itself skips. A damaged or cut file is recognised before HDF5 parses
a single byte of it: parsing some damaged files never ends. The seal holds no secret, so it proves that a
file is whole, and not who wrote it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat

from sciml.errors import FileFormatError

VERSION = (1, 0)
BLOCK = 512
MAX_FILE_BYTES = 1 << 30

_SEAL = re.compile(rb"sciml file (\d{1,4})\.(\d{1,4})\nlength (\d{1,12})\nsha256 [0-9a-f]{64}\n\0*")


def version_text(version: tuple[int, int] = VERSION) -> str:
    """``"major.minor"``."""
    return f"{version[0]}.{version[1]}"


def seal(body: bytes | memoryview, version: str = version_text()) -> bytes:
    """The ``BLOCK`` bytes that belong in front of ``body``."""
    lines = f"sciml file {version}\nlength {len(body)}\nsha256 {hashlib.sha256(body).hexdigest()}\n"
    return lines.encode().ljust(BLOCK, b"\0")


def load_sealed(path: str | os.PathLike) -> tuple[bytes, str]:
    """The whole file, seal included, and its version, once length and SHA-256 are found right.

    Raises:
        FileFormatError: No regular file, too large, not sealed, cut, damaged, or of a newer version.
        OSError: The system refuses to open or read it.
    """
    # a named pipe would block the open for ever
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    )
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileFormatError("it is no regular file (a folder, a device, a pipe or a socket)")
        if status.st_size > MAX_FILE_BYTES:
            raise FileFormatError(f"it has {status.st_size} bytes; at most {MAX_FILE_BYTES} are read")
        head = file.read(BLOCK)
        version, length = _parse(head)
        if status.st_size != BLOCK + length:
            raise FileFormatError(
                f"it has {status.st_size} bytes, its seal says {BLOCK + length}: it was cut or extended"
            )
        file.seek(0)
        image = file.read(BLOCK + length)
    if not hmac.compare_digest(seal(memoryview(image)[BLOCK:], version), image[:BLOCK]):
        raise FileFormatError(
            "its bytes do not match its seal: it is damaged, or was changed by another program"
        )
    return image, version


def _parse(head: bytes) -> tuple[str, int]:
    match = _SEAL.fullmatch(head)
    if match is None or len(head) != BLOCK:
        what = "an HDF5 file, but none" if head.startswith(b"\x89HDF\r\n\x1a\n") else "no file"
        raise FileFormatError(f"it is {what} that sciml wrote, or its first bytes are damaged")
    major, minor, length = (int(number) for number in match.groups())
    written = version_text((major, minor))
    if major > VERSION[0] or (major == VERSION[0] and minor > VERSION[1]):
        raise FileFormatError(
            f"it has format {written}, this sciml reads up to {version_text()}: upgrade sciml"
        )
    if major < VERSION[0]:
        raise FileFormatError(
            f"it has format {written}, which this sciml no longer reads (it reads {VERSION[0]}.x)"
        )
    return written, length
