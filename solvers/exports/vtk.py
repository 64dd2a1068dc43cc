"""A solution on a mesh, for ParaView and other programs that read VTK."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np

from sciml.arguments import number
from sciml.errors import ArgumentError
from sciml.solvers.exports.cells import cells_of
from sciml.solvers.exports.grids import Grid, grid_of, needed
from sciml.solvers.exports.table import file_path
from sciml.solvers.files.atomic import replace_file
from sciml.solvers.quantities.vectors import vector_names

if TYPE_CHECKING:
    from sciml.solvers.answer import Answer

MOMENTS = 21  # of a series, unless given


def to_vtk(
    solution: Answer,
    path: str | os.PathLike,
    grid: Any = None,
    *,
    time: float | None = None,
    vector: Sequence[str] | None = None,
) -> Path:
    """Write the unknowns at the points of a mesh of the domain in space.

    Boxes have a grid of lines, quadrilaterals or hexahedra, other domains triangles or tetrahedra that end at the boundary.

    Args:
        solution: The solution, in one to three dimensions of space.
        path: Where to: ``.vtu`` or ``.vtk`` for one moment, ``.pvd`` for a series in time, whose moments lie beside it in
            files of their own.
        grid: As in ``to_xarray``; values for the time are the moments of a series, 21 even ones unless given.
        time: The moment of a ``.vtu`` or ``.vtk`` of an evolution.
        vector: Unknowns that are written once more as one vector, ``vector``, for arrows and streamlines.

    Returns:
        The path.

    Raises:
        ArgumentError: A suffix that does not go with the problem, no moment given for an evolution, a grid or a vector that
            does not fit, more than three dimensions, or meshio is not installed (extra ``export``).
    """
    target = file_path(path, ".vtu", ".vtk", ".pvd")
    meshio = needed("meshio", "to_vtk")
    domain = solution.problem.domain
    clock = domain.time_axis
    if not 1 <= len(domain.space_axes) <= 3:
        raise ArgumentError(f"to_vtk needs one to three dimensions of space, got {len(domain.space_axes)}.")
    names = None if vector is None else vector_names(solution.problem, vector)
    series = target.suffix == ".pvd"
    if series and (clock is None or time is not None):
        raise ArgumentError("path needs a name in .vtu or .vtk for one moment, got one in .pvd.")
    if not series and clock is not None and time is None:
        raise ArgumentError(
            f"time needs a moment for a file in {target.suffix}, got None: a series goes into .pvd."
        )
    if time is not None and clock is None:
        raise ArgumentError(f"time needs a problem in time, got {', '.join(map(str, domain.names))}.")
    wanted: dict[str, Any] | Any = grid
    if clock is not None:
        label = str(domain.names[clock])
        if isinstance(grid, int) and not isinstance(grid, bool):
            wanted = {str(domain.names[k]): grid for k in domain.space_axes}
        elif grid is None or isinstance(grid, Mapping):
            wanted = dict(grid or {})
        if isinstance(wanted, dict):
            wanted = {label: MOMENTS, **wanted} if time is None else {**wanted, label: [number("time", time)]}
    lattice = grid_of(solution, wanted)
    moments = [None] if clock is None else [float(t) for t in lattice.axes[clock]]
    space = Grid(
        tuple(lattice.names[k] for k in domain.space_axes), tuple(lattice.axes[k] for k in domain.space_axes)
    )
    points, kind, cells = cells_of(domain.space if clock is not None else domain, space)
    files = (
        [target]
        if not series
        else [target.with_name(f"{target.stem}_{k:04d}.vtu") for k in range(len(moments))]
    )
    for file, moment in zip(files, moments, strict=True):
        at = points if moment is None else np.insert(points, clock or 0, moment, axis=1)
        _write(meshio, file, points, kind, cells, _data(solution, at, names))
    if series:
        replace_file(target, [_collection(files, moments).encode()])
    return target


def _data(solution: Answer, x: np.ndarray, vector: Sequence[str] | None) -> dict[str, np.ndarray]:
    import torch

    like = next(solution.network.parameters())
    # every point belongs to the mesh; one of its boundary may lie beside it by rounding
    values = solution.values(torch.from_numpy(x).to(like)).double().cpu().numpy()
    unknowns = list(solution.problem.unknowns)
    data = {name: values[:, k] for k, name in enumerate(unknowns)}
    if vector is not None:
        rows = [values[:, unknowns.index(name)] for name in vector]
        rows += [np.zeros(len(x))] * (3 - len(rows))
        data["vector"] = np.stack(rows, axis=1)
    return data


def _write(meshio: Any, file: Path, points: np.ndarray, kind: str, cells: np.ndarray, data: Any) -> None:
    padded = np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
    meshio.Mesh(padded, [(kind, cells)], point_data=data).write(file)


def _collection(files: Sequence[Path], moments: Sequence[float | None]) -> str:
    rows = "".join(
        f'    <DataSet timestep="{moment!r}" part="0" file={quoteattr(file.name)}/>\n'
        for file, moment in zip(files, moments, strict=True)
    )
    head = '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n  <Collection>\n'
    return f"{head}{rows}  </Collection>\n</VTKFile>\n"
