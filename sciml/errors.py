"""The exceptions that sciml raises on purpose.

Every message names the argument, what it needs and what it got. ``SciMLError`` catches them all; ``ValueError`` and
``TypeError`` are mixed in where a caller would look for those.
"""

from __future__ import annotations


class SciMLError(Exception):
    """Base of every error that sciml raises on purpose."""


class ArgumentError(SciMLError, ValueError):
    """An argument has the right type and a value that cannot be used."""


class ArgumentTypeError(SciMLError, TypeError):
    """An argument has a type that cannot be used."""


class FileFormatError(SciMLError, ValueError):
    """A file is refused; the message names the file and the reason."""


class FileWriteError(SciMLError, OSError):
    """A file cannot be written; the message names the file and the reason. An old file is left as it was."""
