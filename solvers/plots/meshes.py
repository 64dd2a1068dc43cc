"""A plane of a domain as triangles that end at its outline, where a grid would end in steps."""

from __future__ import annotations

import numpy as np
import torch

from sciml.solvers.plots.slices import Slice

NEAR = 0.4  # of a grid's spacing: points of it that are closer to the outline are left out


def triangles(plane: Slice, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points in all coordinates ``(n, d)`` and triangles ``(m, 3)`` of indices.

    Args:
        plane: The plane.
        count: Points an axis of the grid that fills it.
    """
    from scipy.spatial import Delaunay, KDTree

    x = plane.points(count)
    spacing = np.array([(high - low) / (count - 1) for low, high in plane.limits])
    flat = x[:, list(plane.axes)] / spacing
    if plane.outline is not None:
        flat = flat[plane.inside(count)]
        edge = _resampled([ring / spacing for ring in plane.outline.to_polygons(closed_only=True)])
        low, high = np.array(plane.limits).T / spacing
        edge = edge.clip(low, high)  # the outline is traced half a cell around the frame
        if len(edge):
            flat = flat[KDTree(edge).query(flat)[0] > NEAR] if len(flat) else flat
            flat = np.concatenate([flat, edge])
    if len(flat) < 3:
        return np.zeros((0, x.shape[1])), np.zeros((0, 3), dtype=int)
    found = Delaunay(flat).simplices
    points = np.repeat(x[:1], len(flat), axis=0)
    points[:, list(plane.axes)] = flat * spacing
    inside = plane.problem.domain.contains(torch.from_numpy(points[found].mean(1))).numpy()
    return points, found[inside]


def _resampled(rings: list[np.ndarray]) -> np.ndarray:
    """Points along closed rings, about one apart."""
    parts = []
    for ring in rings:
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
        at = np.linspace(0.0, length[-1], max(8, int(length[-1])), endpoint=False)
        parts.append(np.stack([np.interp(at, length, ring[:, k]) for k in range(2)], axis=1))
    return np.concatenate(parts) if parts else np.zeros((0, 2))
