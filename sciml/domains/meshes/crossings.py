"""Whether points lie inside a closed boundary: a ray to one side crosses it an odd number of times."""

from __future__ import annotations

import numpy as np

from sciml.domains.meshes.facets import Facets, Floats, Ints

CHUNK = 2**16  # points looked at together
MOST_CELLS = 512  # each way


class Crossings:
    """Counts crossings of rays along the last axis, with facets listed by cells of the other axes.

    Neighbours share an edge (or point) in the projection to the other axes, and of the projections of two neighbours
    exactly one holds a point on it, so that no ray passes between facets, and none counts two for one.

    Args:
        facets: A closed boundary.
    """

    def __init__(self, facets: Facets):
        self.facets = facets
        flat = facets.corners[:, :, :-1]
        low, high = flat.min(1), flat.max(1)
        self._ends = facets.corners.min(1), facets.corners.max(1)
        cells = min(MOST_CELLS, max(1, round(len(low) ** (1 / (facets.dim - 1)))))
        self._low, self._cells = low.min(0), cells
        self._step = np.maximum((high.max(0) - self._low) / cells, np.finfo(float).tiny)
        first, last = self._cell(low), self._cell(high)
        span = last - first + 1
        count = span.prod(1)
        facet = np.repeat(np.arange(len(low)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        if facets.dim == 2:
            cell = first[facet, 0] + within
        else:
            cell = (
                (first[facet, 0] + within // span[facet, 1]) * cells
                + first[facet, 1]
                + within % span[facet, 1]
            )
        order = np.argsort(cell, kind="stable")
        self._listed = facet[order]
        self._start = np.searchsorted(cell[order], np.arange(cells ** (facets.dim - 1) + 1))

    def _cell(self, y: Floats) -> Ints:
        return ((y - self._low) / self._step).astype(np.int64).clip(0, self._cells - 1)

    def inside(self, x: Floats) -> np.ndarray:
        """``(n, d) -> (n,)`` bool; on the boundary either; nan is outside."""
        out = np.zeros(len(x), bool)
        box = self.facets.corners.reshape(-1, self.facets.dim)
        good = np.flatnonzero(((x >= box.min(0)) & (x <= box.max(0))).all(1))
        for block in np.array_split(good, -(-len(good) // CHUNK)) if len(good) else ():
            out[block] = self._odd(x[block])
        return out

    def _odd(self, x: Floats) -> np.ndarray:
        cell = self._cell(x[:, :-1])
        where = cell[:, 0] if self.facets.dim == 2 else cell[:, 0] * self._cells + cell[:, 1]
        start, count = self._start[where], self._start[where + 1] - self._start[where]
        point = np.repeat(np.arange(len(x)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        facet = self._listed[start[point] + within]
        lowest, highest = self._ends
        possible = highest[facet, -1] >= x[point, -1]
        for axis in range(x.shape[1] - 1):
            possible &= (lowest[facet, axis] <= x[point, axis]) & (x[point, axis] <= highest[facet, axis])
        point, facet = point[possible], facet[possible]
        crossed = self._above(x[point], facet)
        return np.bincount(point[crossed], minlength=len(x)) % 2 == 1

    def _above(self, x: Floats, k: Ints) -> np.ndarray:
        """Whether the ray from a point to larger last coordinates crosses facet ``k``."""
        c, index = self.facets.corners[k], self.facets.index[k]
        height = c[..., -1]
        if self.facets.dim == 2:
            over, at = _between(x[:, 0], c[:, 0], c[:, 1], index[:, 0], index[:, 1])
        else:
            over = np.zeros(len(x), bool)
            for i in range(3):
                a, b = i, (i + 1) % 3
                spans, right = _between(x[:, 1], c[:, a, 1::-1], c[:, b, 1::-1], index[:, a], index[:, b])
                over ^= spans & (x[:, 0] < right)
            at = _plane(c, x)
        return over & (x[:, -1] < at.clip(height.min(1), height.max(1)))


def _between(y: Floats, a: Floats, b: Floats, first: Ints, second: Ints) -> tuple[np.ndarray, Floats]:
    """Whether ``y`` lies between the first coordinates of two points, one end included, and the second coordinate there.

    The points are taken in the order of their numbers, so that both neighbours of an edge get the same to the last digit.
    """
    turned = (first > second)[:, None]
    a, b = np.where(turned, b, a), np.where(turned, a, b)
    spans = (a[:, 0] > y) != (b[:, 0] > y)
    rise = np.where(spans, b[:, 0] - a[:, 0], 1.0)
    return spans, a[:, 1] + (y - a[:, 0]) / rise * (b[:, 1] - a[:, 1])


def _plane(c: Floats, x: Floats) -> Floats:
    """Last coordinate of triangles' planes over points; anything where a plane is upright."""
    u, v, w = c[:, 1] - c[:, 0], c[:, 2] - c[:, 0], x - c[:, 0]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    area = np.where(area == 0, 1.0, area)
    s = (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / area
    t = (u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]) / area
    return c[:, 0, 2] + s * u[:, 2] + t * v[:, 2]
