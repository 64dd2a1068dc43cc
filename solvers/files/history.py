"""A run's history, rows of numbers over the steps, as arrays and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

PREFIX = "history."
MAX_COLUMNS = 64


def history_arrays(history: Sequence[Mapping[str, float]]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Names of the columns, and one float64 array each; what a row lacks is nan."""
    columns = sorted({name for row in history for name in row})
    arrays = {
        f"{PREFIX}{name}": np.array([float(row.get(name, math.nan)) for row in history], dtype=np.float64)
        for name in columns
    }
    return columns, arrays


def history_rows(columns: Sequence[str], arrays: Mapping[str, np.ndarray]) -> list[dict[str, float]]:
    """The rows again; ``step`` is an int, and nan is left out.

    Raises:
        ValueError: The columns are no short list of names.
        KeyError: A column's array is missing.
    """
    values = {name: arrays[f"{PREFIX}{name}"].tolist() for name in _checked(columns)}
    length = max((len(v) for v in values.values()), default=0)
    rows = []
    for k in range(length):
        row = {name: column[k] for name, column in values.items() if not math.isnan(column[k])}
        if "step" in row:
            row["step"] = int(row["step"])
        rows.append(row)
    return rows


def expected_columns(columns: object, rows: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shapes and types of the arrays that the names of the columns imply.

    Raises:
        ValueError: The columns are no short list of names.
    """
    return {f"{PREFIX}{name}": ((rows,), "float64") for name in _checked(columns)}


def _checked(columns: object) -> list[str]:
    if not isinstance(columns, list) or len(columns) > MAX_COLUMNS:
        raise ValueError("history must be a short list of names")
    if not all(isinstance(name, str) for name in columns):
        raise ValueError("history must be a list of names")
    return columns
