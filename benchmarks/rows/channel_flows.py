"""Steady flow in channels by finite elements of Taylor and Hood, as an answer to compare with (by scikit-fem)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu
from scipy.spatial import Delaunay

NEWTON = 12
SETTLED = 1e-12  # of the velocity


def solve(mesh: Any, nu: float, inlet: Callable, wall: Callable, profile: Callable) -> Any:
    """Velocity of ``u·∇u = -∇p + nu Δu`` with ``nu u_x = p``, ``v_x = 0`` where neither inlet nor wall is.

    Args:
        mesh: Of triangles.
        nu: Viscosity.
        inlet, wall: ``x (2, n) -> (n,)`` bool: which nodes of the boundary lie there.
        profile: Velocity along x at the inlet by the height.

    Returns:
        ``(n, 2) -> (n, 2)``, and the number of unknowns.
    """
    from skfem import Basis, BilinearForm, ElementTriP1, ElementTriP2, ElementVector, LinearForm, helpers

    of: Any = helpers  # whose results are optional to type checkers

    velocity = Basis(mesh, ElementVector(ElementTriP2()), intorder=6)
    pressure = velocity.with_element(ElementTriP1())

    @BilinearForm
    def viscous(u: Any, v: Any, w: Any) -> Any:
        return nu * of.ddot(of.grad(u), of.grad(v))

    @BilinearForm
    def mass(u: Any, q: Any, w: Any) -> Any:
        return -of.div(u) * q

    @BilinearForm
    def carried(u: Any, v: Any, w: Any) -> Any:
        return of.dot(of.mul(of.grad(u), w["w"]) + of.mul(of.grad(w["w"]), u), v)

    @LinearForm
    def carrying(v: Any, w: Any) -> Any:
        return of.dot(of.mul(of.grad(w["w"]), w["w"]), v)

    stiff, constraint = viscous.assemble(velocity), mass.assemble(velocity, pressure)
    x = velocity.doflocs
    facets = np.unique(velocity.get_dofs(mesh.boundary_facets()).flatten())
    fixed = facets[inlet(x[:, facets]) | wall(x[:, facets])]
    n = velocity.N + pressure.N
    u = np.zeros(velocity.N)
    along = np.unique(velocity.get_dofs(mesh.boundary_facets()).all("u^1"))
    flowing = along[inlet(x[:, along]) & ~wall(x[:, along])]
    u[flowing] = profile(x[1, flowing])
    free = np.setdiff1d(np.arange(n), fixed)
    p = np.zeros(pressure.N)
    for _ in range(NEWTON):
        at = velocity.interpolate(u)
        block = sp.bmat(
            [[stiff + carried.assemble(velocity, w=at), constraint.T], [constraint, None]]
        ).tocsc()
        right = np.concatenate(
            [stiff @ u + carrying.assemble(velocity, w=at) + constraint.T @ p, constraint @ u]
        )
        step = np.zeros(n)
        step[free] = splu(block[free][:, free]).solve(-right[free])
        u, p = u + step[: velocity.N], p + step[velocity.N :]
        if abs(step[: velocity.N]).max() < SETTLED * abs(u).max():
            break

    def values(points: NDArray) -> NDArray:
        return (velocity.probes(points.T) @ u).reshape(2, -1).T

    return values, n


@lru_cache(maxsize=4)
def back_step(cells: int = 24) -> Any:
    """Flow over the step of ``flows.BackStep``: squares of ``1 / (2 cells)``, graded towards the re-entrant corner."""
    from skfem import MeshTri

    def graded(parts: list[tuple[float, float, int, float]]) -> NDArray:
        lines = [
            a + (b - a) * np.linspace(0, 1, k + 1) ** g
            if g >= 1
            else b - (b - a) * np.linspace(1, 0, k + 1) ** (1 / g)
            for a, b, k, g in parts
        ]
        return np.unique(np.concatenate(lines).round(14))

    xs = graded([(0, 0.5, cells, 1 / 3), (0.5, 3, 3 * cells, 2)])
    ys = graded([(0, 0.5, cells, 1 / 3), (0.5, 1, cells, 3)])
    mesh = MeshTri.init_tensor(xs, ys)
    middle = mesh.p[:, mesh.t].mean(1)
    mesh = mesh.remove_elements(np.nonzero((middle[0] < 0.5) & (middle[1] < 0.5))[0])
    close = 1e-10

    def inlet(x: NDArray) -> NDArray:
        return x[0] < close

    def wall(x: NDArray) -> NDArray:
        low = (x[1] < close) | (x[1] > 1 - close)
        step = (abs(x[0] - 0.5) < close) & (x[1] < 0.5 + close)
        return low | step | ((abs(x[1] - 0.5) < close) & (x[0] < 0.5 + close))

    return solve(mesh, 0.05, inlet, wall, lambda y: 16 * (y - 0.5) * (1 - y))


@lru_cache(maxsize=4)
def discs(centres: tuple[tuple[float, float], ...], radius: float, size: float = 0.03) -> Any:
    """Flow round the discs of ``flows.Discs``: rings of points round each, straight sides."""
    from skfem import MeshTri

    around = int(2 * np.pi * radius / size * 3)
    t = 2 * np.pi * np.arange(around) / around
    points = []
    rings = 6
    for c in centres:
        for k in range(rings):
            r = radius * (1 + (2 * np.pi / around) * k * (1 + 0.08 * k))
            turned = t + (k % 2) * np.pi / around
            points.append(np.stack([c[0] + r * np.cos(turned), c[1] + r * np.sin(turned)], 1))
    outer = radius * (1 + (2 * np.pi / around) * rings * (1 + 0.08 * rings))
    xs, ys = np.linspace(0, 2, int(2 / size) + 1), np.linspace(0, 1, int(1 / size) + 1)
    grid = np.stack(np.meshgrid(xs, ys, indexing="ij"), -1).reshape(-1, 2)
    for c in centres:
        grid = grid[np.hypot(grid[:, 0] - c[0], grid[:, 1] - c[1]) > outer]
    p = np.concatenate([*points, grid])
    t = Delaunay(p).simplices
    middle = p[t].mean(1)
    for c in centres:
        keep = np.hypot(middle[:, 0] - c[0], middle[:, 1] - c[1]) > radius * np.cos(np.pi / around) * 0.999
        t, middle = t[keep], middle[keep]
    a, b = p[t[:, 1]] - p[t[:, 0]], p[t[:, 2]] - p[t[:, 0]]
    t = t[abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) > 1e-10]
    mesh = MeshTri(np.ascontiguousarray(p.T), np.ascontiguousarray(t.T))
    close = 1e-10

    def inlet(x: NDArray) -> NDArray:
        return x[0] < close

    def wall(x: NDArray) -> NDArray:
        found = (x[1] < close) | (x[1] > 1 - close)
        for c in centres:
            found = found | (np.hypot(x[0] - c[0], x[1] - c[1]) < radius * (1 + 1e-8))
        return found

    return solve(mesh, 0.05, inlet, wall, lambda y: 4 * y * (1 - y))
