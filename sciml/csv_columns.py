"""Columns of numbers from a file of comma-separated values."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence

import numpy as np

from sciml.errors import ArgumentError


def read_columns(path: str | os.PathLike, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Columns ``(n,)`` by the names in the file's first row; empty lines are left out.

    Raises:
        ArgumentError: The file cannot be read, lacks a column, or holds something else than finite numbers there.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error, TypeError) as error:
        raise ArgumentError(
            f"path needs a readable file of comma-separated values, got {path!r}: {error}."
        ) from None
    header = [cell.strip().lstrip("#").strip() for cell in rows[0]] if rows else []
    for name in names:
        if header.count(name) != 1:
            raise ArgumentError(
                f"path needs a first row with one column {name!r}, got {path!r} with {', '.join(header) or 'nothing'}."
            )
    if len(rows) < 2:
        raise ArgumentError(f"path needs rows of numbers below the names, got {path!r} with none.")
    places = {name: header.index(name) for name in names}
    found: dict[str, np.ndarray] = {}
    for name, place in places.items():
        column = []
        for k, row in enumerate(rows[1:], start=2):
            try:
                number = float(row[place])
            except (ValueError, IndexError):
                number = np.nan
            if not np.isfinite(number):
                got = row[place] if place < len(row) else "nothing"
                raise ArgumentError(
                    f"path needs finite numbers in column {name!r}, got {got!r} in row {k} of {path!r}."
                )
            column.append(number)
        found[name] = np.array(column, dtype=np.float64)
    return found
