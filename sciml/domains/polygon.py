"""Polygon: a simple polygon in the plane, convex or not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml import arguments
from sciml.domains.base import Domain
from sciml.domains.distances.edgeproduct import Factor, factors, product
from sciml.domains.distances.halfplanes import Formula, formula
from sciml.domains.distances.rfunctions import conjunction, disjunction, within
from sciml.domains.pieces import Piece
from sciml.domains.triangulate import area, crossing, ears, without_flat_vertices
from sciml.errors import ArgumentError

BLOCK = 2**20  # pairs of a point and an edge looked at together


class _Edge(Piece):
    """An edge from a to b, the polygon on its left."""

    cube = 1
    smooth = True

    def __init__(self, name: str, a: Sequence[float], b: Sequence[float], clean: bool):
        self.name, self.clean = name, clean
        (self.ax, self.ay), (self.bx, self.by) = a, b
        self.measure = self.size = float(np.hypot(self.bx - self.ax, self.by - self.ay))
        self.nx, self.ny = (self.by - self.ay) / self.size, (self.ax - self.bx) / self.size

    def place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        return torch.cat([self.ax + (self.bx - self.ax) * u, self.ay + (self.by - self.ay) * u], -1), None

    def gap(self, x: Tensor) -> Tensor:
        px, py = x[..., 0] - self.ax, x[..., 1] - self.ay
        along = ((py * self.nx - px * self.ny) / self.size).clamp(0, 1) * self.size
        return torch.hypot(px + along * self.ny, py - along * self.nx)

    def normal(self, x: Tensor) -> Tensor:
        return torch.tensor([self.nx, self.ny], dtype=x.dtype, device=x.device).expand_as(x)

    def level(self, x: Tensor) -> Tensor:
        return (self.ax - x[..., 0]) * self.nx + (self.ay - x[..., 1]) * self.ny

    def trim(self, x: Tensor) -> Tensor | None:
        mx, my = x[..., 0] - (self.ax + self.bx) / 2, x[..., 1] - (self.ay + self.by) / 2
        return within(mx * mx + my * my, self.size / 2)


def _signed_distance(x: Tensor, v: Tensor) -> Tensor:
    """Distance (n,) of points (n, 2) to a polygon with vertices (k, 2), positive inside; nan for nan."""
    a, b = v, v.roll(-1, 0)
    px, py = x[:, :1], x[:, 1:]
    edge = b - a
    # inside, a ray to the right crosses an odd number of edges
    spans = (a[:, 1] > py) != (b[:, 1] > py)
    rise = torch.where(edge[:, 1] == 0, torch.ones_like(edge[:, 1]), edge[:, 1])
    right = px < a[:, 0] + (py - a[:, 1]) / rise * edge[:, 0]
    inside = (spans & right).sum(-1) % 2 == 1
    s = (((px - a[:, 0]) * edge[:, 0] + (py - a[:, 1]) * edge[:, 1]) / (edge**2).sum(-1)).clamp(0, 1)
    gap = torch.hypot(px - a[:, 0] - s * edge[:, 0], py - a[:, 1] - s * edge[:, 1]).amin(-1)
    return torch.where(inside, gap, -gap)


class Polygon(Domain):
    """A simple polygon, convex or not.

    Its boundary's parts are its edges, ``"edge0"`` from vertex 0 to vertex 1, and so on, in the order given.
    The distance is a product over the edges' lines, with a factor of its own for each re-entrant vertex, scaled
    to a maximum of about one (``sciml.domains.distances.edgeproduct``); for a part of the boundary, of the chosen edges.
    Where a line enters the polygon elsewhere, it is an R-function of the edges' half-planes.

    Args:
        vertices: At least 3 pairs of numbers, in either orientation.
        names: Coordinate names, by default x and y.

    Raises:
        ArgumentError: The edges cross or touch, or the polygon has no area.
    """

    _cube = 2

    _vertices: tuple[tuple[float, float], ...]

    def __init__(self, vertices: Sequence[Sequence[float]], names: Sequence[str] | None = None):
        v = arguments.points("vertices", vertices, 2).numpy()
        if len(v) < 3:
            raise ArgumentError(f"vertices needs at least 3 points, got {len(v)}.")
        if (np.roll(v, -1, axis=0) == v).all(-1).any():
            raise ArgumentError("vertices needs neighbours that differ, got the same point twice in a row.")
        if (pair := crossing(v)) is not None:
            raise ArgumentError(
                f"vertices needs edges that meet only at their ends; edge{pair[0]} and "
                f"edge{pair[1]} meet elsewhere."
            )
        self._set(
            _vertices=tuple((float(a), float(b)) for a, b in v),
            _low=tuple(v.min(0).tolist()),
            _high=tuple(v.max(0).tolist()),
            names=arguments.coordinate_names(names, 2),
        )

    def _fields(self) -> dict[str, Any]:
        return {"vertices": self._vertices, "names": self.names}

    @property
    def vertices(self) -> Tensor:
        """(k, 2) float64, as given."""
        return torch.tensor(self._vertices, dtype=torch.float64)

    @property
    def measure(self) -> float:
        """The area."""
        return abs(area(np.array(self._vertices)))

    @cached_property
    def _corners(self) -> np.ndarray:
        """Counterclockwise, without vertices inside a straight side."""
        v = np.array(self._vertices)
        return without_flat_vertices(v if area(v) > 0 else v[::-1])[0]

    @cached_property
    def _triangles(self) -> tuple[Tensor, Tensor]:
        """Triangles (m, 3, 2), and their share of the area summed up (m,)."""
        t = self._corners[ears(self._corners)]
        areas = np.array([area(corner) for corner in t]).clip(0)
        return torch.from_numpy(t), torch.from_numpy(np.cumsum(areas) / areas.sum())

    def triangles(self) -> Tensor:
        """Triangles that make up the polygon, without new vertices: (m, 3, 2) float64."""
        return self._triangles[0].clone()

    def _place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        # the first coordinate picks a triangle, and what is left of it is uniform again
        t, upto = self._triangles
        k = torch.searchsorted(upto, u[:, 0].contiguous()).clamp(max=len(t) - 1)
        start = torch.cat([upto.new_zeros(1), upto])[k]
        s = ((u[:, 0] - start) / (upto[k] - start)).clamp(1e-9, 1 - 1e-9).sqrt().unsqueeze(-1)
        v, (a, b, c) = u[:, 1:], t[k].unbind(1)
        return (1 - s) * a + s * (1 - v) * b + s * v * c, None

    def _depth(self, x: Tensor) -> Tensor:
        v = torch.from_numpy(self._corners.copy()).to(x)
        blocks = x.reshape(-1, 2).split(max(1, BLOCK // len(v)))
        return torch.cat([_signed_distance(block, v) for block in blocks]).reshape(x.shape[:-1])

    @cached_property
    def _formula(self) -> tuple[list[_Edge], Formula]:
        v = self._corners
        sides = [
            _Edge("", a.tolist(), b.tolist(), clean=True)
            for a, b in zip(v, np.roll(v, -1, axis=0), strict=True)
        ]
        return sides, formula(v)

    def _level(self, x: Tensor) -> Tensor:
        sides, tree = self._formula

        def value(node: Formula) -> Tensor:
            if isinstance(node, int):
                return sides[node].level(x)
            join, one, two = node
            return (conjunction if join == "and" else disjunction)(value(one), value(two))

        return value(tree)

    def _tree(self) -> Any:
        sides, tree = self._formula

        def levels(node: Formula) -> Any:
            return sides[node].level if isinstance(node, int) else (node[0], levels(node[1]), levels(node[2]))

        return levels(tree)

    @cached_property
    def _products(self) -> dict[tuple[int, ...], list[Factor] | None]:
        """Factors of the distance to some edges, once they have been asked for."""
        return {}

    def _distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        key = tuple(sorted(set(chosen)))
        if key not in self._products:
            v = np.array(self._vertices)
            picked = [i in key for i in range(len(v))]
            # edge i of the reversed list runs from vertex n - 1 - i to n - 2 - i: it is edge n - 2 - i as given
            turned = [picked[(len(v) - 2 - i) % len(v)] for i in range(len(v))]
            self._products[key] = factors(v, picked) if area(v) > 0 else factors(v[::-1], turned)
        terms = self._products[key]
        return self._partial(x, chosen) if terms is None else product(terms, x)

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        v = np.array(self._vertices)
        flipped = area(v) < 0
        pieces = []
        for i, (a, b) in enumerate(zip(v, np.roll(v, -1, axis=0), strict=True)):
            edge = _Edge(f"edge{i}", *((b, a) if flipped else (a, b)), clean=False)
            # the whole line is free for use where no other vertex lies on it or beyond it
            level = edge.level(torch.from_numpy(v))
            edge.clean = int((level <= 1e-12 * self._size).sum()) == 2
            pieces.append(edge)
        return tuple(pieces)
