"""The error for a file that is not taken: one form, with nothing in it that a terminal obeys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sciml.errors import ArgumentTypeError, FileFormatError, SciMLError
from sciml.solvers.files.expected import Mismatch
from sciml.solvers.files.printable import printable

MAX_PATH = 4096  # characters of a path in a message


@contextmanager
def refusals(path: str | os.PathLike) -> Iterator[None]:
    """Turn every exception into a FileFormatError that names the file; KeyboardInterrupt passes."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise ArgumentTypeError(f"path needs a path or a string, got {type(path).__name__}.")
    try:
        yield
        return
    except Mismatch:
        raise
    except OSError as error:
        why = error.strerror or str(error)
    except MemoryError:
        why = "there is not enough memory to read it"
    except Exception as error:
        why = reason(error)
    # raised here, outside of the handlers, so that it does not keep the file's bytes alive as its context
    raise refusal(path, why)


def refusal(path: str | os.PathLike, why: object) -> FileFormatError:
    """The error for a file that is not taken; whatever the file, or its name, has brought into it is printable."""
    return FileFormatError(f"{shown(path)}: refused: {printable(str(why).rstrip('.'))}.")


def reason(error: Exception) -> str:
    """What an exception says; its class, too, where the message is not one of ours."""
    return str(error) if isinstance(error, SciMLError) else f"{type(error).__name__}: {error}"


def shown(path: str | os.PathLike) -> str:
    """A path for a message."""
    return printable(os.fsdecode(path), MAX_PATH)
