"""The exceptions that sciml raises on purpose: those of arguments, which the kernels raise, too, and those of files."""

from __future__ import annotations

from sciml.kernels.errors import ArgumentError, ArgumentTypeError, SciMLError

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "FileFormatError",
    "FileWriteError",
    "MissingPackageError",
    "SciMLError",
]


class FileFormatError(SciMLError, ValueError):
    """A file is refused; the message names the file and the reason."""


class MissingPackageError(SciMLError, ImportError):
    """Something was asked for that takes a package which is not installed; the message names both."""


class FileWriteError(SciMLError, OSError):
    """A file cannot be written; the message names the file and the reason. An old file is left as it was."""
