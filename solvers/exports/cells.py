"""A domain in space as cells of a mesh: the cells of a grid in a box, triangles and tetrahedra elsewhere."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from sciml.domains import Box, Domain, Polygon
from sciml.solvers.exports.grids import Grid

NAMES = {1: "line", 2: "quad", 3: "hexahedron"}
NEAR = 0.4  # of a grid's spacing: points of it that are closer to a boundary point are left out
FLAT = 1e-3  # of a cell of the grid: tetrahedra of less volume are left out
CORNERS = {  # of a grid's cell, in the order of VTK
    1: ((0,), (1,)),
    2: ((0, 0), (1, 0), (1, 1), (0, 1)),
    3: ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
}


def cells_of(domain: Domain, grid: Grid) -> tuple[np.ndarray, str, np.ndarray]:
    """Points ``(n, d)``, the name of the cells as meshio and VTK have it, and cells ``(m, k)`` of indices.

    Args:
        domain: In space of one to three dimensions.
        grid: Over its coordinates. In a box its cells are the mesh's; elsewhere it gives the points inside, and points on
            the boundary as far apart come to them.
    """
    if isinstance(domain, Box):
        return grid.points, NAMES[domain.dim], _grid_cells(grid.shape)
    if domain.dim == 1:
        x = grid.points
        pairs = _grid_cells(grid.shape)
        middle = torch.from_numpy(x[pairs].mean(1))
        return x, "line", pairs[domain.contains(middle).numpy()]
    return _simplices(domain, grid)


def _grid_cells(shape: tuple[int, ...]) -> np.ndarray:
    index = np.arange(int(np.prod(shape))).reshape(shape)
    corners = [
        index[tuple(slice(c, n - 1 + c) for c, n in zip(corner, shape, strict=True))].ravel()
        for corner in CORNERS[len(shape)]
    ]
    return np.stack(corners, axis=1)


def _simplices(domain: Domain, grid: Grid) -> tuple[np.ndarray, str, np.ndarray]:
    from scipy.spatial import Delaunay, KDTree

    spacing = np.array([float(np.diff(axis).max()) for axis in grid.axes])
    boundary = domain.boundary()
    typical = float(np.prod(spacing) ** (1 / domain.dim))
    edge = boundary.sample(max(64, int(2 * boundary.measure / typical ** (domain.dim - 1)))).numpy() / spacing
    if isinstance(domain, Polygon):
        edge = np.concatenate([domain.vertices.numpy() / spacing, edge])
    edge = edge[_thinned(edge)]
    x = grid.points
    x = x[domain.contains(torch.from_numpy(x)).numpy()] / spacing
    x = x[KDTree(edge).query(x)[0] > NEAR] if len(x) else x
    points = np.concatenate([edge, x])
    found = Delaunay(points).simplices
    sides = points[found][:, 1:] - points[found][:, :1]
    thick = np.abs(np.linalg.det(sides)) > FLAT
    points = points * spacing
    inside = domain.contains(torch.from_numpy(points[found].mean(1))).numpy()
    return points, "triangle" if domain.dim == 2 else "tetra", found[inside & thick]


def _thinned(points: np.ndarray) -> np.ndarray:
    """Which points to keep so that no two are nearer than ``NEAR``; the first ones first."""
    from scipy.spatial import KDTree

    pairs = KDTree(points).query_pairs(NEAR)
    keep = np.ones(len(points), dtype=bool)
    for i, j in sorted(itertools.starmap(lambda a, b: (min(a, b), max(a, b)), pairs)):
        if keep[i]:
            keep[j] = False
    return keep
