"""The exceptions that sciml raises on purpose: those of arguments, which the kernels raise, too, and those of files."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from sciml.kernels.errors import ArgumentError, ArgumentTypeError, SciMLError

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "FileFormatError",
    "FileWriteError",
    "MissingPackageError",
    "SciMLError",
    "did_you_mean",
]


class FileFormatError(SciMLError, ValueError):
    """A file is refused; the message names the file and the reason."""


class MissingPackageError(SciMLError, ImportError):
    """Something was asked for that takes a package which is not installed; the message names both."""


class FileWriteError(SciMLError, OSError):
    """A file cannot be written; the message names the file and the reason. An old file is left as it was."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word, such as "Did you mean poisson?"; empty where no word is like it."""
    close = get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""
