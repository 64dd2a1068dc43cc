"""Real geometry: problems on regions read from mesh files."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import sciml
from benchmarks.mesh_shapes import bunny, l_triangles
from benchmarks.rows import corners
from benchmarks.rows.case import Case, table
from benchmarks.rows.corners import LShape
from sciml.domains import Box, Mesh

CUTS = 4  # of the icosahedron: 5120 triangles
SPLITS = 8  # of a unit of the L-shape


class Body(sciml.PDE):
    """``-Δu = 3 u`` with ``u = sin x sin y sin z`` given on the surface of a body with ears, read from an STL file."""

    def __init__(self) -> None:
        self.domain = through_file(*bunny(CUTS), "triangle", ".stl")
        self.conditions = (sciml.Dirichlet(product_of_sines),)

    def residual(self, u: Any, x: Any) -> Any:
        """Left minus right side, the right one known."""
        return -u.laplacian() - 3 * product_of_sines(x)


class CutL(LShape):
    """``-Δu = 1`` on the L-shape of a mesh of triangles, whose corner has to be found in the mesh."""

    def __init__(self) -> None:
        self.domain = through_file(*l_triangles(SPLITS), "triangle", ".vtu")


def product_of_sines(x: Any) -> Any:
    """``(n, d) -> (n, 1)``."""
    return x.sin().prod(1, keepdim=True)


def through_file(points: Any, cells: Any, kind: str, ending: str) -> Mesh:
    """The region of a mesh that was written to a file and read again."""
    import meshio
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"mesh{ending}"
        flat = np.zeros((len(points), 3 - points.shape[1]))
        meshio.write(path, meshio.Mesh(np.hstack([points, flat]), [(kind, cells)]))
        return Mesh.from_file(path)


def _of_body() -> Any:
    x = Box([-0.8, -0.8, -0.8], [0.8, 0.8, 0.8]).sample(20_000, seed=987_654)
    x = x[Body().domain.contains(x)]
    return table(x, product_of_sines(x))


CASES = (
    Case("body with ears from an STL file", Body, _of_body, ((1e-4, 60.0),)),
    replace(
        next(case for case in corners.CASES if case.name == "L-shape"),
        name="L-shape from a mesh of triangles",
        problem=CutL,
        today="",
    ),
)
