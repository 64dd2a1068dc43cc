"""What commands read from a file: a solution, with its problem where that is the user's own; and what they write."""

from __future__ import annotations

import os
from typing import Any

from sciml.errors import ArgumentError, FileWriteError
from sciml.problem import PDE
from sciml.solvers.cli import user_file
from sciml.solvers.files import atomic, container
from sciml.solvers.files.solution_file import saved_parameters
from sciml.solvers.solution import Solution, load

FIGURES = (".png", ".pdf", ".svg")


def read_solution(path: str, named: str | None = None) -> Solution:
    """The solution in a file.

    Args:
        path: The file.
        named: ``FILE.py:CLASS`` of its problem, where only code can state it; the parameters are those in the file.

    Raises:
        FileFormatError: The file is missing, damaged or no solution.
        ArgumentError: The problem is needed, or is not the one that was saved.
        UserCodeError: The user's file raised.
    """
    header = container.peek(path)
    saved = header.config.get("problem") if header.kind == "solution" else None
    if not isinstance(saved, dict):
        return load(path)  # says what it is instead
    if named is None:
        if saved.get("custom"):
            raise ArgumentError(
                f"{path} needs its problem by name, --problem FILE.py:CLASS: only Python code can state a "
                f"{saved.get('class')!s:.80}."
            )
        return load(path)
    problem = own_problem(named, saved)
    with user_file.lines_told(user_file.file_of(named)):
        return load(path, problem=problem)


def own_problem(named: str, saved: dict[str, Any], **changes: Any) -> PDE:
    """The problem ``FILE.py:CLASS`` with the parameters that a file holds, and some others in their place."""
    if isinstance(found := user_file.find(named), PDE):
        return user_file.build(named, changes) if changes else found
    return user_file.build(named, {**saved_parameters(saved), **changes})


def check_outputs(*files: str | None, figure: str | None = None) -> None:
    """Find out before the work whether its result can be written."""
    for path in (*files, figure):
        if path is not None:
            atomic.checked_target(path)
    if figure is not None and os.path.splitext(figure)[1].lower() not in FIGURES:
        raise ArgumentError(f"a figure's name needs one of the endings {', '.join(FIGURES)}, got {figure!r}.")


def save_figure(figure: Any, path: str, dpi: int) -> None:
    """Write a picture.

    Raises:
        FileWriteError: It cannot be written.
    """
    try:
        figure.savefig(path, dpi=dpi)
    except OSError as error:
        raise FileWriteError(f"{path}: cannot be written: {error.strerror or error}.") from error
