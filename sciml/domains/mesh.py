"""Mesh: a region bounded by straight edges in the plane, or by triangles in space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml import arguments
from sciml.domains.base import Domain
from sciml.domains.meshes.crossings import Crossings
from sciml.domains.meshes.facets import Facets, Floats, Ints
from sciml.domains.meshes.nearest import NearestFacet
from sciml.domains.meshes.reading import read_facets
from sciml.domains.meshes.sides import sides, straight
from sciml.domains.meshes.validity import check_facets
from sciml.domains.pieces import Piece
from sciml.domains.polygon import Polygon, _Edge
from sciml.errors import ArgumentError, ArgumentTypeError, FileFormatError

MARGIN = 1e-10  # of the size: samples stay this far inside
ON_PLANE = 1e-9  # of the size
MOST_EDGES = 64  # of a polygon that serves as distance
NO_DISTANCE = "this part of a Mesh has no smooth distance."


def _numpy(x: Tensor) -> Floats:
    return x.detach().reshape(-1, x.shape[-1]).to(device="cpu", dtype=torch.float64).numpy()


class _Side(Piece):
    """Facets of one name, curved or not."""

    clean = False

    def __init__(self, name: str, facets: Facets):
        self.name, self.facets = name, facets
        self.cube = 1 if facets.dim == 2 else 3
        self.measure, self.size = float(facets.areas.sum()), facets.size

    @cached_property
    def _nearest(self) -> NearestFacet:
        return NearestFacet(self.facets)

    def place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        return torch.from_numpy(self.facets.at(u.numpy())), None

    def gap(self, x: Tensor) -> Tensor:
        return torch.from_numpy(self._nearest(_numpy(x))[0]).to(x).reshape(x.shape[:-1])

    def normal(self, x: Tensor) -> Tensor:
        return torch.from_numpy(self.facets.normals[self._nearest(_numpy(x))[1]]).to(x).reshape(x.shape)

    def level(self, x: Tensor) -> Tensor:
        raise ArgumentError(NO_DISTANCE)


class Mesh(Domain):
    """A region known by its boundary: edges in the plane, triangles in space.

    Points are sampled by rejection from the bounding box. Where the edges form one ring of at most 64 straight sides, the
    distance is that of a ``Polygon``; other meshes have none, so conditions on them are penalties. In CSG a mesh can be an
    operand.

    The boundary's parts are the names of ``parts``; facets without one are sides ``"side0"``, ``"side1"``, ... that end
    where the normal turns by more than 30 degrees (one ``"side0"`` where these would be more than 64). ``"x=min"`` and
    ``"x=max"`` are the sides that lie in a plane of the bounding box.

    Args:
        points: ``(n, d)``, d = 2 or 3.
        facets: ``(k, d)`` indices of points: edges with the inside on their left, triangles whose corners go
            counterclockwise seen from outside. They bound one or several regions, with or without holes.
        parts: Indices of facets for each name; none twice.
        names: Coordinate names; by default x, y, z.

    Raises:
        ArgumentError: The facets do not bound a region: none, degenerate, open, crossing, or pointing inwards.
    """

    _points: Floats
    _facets: Ints
    _parts: tuple[tuple[str, tuple[int, ...]], ...]

    def __init__(
        self,
        points: Any,
        facets: Any,
        parts: Mapping[str, Sequence[int]] | Sequence[tuple[str, Sequence[int]]] = (),
        names: Sequence[str] | None = None,
    ):
        p = arguments.points("points", points).numpy()
        d = p.shape[1]
        if d not in (2, 3):
            raise ArgumentError(f"points needs 2 or 3 coordinates, got {d}.")
        index = arguments.points("facets", facets, d).numpy()
        if (index != np.floor(index)).any() or (index < 0).any() or (index >= len(p)).any():
            raise ArgumentError(f"facets needs indices from 0 to {len(p) - 1}, got others.")
        used, where = np.unique(index.astype(np.int64), return_inverse=True)
        surface = Facets(p[used], where.reshape(-1, d))
        check_facets(surface)
        low, high = surface.points.min(0), surface.points.max(0)
        self._set(
            _points=surface.points,
            _facets=surface.index,
            _parts=_checked(parts, len(index)),
            _low=tuple(low.tolist()),
            _high=tuple(high.tolist()),
            _cube=d,
            names=arguments.coordinate_names(names, d),
        )

    @staticmethod
    def from_file(path: str | Path, scale: float = 1.0, names: Sequence[str] | None = None) -> Mesh:
        """The region of a mesh file that meshio reads: ``.stl``, ``.msh``, ``.vtu``, ``.obj``, ``.ply``, ...

        A plane mesh (all z equal) becomes a domain in the plane. Of triangles in the plane and of tetrahedra the
        boundary is kept, a mesh of triangles in space is the boundary. Physical groups of Gmsh on it are its parts.

        Args:
            path: The file.
            scale: What coordinates are multiplied by, as 1e-3 for a drawing in millimetres; files have no units.
            names: Coordinate names; by default x, y, z.

        Raises:
            FileFormatError: The file holds no such mesh, or one that bounds no region.
            MissingPackageError: meshio is not installed (``pip install sciml-kan[mesh]``).
            FileNotFoundError: There is no such file.
        """
        scale = arguments.positive("scale", scale)
        points, facets, parts = read_facets(path)
        try:
            return Mesh(points * scale, facets, {k: v.tolist() for k, v in parts.items()}, names)
        except ArgumentError as error:
            raise FileFormatError(f"{path} holds no mesh that bounds a region: {error}") from None

    def _fields(self) -> dict[str, Any]:
        return {
            "points": tuple(map(tuple, self._points.tolist())),
            "facets": tuple(map(tuple, self._facets.tolist())),
            "parts": self._parts,
            "names": self.names,
        }

    @cached_property
    def _key(self) -> Any:
        arrays = self._points, self._facets
        return (self.names, self._parts, *((a.shape, a.tobytes()) for a in arrays))

    def __repr__(self) -> str:
        kind = "edges" if self.dim == 2 else "triangles"
        return f"Mesh({len(self._points)} points, {len(self._facets)} {kind}, parts={', '.join(self.parts)})"

    @cached_property
    def _surface(self) -> Facets:
        return Facets(self._points, self._facets)

    @property
    def points(self) -> Tensor:
        """The facets' points, (n, d) float64."""
        return torch.from_numpy(self._points.copy())

    @property
    def facets(self) -> Tensor:
        """Indices of the points of each facet, (k, d) int64."""
        return torch.from_numpy(self._facets.copy())

    @property
    def measure(self) -> float:
        """Area or volume, exact for the facets."""
        return self._surface.volume

    @cached_property
    def _nearest(self) -> NearestFacet:
        return NearestFacet(self._surface)

    @cached_property
    def _crossings(self) -> Crossings:
        return Crossings(self._surface)

    def _place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self.lower + (self.upper - self.lower) * u
        inside = torch.from_numpy(self._crossings.inside(x.numpy()))
        gap = torch.from_numpy(self._nearest.bounds(x[inside].numpy()))
        inside[inside.clone()] = gap > MARGIN * self._size
        return x, inside

    def _depth(self, x: Tensor) -> Tensor:
        at = _numpy(x)
        depth = self._nearest.bounds(at)
        depth = np.where(self._crossings.inside(at), depth, -depth)
        return torch.from_numpy(depth).to(x).reshape(x.shape[:-1])

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        surface = self._surface
        label = np.full(len(self._facets), -1)
        for k, (_, index) in enumerate(self._parts):
            label[list(index)] = k
        found: list[Piece] = []
        unnamed = 0
        for chosen in sides(surface, label):
            k = int(label[chosen[0]])
            name = f"side{unnamed}" if k < 0 else self._parts[k][0]
            unnamed += k < 0
            if self.dim == 2 and straight(surface, chosen):
                ends = self._points[self._facets[[chosen[0], chosen[-1]], [0, 1]]]
                found.append(_Edge(name, *ends.tolist(), clean=False))
            else:
                found.append(_Side(name, surface.part(chosen)))
        return tuple(found)

    def _find(self, on: str | Domain) -> tuple[int, ...] | None:
        found = super()._find(on)
        if found is not None or not isinstance(on, str):
            return found
        name, _, end = on.partition("=")
        if name not in self.names or end not in ("min", "max"):
            return None
        axis = self.names.index(name)
        at = (self._low if end == "min" else self._high)[axis]
        flat = [
            i
            for i, piece in enumerate(self._pieces)
            if bool(((_ends(piece)[:, axis] - at).abs() <= ON_PLANE * self._size).all())
        ]
        return tuple(flat) or None

    # ---- the distance ---------------------------------------------------------------------------------

    @cached_property
    def _polygon(self) -> tuple[Polygon, tuple[int, ...]] | None:
        """The same region as a polygon, and which of its edges each piece is; None where it is none, or one of too many."""
        pieces = [p for p in self._pieces if isinstance(p, _Edge)]
        if self.dim != 2 or len(pieces) < len(self._pieces) or len(pieces) > MOST_EDGES:
            return None
        follows = [[j for j, q in enumerate(pieces) if (q.ax, q.ay) == (p.bx, p.by)] for p in pieces]
        order = [0]
        while len(order) < len(pieces) and (after := follows[order[-1]][0]) != 0:
            order.append(after)
        if len(order) < len(pieces) or follows[order[-1]] != [0]:
            return None  # holes
        polygon = Polygon([(pieces[i].ax, pieces[i].ay) for i in order], self.names)
        edge = {piece: k for k, piece in enumerate(order)}
        return polygon, tuple(edge[i] for i in range(len(pieces)))

    @property
    def _has_distance(self) -> bool:
        return self._polygon is not None

    def _level(self, x: Tensor) -> Tensor:
        if self._polygon is None:
            raise ArgumentError(NO_DISTANCE)
        return self._polygon[0]._level(x)

    def _distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        if self._polygon is None:
            raise ArgumentError(NO_DISTANCE)
        polygon, edges = self._polygon
        return polygon._distance(x, [edges[i] for i in chosen])

    def _even_distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        if self._polygon is None:
            raise ArgumentError(NO_DISTANCE)
        polygon, edges = self._polygon
        return polygon._even_distance(x, [edges[i] for i in chosen])


def _checked(
    parts: Mapping[str, Sequence[int]] | Sequence[tuple[str, Sequence[int]]], facets: int
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    found: dict[str, tuple[int, ...]] = {}
    taken: set[int] = set()
    try:
        pairs = [(name, index) for name, index in (parts.items() if isinstance(parts, Mapping) else parts)]
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"parts needs names with indices of facets, got {parts!r}.") from None
    for name, index in pairs:
        if not isinstance(name, str) or not name or name in found:
            raise ArgumentError(f"parts needs different names, got {name!r}.")
        own = tuple(arguments.integer(f"parts[{name!r}]", i, 0, facets - 1) for i in index)
        if not own or len(set(own)) < len(own) or taken & set(own):
            raise ArgumentError(
                f"parts[{name!r}] needs facets that no other part has, got {len(own)} of them."
            )
        taken |= set(own)
        found[name] = own
    return tuple(found.items())


def _ends(piece: Piece) -> Tensor:
    """Points that span a piece."""
    if isinstance(piece, _Side):
        return torch.from_numpy(piece.facets.points)
    return piece.place(torch.tensor([[0.0], [1.0]], dtype=torch.float64))[0]
