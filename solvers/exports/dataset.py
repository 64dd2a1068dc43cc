"""A solution as an xarray dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sciml.solvers.exports.grids import grid_of, needed, values_at

if TYPE_CHECKING:
    import xarray

    from sciml.solvers.answer import Answer


def to_xarray(solution: Answer, grid: Any = None) -> xarray.Dataset:
    """Values on a grid over the domain's bounding box, one variable for each unknown, nan outside of the domain.

    Coordinates and unknowns carry the problem's ``units``; the attributes tell the problem, the outcome and the estimated
    relative error. xarray slices, averages and plots it, and writes it as NetCDF or Zarr.

    Args:
        solution: The solution.
        grid: Points of every coordinate, or a mapping of coordinates to numbers of points or to values, as in
            ``{"t": [0, 0.5, 1], "x": 201}``; 401, 101, 41 or 17 of each in one to four dimensions unless given.

    Raises:
        ArgumentError: A grid that does not fit (``sciml.solvers.exports.grids.grid_of``), or xarray is not installed (extra
            ``export``).
    """
    xarray = needed("xarray", "to_xarray")
    problem, lattice = solution.problem, grid_of(solution, grid)
    values = values_at(solution, lattice.points)
    units = {name: {"units": unit} for name, unit in problem.units.items()}
    # an unknown may have the name of a coordinate, which a dataset cannot hold twice
    label = {name: f"{name}_" if name in lattice.names else name for name in problem.unknowns}
    about: dict[str, Any] = {"problem": repr(problem), "outcome": solution.outcome}
    if solution.stats.error_estimate is not None:
        about["estimated_relative_error"] = solution.stats.error_estimate
    return xarray.Dataset(
        {
            label[name]: (lattice.names, values[:, k].reshape(lattice.shape), units.get(name, {}))
            for k, name in enumerate(problem.unknowns)
        },
        coords={
            name: (name, axis, units.get(name, {}))
            for name, axis in zip(lattice.names, lattice.axes, strict=True)
        },
        attrs=about,
    )
