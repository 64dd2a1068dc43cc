"""A solution as comma-separated values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.solvers.evaluation import request
from sciml.solvers.exports.grids import grid_of, inside, values_at
from sciml.solvers.files.atomic import replace_file

if TYPE_CHECKING:
    from sciml.solvers.answer import Answer


def to_csv(solution: Answer, path: str | os.PathLike, points: Any = None) -> Path:
    """Write one row a point: the coordinates, then the unknowns, in 17 digits, below a row of their names.

    ``sciml.Data.from_csv`` and ``pandas.read_csv`` read it.

    Args:
        solution: The solution.
        path: Where to.
        points: Points ``(n, d)``, or a grid as ``to_xarray`` takes it, of which only the points inside the domain are
            written.

    Returns:
        The path.

    Raises:
        ArgumentError: Points of another width or outside of the domain, or a grid that does not fit.
    """
    target = file_path(path)
    if points is None or isinstance(points, (int, dict)):
        x = grid_of(solution, points).points
        x = x[inside(solution, x)]
    else:
        like = next(solution.network.parameters())
        x = request(solution.problem, like.double(), (points,)).points.detach().cpu().numpy()
        if (outside := ~inside(solution, x)).any():
            raise ArgumentError(
                f"points needs points in the domain, got {int(outside.sum())} of {len(x)} outside, the first at "
                f"{x[outside][0].tolist()}."
            )
    problem = solution.problem
    names = [*map(str, problem.domain.names), *problem.unknowns]
    table = np.column_stack([x, values_at(solution, x)])
    lines = [",".join(names), *(",".join(f"{value:.17g}" for value in row) for row in table)]
    replace_file(target, [("\n".join(lines) + "\n").encode()])
    return target


def file_path(path: Any, *suffixes: str) -> Path:
    """The path, in a folder that exists and with one of some suffixes.

    Raises:
        ArgumentError: Another suffix, or no such folder.
        ArgumentTypeError: No path.
    """
    try:
        target = Path(path)
    except TypeError:
        raise ArgumentTypeError(f"path needs a file's name, got {type(path).__name__}.") from None
    if suffixes and target.suffix not in suffixes:
        raise ArgumentError(f"path needs a name that ends in {' or '.join(suffixes)}, got {str(path)!r}.")
    if not target.parent.is_dir():
        raise ArgumentError(f"path needs a folder that exists, got {str(path)!r}.")
    return target
