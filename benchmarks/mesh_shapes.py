"""Meshes made by code: spheres from an icosahedron, a body with ears, boxes, and a plane L."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

L_SHAPE = [(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)]
BUMPS = (  # of the body: where, how wide, how high
    ((0.4, 0.3, 0.87), 12.0, 0.5),
    ((-0.4, 0.3, 0.87), 12.0, 0.5),
    ((0.0, 0.9, 0.3), 8.0, 0.2),
)


def icosphere(cuts: int) -> tuple[NDArray, NDArray]:
    """Points on the unit sphere ``(n, 3)`` and outward triangles ``(20 4^cuts, 3)``."""
    t = (1 + 5**0.5) / 2
    corners = [[-1, t, 0], [1, t, 0], [-1, -t, 0], [1, -t, 0], [0, -1, t], [0, 1, t]]
    corners += [[0, -1, -t], [0, 1, -t], [t, 0, -1], [t, 0, 1], [-t, 0, -1], [-t, 0, 1]]
    faces = "0 11 5 0 5 1 0 1 7 0 7 10 0 10 11 1 5 9 5 11 4 11 10 2 10 7 6 7 1 8"
    faces += " 3 9 4 3 4 2 3 2 6 3 6 8 3 8 9 4 9 5 2 4 11 6 2 10 8 6 7 9 8 1"
    v = np.array(corners, float) / np.hypot(1, t)
    f = np.array(faces.split(), int).reshape(-1, 3)
    for _ in range(cuts):
        edges = np.sort(np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]]), 1)
        unique, middle = np.unique(edges, axis=0, return_inverse=True)
        new = v[unique].mean(1)
        a, b, c = f.T
        d, e, g = middle.reshape(3, -1) + len(v)
        v = np.concatenate([v, new / np.linalg.norm(new, axis=1, keepdims=True)])
        f = np.concatenate([np.stack(q, 1) for q in ((a, d, g), (d, b, e), (g, e, c), (d, e, g))])
    return v, f


def radius(direction: NDArray) -> NDArray:
    """Of the body with ears, in directions ``(n, 3)`` of length one: ``(n,)``."""
    out = 0.6 - 0.12 * np.exp(-10 * direction[:, 2] ** 2)
    for at, narrow, high in BUMPS:
        out = out + high * np.exp(-narrow * ((direction - np.array(at)) ** 2).sum(1))
    return out


def bunny(cuts: int) -> tuple[NDArray, NDArray]:
    """A body with two ears, a snout and a waist, star-shaped: an icosphere pushed out to ``radius``."""
    v, f = icosphere(cuts)
    return radius(v)[:, None] * v, f


def box(lower: Sequence[float], upper: Sequence[float]) -> tuple[NDArray, NDArray]:
    """The 8 corners and 12 outward triangles of a box."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    f = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return np.array(lower) + corners * (np.array(upper) - np.array(lower)), np.array(f)


def ring(vertices: Sequence[Sequence[float]]) -> tuple[NDArray, NDArray]:
    """The edges around a polygon."""
    n = len(vertices)
    return np.array(vertices, float), np.stack([np.arange(n), (np.arange(n) + 1) % n], 1)


def l_triangles(n: int) -> tuple[NDArray, NDArray]:
    """The L-shape ``L_SHAPE``, each of its unit squares in ``2 n^2`` triangles, half of them clockwise."""
    points: dict[tuple[int, int], int] = {}
    cells = []

    def at(i: int, j: int) -> int:
        return points.setdefault((i, j), len(points))

    for i in range(-n, n):
        for j in range(-n, n):
            if i < 0 or j < 0:
                a, b, c, d = at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)
                cells += [(a, b, c), (a, d, c)]
    return np.array(list(points), float) / n, np.array(cells)
