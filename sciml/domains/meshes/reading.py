"""Mesh files, read by meshio: what bounds the region, and the names of its parts."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sciml.domains.meshes.facets import Floats, Ints
from sciml.errors import FileFormatError, MissingPackageError

# corners come first in every element; what follows are points within edges
CORNERS = {"line": 2, "triangle": 3, "quad": 4, "tetra": 4}
CUTS = {"quad": [[0, 1, 2], [0, 2, 3]]}
FACES = {"triangle": [[0, 1], [1, 2], [2, 0]], "tetra": [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]}
FLAT = 1e-9  # of the size: a mesh thinner than that lies in a plane


def read_facets(path: str | Path) -> tuple[Floats, Ints, dict[str, Ints]]:
    """Points ``(n, d)``, facets ``(k, d)`` and the facets of each named part.

    Raises:
        FileFormatError: The file cannot be read, or holds no mesh of triangles, quadrilaterals or tetrahedra.
        MissingPackageError: meshio is not installed.
        FileNotFoundError: There is no such file.
    """
    mesh = _read(Path(path))
    points = np.asarray(mesh.points, np.float64)
    blocks, tags = _blocks(mesh)
    names = {(int(tag), int(dim)): name for name, (tag, dim) in _field_data(mesh).items()}
    solid = [b for b in blocks if b[0] == "tetra"]
    surface = [b for b in blocks if b[0] == "triangle"]
    if not solid and not surface:
        got = ", ".join(dict.fromkeys(block.type for block in mesh.cells)) or "no elements"
        raise FileFormatError(f"{path} needs triangles, quadrilaterals or tetrahedra, got {got}.")
    plane = not solid and (
        points.shape[1] == 2 or np.ptp(points[:, 2]) <= FLAT * np.ptp(points, axis=0).max()
    )
    if solid or plane:
        dim, kind = (3, "tetra") if solid else (2, "triangle")
        points = points[:, :dim]
        facets = _outer(points, np.concatenate([b[1] for b in blocks if b[0] == kind]), kind)
        marked = [
            (b, t) for b, t in zip(blocks, tags, strict=True) if b[0] == ("triangle" if solid else "line")
        ]
        return points, facets, _named(facets, marked, names, dim - 1)
    facets = np.concatenate([b[1] for b in surface])
    return (
        points,
        facets,
        _named(facets, [(b, t) for b, t in zip(blocks, tags, strict=True) if b in surface], names, 2),
    )


def _read(path: Path) -> Any:
    try:
        import meshio
    except ImportError:
        raise MissingPackageError("Mesh.from_file needs meshio, got none: pip install meshio.") from None
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file.")
    said = io.StringIO()
    try:
        # meshio prints what it finds wrong, and ends the program
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            warnings.catch_warnings(action="ignore"),
        ):
            mesh = meshio.read(path)
            mesh.cells_dict  # noqa: B018 - some broken files are noticed here
    except (Exception, SystemExit) as error:
        why = f"{error}" if isinstance(error, Exception) and str(error) else said.getvalue().strip()
        raise FileFormatError(
            f"{path} is no mesh that meshio reads: {why or type(error).__name__}."
        ) from None
    return mesh


def _field_data(mesh: Any) -> dict[str, Any]:
    return {k: v for k, v in (mesh.field_data or {}).items() if np.size(v) == 2}


def _blocks(mesh: Any) -> tuple[list[tuple[str, Ints]], list[Ints | None]]:
    """Elements by kind, of corners alone and quadrilaterals cut, and the tag of each element's group."""
    physical = (mesh.cell_data or {}).get("gmsh:physical")
    blocks: list[tuple[str, Ints]] = []
    tags: list[Ints | None] = []
    for i, block in enumerate(mesh.cells):
        kind = block.type.rstrip("0123456789")
        if kind not in CORNERS:
            continue
        cells = np.asarray(block.data, np.int64)[:, : CORNERS[kind]]
        tag = None if physical is None else np.asarray(physical[i], np.int64)
        if kind in CUTS:
            cells = np.concatenate([cells[:, cut] for cut in CUTS[kind]])
            tag = None if tag is None else np.tile(tag, len(CUTS[kind]))
            kind = "triangle"
        blocks.append((kind, cells))
        tags.append(tag)
    return blocks, tags


def _outer(points: Floats, cells: Ints, kind: str) -> Ints:
    """Faces that belong to one cell only, pointing out of it."""
    corners = points[cells]
    volume = np.linalg.det(corners[:, 1:] - corners[:, :1])
    turned = volume < 0
    cells = cells.copy()
    cells[turned, 1], cells[turned, 2] = cells[turned, 2], cells[turned, 1].copy()
    faces = np.concatenate([cells[:, face] for face in FACES[kind]])
    _, first, count = np.unique(np.sort(faces, 1), axis=0, return_index=True, return_counts=True)
    return faces[np.sort(first[count == 1])]


def _named(
    facets: Ints,
    marked: Iterable[tuple[tuple[str, Ints], Ints | None]],
    names: dict[tuple[int, int], str],
    dim: int,
) -> dict[str, Ints]:
    """The facets of each physical group; a group without a name is called by its number."""
    numbers = {tuple(f): i for i, f in enumerate(np.sort(facets, 1).tolist())}
    found: dict[str, list[int]] = {}
    for (_, cells), tags in marked:
        if tags is None:
            continue
        for cell, tag in zip(np.sort(cells, 1).tolist(), tags.tolist(), strict=True):
            if tag > 0 and tuple(cell) in numbers:
                name = names.get((tag, dim), f"group{tag}")
                found.setdefault(name, []).append(numbers[tuple(cell)])
    return {name: np.unique(index) for name, index in found.items()}
