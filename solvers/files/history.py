"""A run's history, rows of numbers over the steps, as arrays and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sciml.solvers.files.limits import MAX_CELLS, MAX_COLUMNS, MAX_ROWS, MAX_STEPS

PREFIX = "history."


def history_arrays(history: Sequence[Mapping[str, float]]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Names of the columns, and one float64 array each; what a row lacks is nan.

    A history that is longer than a file may hold is thinned evenly; its last row stays.
    """
    columns = sorted({name for row in history for name in row})
    every = -(-len(history) // _most_rows(len(columns))) or 1
    history = history[(len(history) - 1) % every :: every] if history else history
    arrays = {
        f"{PREFIX}{name}": np.array([float(row.get(name, math.nan)) for row in history], dtype=np.float64)
        for name in columns
    }
    return columns, arrays


def history_rows(columns: Sequence[str], arrays: Mapping[str, np.ndarray]) -> list[dict[str, float]]:
    """The rows again; ``step`` is an int, and nan is left out.

    Raises:
        ValueError: The columns are no short list of names, differ in length, or hold a step that is none.
        KeyError: A column's array is missing.
    """
    steps = arrays.get(f"{PREFIX}step", np.zeros(0))
    if not bool(((steps >= 0) & (steps <= MAX_STEPS) & (steps == np.floor(steps))).all()):
        raise ValueError(f"the history's steps need whole numbers from 0 to {MAX_STEPS}")
    values = {name: arrays[f"{PREFIX}{name}"].tolist() for name in _checked(columns)}
    lengths = {len(v) for v in values.values()}
    if len(lengths) > 1:
        raise ValueError("the history's columns differ in length")
    length = lengths.pop() if lengths else 0
    rows = []
    for k in range(length):
        row = {name: column[k] for name, column in values.items() if not math.isnan(column[k])}
        if "step" in row:
            row["step"] = int(row["step"])
        rows.append(row)
    return rows


def expected_columns(
    columns: object, rows: int | None = None
) -> dict[str, tuple[tuple[int | range, ...], str]]:
    """Shapes and types of the arrays that the names of the columns imply.

    Args:
        columns: Their names.
        rows: How many; None where the file does not say it, for at least one and as many as are allowed.

    Raises:
        ValueError: The columns are no short list of names, or there are too many rows.
    """
    names = _checked(columns)
    most = _most_rows(len(names))
    if rows is not None and (type(rows) is not int or not 0 <= rows <= most):
        raise ValueError(f"a history of {len(names)} columns needs 0 to {most} rows, got {rows!r:.80}")
    return {f"{PREFIX}{name}": ((range(1, most + 1) if rows is None else rows,), "float64") for name in names}


def _checked(columns: object) -> list[str]:
    if not isinstance(columns, list) or len(columns) > MAX_COLUMNS:
        raise ValueError("history must be a short list of names")
    if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise ValueError("history must be a list of different names")
    return columns


def _most_rows(columns: int) -> int:
    return min(MAX_ROWS, MAX_CELLS // max(columns, 1))
