"""Names, shapes and types of arrays that a configuration implies, compared before any array is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from sciml.errors import FileFormatError

# name -> (shape, dtype), in which a dimension may be a range of lengths; a list gives alternatives
Expected = Mapping[str, Any]


class Mismatch(Exception):
    """The file is good, and what the caller gave does not belong to it, or something has to be given.

    The one exception that passes from an ``expect`` through ``sciml.solvers.files.container.read``; the caller there
    makes an ArgumentError of it.
    """


def check_expected(
    config: dict[str, Any],
    arrays: Mapping[str, tuple[tuple[int, ...], str]],
    expect: Callable[[dict[str, Any]], Expected],
    optional: Collection[str],
) -> None:
    """Compare a file's table of ``arrays`` with what its configuration implies.

    Args:
        config: The configuration.
        arrays: Name -> (shape, dtype name).
        expect, optional: As in ``sciml.solvers.files.container.read``.

    Raises:
        FileFormatError: They differ, or ``expect`` failed.
        Mismatch: ``expect`` raised it.
    """
    try:
        wanted = {
            name: [
                (tuple(shape), np.dtype(dtype).name)
                for shape, dtype in (entry if isinstance(entry, list) else [entry])
            ]
            for name, entry in expect(config).items()
        }
    except (FileFormatError, Mismatch):
        raise
    except Exception as error:
        raise FileFormatError(f"its configuration cannot be used: {type(error).__name__}: {error}") from None
    for name in sorted(wanted.keys() | arrays.keys()):
        if name not in arrays:
            if name in optional:
                continue
            raise FileFormatError(f"the array {name!r:.80} is missing, which its configuration implies")
        if name not in wanted:
            raise FileFormatError(f"the array {name!r:.80} does not belong to its configuration")
        if not any(_agree(arrays[name], choice) for choice in wanted[name]):
            choices = " or ".join(map(str, wanted[name]))
            raise FileFormatError(
                f"the array {name!r:.80} has shape and type {arrays[name]}; {choices} is implied"
            )


def _agree(found: tuple[tuple[int, ...], str], wanted: tuple[tuple[int | range, ...], str]) -> bool:
    """Whether a shape and type are among the wanted ones."""
    return (
        found[1] == wanted[1]
        and len(found[0]) == len(wanted[0])
        and all(
            n in limit if isinstance(limit, range) else n == limit
            for n, limit in zip(found[0], wanted[0], strict=True)
        )
    )
