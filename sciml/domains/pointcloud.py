"""PointCloud: a domain that is known by points alone, such as the nodes of a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml import arguments
from sciml.domains.base import Domain
from sciml.domains.pieces import Piece
from sciml.errors import ArgumentError

BLOCK = 2**22  # distances computed at a time


def picked(n: int, among: int, seed: Sequence[int]) -> Tensor:
    """n indices below ``among``: all of them in random order, as often as it takes."""
    rng = np.random.default_rng(list(seed))
    rounds = [rng.permutation(among) for _ in range(-(-n // among))]
    return torch.from_numpy(np.concatenate(rounds)[:n])


def nearest(x: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to the nearest of points (m, d), and its index: (..., d) -> (...,), (...,)."""
    flat = x.reshape(-1, x.shape[-1])
    points = points.to(x)
    step = max(1, BLOCK // len(points))
    # differences, not the dot-product formula: that one loses half of the digits
    pairs = [
        torch.cdist(block, points, compute_mode="donot_use_mm_for_euclid_dist").min(-1)
        for block in flat.split(step)
    ]
    gap = torch.cat([p.values for p in pairs])
    index = torch.cat([p.indices for p in pairs])
    return gap.reshape(x.shape[:-1]), index.reshape(x.shape[:-1])


class _CloudBoundary(Piece):
    """Given points of a boundary, each standing for the same share of it."""

    name = "boundary"
    cube = 1

    def __init__(self, points: Tensor, normals: Tensor | None):
        self.points, self.normals = points, normals
        self.measure = float(len(points))

    def place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.points[(u[:, 0] * len(self.points)).long()], None

    def sample(self, n: int, seed: Sequence[int]) -> Tensor:
        return self.points[picked(n, len(self.points), seed)]

    def gap(self, x: Tensor) -> Tensor:
        return nearest(x, self.points)[0]

    def normal(self, x: Tensor) -> Tensor:
        if self.normals is None:
            raise ArgumentError("normals needs to be given to the PointCloud for a boundary with normals.")
        return self.normals.to(x)[nearest(x, self.points)[1]]

    def level(self, x: Tensor) -> Tensor:
        raise ArgumentError("a PointCloud has no distance.")


class PointCloud(Domain):
    """Given points: the inside, and the boundary with its normals.

    Samples are picked from the points, each once before any is used again. All that is known of the domain's
    extent is the bounding box of the points, so that is what ``contains`` asks. The boundary is one part,
    ``"boundary"``, or what a mask picks; it has no distance, so conditions on it are penalties.

    Args:
        points: Points inside, (n, d).
        boundary: Points on the boundary, (m, d).
        normals: Outward normals at ``boundary``, (m, d), none zero; scaled to length one.
        names: Coordinate names; by default x, y, z, and x1 ... xd beyond three dimensions.
    """

    _cube = 1
    _has_distance = False
    _has_inside = False

    _points: Tensor
    _edge: Tensor | None
    _normals: Tensor | None

    def __init__(
        self,
        points: Any,
        boundary: Any = None,
        normals: Any = None,
        names: Sequence[str] | None = None,
    ):
        inside = arguments.points("points", points)
        d = inside.shape[1]
        edge = None if boundary is None else arguments.points("boundary", boundary, d)
        if normals is not None:
            normals = arguments.points("normals", normals, d)
            if edge is None or len(edge) != len(normals):
                need = (
                    "boundary points to go with"
                    if edge is None
                    else f"{len(edge)} vectors, one a boundary point"
                )
                raise ArgumentError(f"normals needs {need}, got {len(normals)} vectors.")
            lengths = torch.linalg.vector_norm(normals, dim=1, keepdim=True)
            if bool((lengths == 0).any()):
                raise ArgumentError("normals needs vectors that are not zero, got one that is.")
            # what has length one already stays as it is, to the last digit
            normals = torch.where((lengths - 1).abs() < 1e-15, normals, normals / lengths)
        everything = inside if edge is None else torch.cat([inside, edge])
        low, high = everything.min(0).values, everything.max(0).values
        self._set(
            _points=inside,
            _edge=edge,
            _normals=normals,
            _low=tuple(low.tolist()),
            _high=tuple(high.tolist()),
            names=arguments.coordinate_names(names, d),
        )

    def _fields(self) -> dict[str, Any]:
        arrays = {"points": self._points, "boundary": self._edge, "normals": self._normals}
        fields = {k: None if v is None else tuple(map(tuple, v.tolist())) for k, v in arrays.items()}
        return {**fields, "names": self.names}

    @cached_property
    def _key(self) -> Any:
        arrays = (self._points, self._edge, self._normals)
        return (self.names, *(None if v is None else (tuple(v.shape), v.numpy().tobytes()) for v in arrays))

    def __repr__(self) -> str:
        edge = "no" if self._edge is None else len(self._edge)
        return f"PointCloud({len(self._points)} points, {edge} boundary points, names={self.names!r})"

    @property
    def measure(self) -> float:
        """A cloud has none.

        Raises:
            ArgumentError: Always.
        """
        raise ArgumentError("measure needs a domain with an inside; a PointCloud knows only points.")

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """n of the points, in random order, each once before any is used again: (n, d) float64."""
        n, seed = arguments.count("n", n), arguments.seed_number(seed)
        return self._points[picked(n, len(self._points), (seed,))]

    def _place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        return self._points[(u[:, 0] * len(self._points)).long()], None

    def _depth(self, x: Tensor) -> Tensor:
        return torch.minimum(x - self.lower.to(x), self.upper.to(x) - x).amin(-1)

    def _level(self, x: Tensor) -> Tensor:
        raise ArgumentError("a PointCloud has no distance.")

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        return () if self._edge is None else (_CloudBoundary(self._edge, self._normals),)
