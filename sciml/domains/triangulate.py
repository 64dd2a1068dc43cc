"""Geometry of simple polygons: validity, and a cut into triangles.

Polygons are (n, 2) float64 numpy arrays of vertices, edge i from vertex i to vertex i + 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vertices = NDArray[np.float64]

BLOCK = 2**20  # pairs of edges looked at together


def cross(a: NDArray, b: NDArray) -> NDArray:
    """Third component of the cross product of plane vectors, (..., 2) -> (...)."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def tolerance(v: Vertices) -> float:
    """Cross products below this are round-off."""
    return 1e-12 * float(np.ptp(v, axis=0).max()) ** 2


def area(v: Vertices) -> float:
    """Signed area, positive when the vertices go counterclockwise (shoelace formula)."""
    w = v - v[0]
    return 0.5 * float(cross(w, np.roll(w, -1, axis=0)).sum())


def crossing(v: Vertices) -> tuple[int, int] | None:
    """Two edges that meet elsewhere than at a shared end, or None in a simple polygon."""
    n, tol = len(v), tolerance(v)
    a, b = v, np.roll(v, -1, axis=0)
    low, high = np.minimum(a, b), np.maximum(a, b)
    beside, apart = np.empty((n, n), bool), np.empty((n, n), bool)
    for rows in np.array_split(np.arange(n), -(-(n * n) // BLOCK)):
        # side[i, j]: on which side of the line of edge i vertex j lies
        side = cross((b - a)[rows, None], v[None] - a[rows, None])
        side = np.where(np.abs(side) <= tol, 0.0, np.sign(side))
        beside[rows] = side * np.roll(side, -1, axis=1) > 0
        # for two edges on one line the boxes around them decide
        apart[rows] = ((low[rows, None] > high[None]) | (low[None] > high[rows, None])).any(-1)
    apart |= beside | beside.T
    i, j = np.triu_indices(n, 1)
    neighbours = (j == i + 1) | ((i == 0) & (j == n - 1))
    meet = np.flatnonzero(~apart[i, j] & ~neighbours)
    if len(meet):
        return int(i[meet[0]]), int(j[meet[0]])
    into, out = a - np.roll(a, 1, axis=0), b - a
    spikes = np.flatnonzero((np.abs(cross(into, out)) <= tol) & ((into * out).sum(-1) < 0))
    return (int(spikes[0] - 1) % n, int(spikes[0])) if len(spikes) else None


def without_flat_vertices(v: Vertices) -> tuple[Vertices, list[int]]:
    """The polygon without vertices in the middle of a straight side, and the indices of those kept."""
    into, out = v - np.roll(v, 1, axis=0), np.roll(v, -1, axis=0) - v
    kept = np.flatnonzero(np.abs(cross(into, out)) > tolerance(v))
    return v[kept], kept.tolist()


def ears(v: Vertices) -> NDArray[np.int64]:
    """Cut a simple counterclockwise polygon without flat vertices into triangles, (n - 2, 3) indices.

    Ear clipping (Meisters 1975): O(n^2) time with vectorised tests.
    """
    left = list(range(len(v)))
    triangles = []
    while len(left) > 3:
        for k in range(len(left)):
            i, j, m = left[k - 1], left[k], left[(k + 1) % len(left)]
            a, b, c = v[i], v[j], v[m]
            if cross(b - a, c - b) <= 0:
                continue
            others = v[[o for o in left if o not in (i, j, m)]]
            within = (cross(b - a, others - a) >= 0) & (cross(c - b, others - b) >= 0)
            if not (within & (cross(a - c, others - c) >= 0)).any():
                break
        else:  # only round-off leaves no ear: cut the flattest corner
            turns = [
                abs(cross(v[left[k]] - v[left[k - 1]], v[left[(k + 1) % len(left)]] - v[left[k]]))
                for k in range(len(left))
            ]
            k = int(np.argmin(turns))
        triangles.append((left[k - 1], left[k], left[(k + 1) % len(left)]))
        del left[k]
    return np.array([*triangles, tuple(left)])
