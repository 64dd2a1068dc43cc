"""Aligned lines of names and texts, for a terminal."""

from __future__ import annotations

from sciml.solvers.files.limits import MAX_LINE
from sciml.solvers.files.printable import printable


def aligned(rows: list[tuple[str, str]]) -> str:
    """A line a row; what a file, or its name, brought into them cannot steer the terminal."""
    rows = [(printable(name, 60), printable(text, MAX_LINE)) for name, text in rows]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)
