"""``sciml export``: a solution for another program."""

from __future__ import annotations

import argparse
import os
from typing import Any

from sciml.errors import ArgumentError
from sciml.solvers.cli.commands.saved import check_outputs, read_solution
from sciml.solvers.cli.output import Told

MESHES = (".vtu", ".vtk", ".pvd")
PROGRAMS = (".pt2", ".onnx")
ENDINGS = (".csv", ".nc", *MESHES, *PROGRAMS)


def run(options: argparse.Namespace) -> Told:
    """Write a solution by the ending of the name: a table, a data set, a mesh or a program."""
    path, ending = options.output, os.path.splitext(options.output)[1].lower()
    if ending not in ENDINGS:
        raise ArgumentError(f"OUT needs one of the endings {', '.join(ENDINGS)}, got {path!r}.")
    check_outputs(path)
    solution = read_solution(options.file, options.problem)
    grid = _grid(options, tuple(map(str, solution.problem.domain.names)))
    if ending in PROGRAMS:
        if grid is not None:
            raise ArgumentError(f"--grid and --at do not go with a program, got {path!r}.")
        solution.export(path)
    elif ending == ".csv":
        solution.to_csv(path, grid)
    elif ending == ".nc":
        solution.to_xarray(grid).to_netcdf(path)
    else:
        solution.to_vtk(path, grid)
    return Told({"files": {"export": path}}, f"written to {path}")


def _grid(options: argparse.Namespace, names: tuple[str, ...]) -> Any:
    """The grid that the options describe, as ``to_xarray`` takes it."""
    if not options.at:
        return options.grid
    points: dict[str, Any] = dict.fromkeys(names, options.grid) if options.grid is not None else {}
    return points | {name: [value] for name, value in options.at}
