"""Flat facets of a boundary: edges in the plane, triangles in space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Facets:
    """Facets between points.

    Attributes:
        points: ``(n, d)``, d = 2 or 3.
        index: ``(k, d)`` into the points. The inside is left of an edge; seen from outside the corners of a triangle go
            counterclockwise.
    """

    points: Floats
    index: Ints

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.points.shape[1]

    @cached_property
    def corners(self) -> Floats:
        """``(k, d, d)``: facet, corner, coordinate."""
        return self.points[self.index]

    @cached_property
    def area_vectors(self) -> Floats:
        """Outward, as long as the facet is large: ``(k, d)``."""
        c = self.corners
        if self.dim == 2:
            along = c[:, 1] - c[:, 0]
            return np.stack([along[:, 1], -along[:, 0]], 1)
        return np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]) / 2

    @cached_property
    def areas(self) -> Floats:
        """Lengths or areas, ``(k,)``."""
        return np.linalg.norm(self.area_vectors, axis=1)

    @cached_property
    def normals(self) -> Floats:
        """Outward unit normals, ``(k, d)``."""
        return self.area_vectors / self.areas[:, None]

    @cached_property
    def size(self) -> float:
        """The longest side of the bounding box."""
        return float(np.ptp(self.corners.reshape(-1, self.dim), axis=0).max())

    @cached_property
    def volume(self) -> float:
        """Of what a closed boundary bounds, by the divergence theorem; negative where the normals point inwards."""
        middle = self.corners.mean(1)
        return float(((middle - middle.mean(0)) * self.area_vectors).sum()) / self.dim

    def part(self, chosen: Ints) -> Facets:
        """Some of the facets, and the points that they use."""
        used, index = np.unique(self.index[chosen], return_inverse=True)
        return Facets(self.points[used], index.reshape(-1, self.dim))

    def at(self, u: Floats) -> Floats:
        """Points spread evenly: ``u (n, 1)`` along edges, ``u (n, 3)`` over triangles -> ``(n, d)``."""
        upto = np.cumsum(self.areas)
        upto /= upto[-1]
        k = np.searchsorted(upto, u[:, 0]).clip(max=len(upto) - 1)
        if self.dim == 2:
            start = np.where(k > 0, upto[k - 1], 0.0)
            s = ((u[:, 0] - start) / (upto[k] - start)).clip(0, 1)[:, None]
            a, b = self.corners[k, 0], self.corners[k, 1]
            return np.where(s < 0.5, a + s * (b - a), b - (1 - s) * (b - a))
        s, t = np.sqrt(u[:, 1:2]), u[:, 2:]
        a, b, c = (self.corners[k, i] for i in range(3))
        # differences keep a plane of equal coordinates exact
        return a + s * (1 - t) * (b - a) + s * t * (c - a)

    def distance(self, x: Floats, k: Ints) -> Floats:
        """Distance from point i to facet ``k[i]``: ``(n, d), (n,) -> (n,)``."""
        c = self.corners[k]
        if self.dim == 2:
            return _to_segment(x, c[:, 0], c[:, 1])
        sides = [(c[:, i], c[:, (i + 1) % 3]) for i in range(3)]
        normal = self.normals[k]
        # above the triangle: on the inner side of all three edges
        above = np.ones(len(x), bool)
        for a, b in sides:
            above &= (np.cross(normal, b - a) * (x - a)).sum(1) >= 0
        height = np.abs(((x - c[:, 0]) * normal).sum(1))
        beside = np.minimum.reduce([_to_segment(x, a, b) for a, b in sides])
        return np.where(above, height, beside)

    def pieces_no_longer_than(self, length: float) -> tuple[Floats, Ints, float]:
        """Cut the facets evenly: centres ``(m, d)``, whose facet each is ``(m,)``, and the largest radius."""
        c = self.corners
        longest = np.max([np.linalg.norm(c[:, i] - c[:, i - 1], axis=1) for i in range(self.dim)], axis=0)
        cuts = np.maximum(1, np.ceil(longest / length)).astype(int)
        radius = np.linalg.norm(c - c.mean(1, keepdims=True), axis=2).max(1) / cuts
        centres, owner = [], []
        for n in np.unique(cuts):
            mine = np.flatnonzero(cuts == n)
            weights = _even(int(n), self.dim)
            centres.append(np.einsum("wj,kjd->kwd", weights, c[mine]).reshape(-1, self.dim))
            owner.append(np.repeat(mine, len(weights)))
        return np.concatenate(centres), np.concatenate(owner), float(radius.max())


def _to_segment(x: Floats, a: Floats, b: Floats) -> Floats:
    along = b - a
    s = (((x - a) * along).sum(1) / (along**2).sum(1)).clip(0, 1)[:, None]
    # from the nearer end, so that its own distance to itself is zero
    foot = np.where(s < 0.5, a + s * along, b - (1 - s) * along)
    return np.linalg.norm(x - foot, axis=1)


def _even(n: int, corners: int) -> Floats:
    """Weights of the corners at the centres of ``n`` parts of an edge, or ``n^2`` of a triangle."""
    if corners == 2:
        s = (np.arange(n) + 0.5) / n
        return np.stack([1 - s, s], 1)
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    up, down = i + j < n, i + j < n - 1
    first = np.concatenate([i[up] + 1 / 3, i[down] + 2 / 3]) / n
    second = np.concatenate([j[up] + 1 / 3, j[down] + 2 / 3]) / n
    return np.stack([1 - first - second, first, second], 1)


def cut_length(facets: Facets, most: int) -> float:
    """A length at which the facets are cut into some ``most`` parts at most, each about as large as a usual facet."""
    length = 2 * (float(facets.areas.sum()) / len(facets.areas)) ** (1 / (facets.dim - 1))
    c = facets.corners
    longest = np.max([np.linalg.norm(c[:, i] - c[:, i - 1], axis=1) for i in range(facets.dim)], axis=0)
    while (np.maximum(1, np.ceil(longest / length)) ** (facets.dim - 1)).sum() > most:
        length *= math.sqrt(2)
    return length
