"""A simple polygon as a Boolean formula of its edges' half-planes, each used once.

Split the polygon at its leftmost and rightmost vertices into two chains of edges, whose end edges go on to
infinity; the polygon is what lies to the left of both. A chain is split again at a vertex of its convex hull:
its left side is that of both parts where the vertex is convex, that of one of them where it is reflex. The
two parts meet at that vertex alone, so an R-function of the formula is singular at vertices and nowhere else.

Reference: Dobkin, Guibas, Hershberger and Snoeyink (1993), An efficient algorithm for finding the CSG
representation of a simple polygon, Algorithmica 10, 1-23.
"""

from __future__ import annotations

import math

import numpy as np

from sciml.domains.triangulate import Vertices, cross

Formula = int | tuple[str, "Formula", "Formula"]

DIRECTIONS = 15  # tried at each split, to find one near the middle


def formula(v: Vertices) -> Formula:
    """The formula of a simple counterclockwise polygon without flat vertices.

    Returns:
        The index of an edge, or ``("and" | "or", formula, formula)``.
    """
    n = len(v)
    order = np.lexsort((v[:, 1], v[:, 0]))
    first, last = int(order[0]), int(order[-1])
    there = [(first + k) % n for k in range((last - first) % n)]
    back = [(last + k) % n for k in range((first - last) % n)]
    return ("and", _chain(v, there), _chain(v, back))


def _chain(v: Vertices, edges: list[int]) -> Formula:
    """The left side of a chain of consecutive edges whose ends go on to infinity."""
    if len(edges) == 1:
        return edges[0]
    k = _split(v, edges)
    at, before, after = v[edges[k]], v[edges[k - 1]], v[(edges[k] + 1) % len(v)]
    joint = "and" if cross(at - before, after - at) > 0 else "or"
    return (joint, _chain(v, edges[:k]), _chain(v, edges[k:]))


def _split(v: Vertices, edges: list[int]) -> int:
    """The most central k such that the vertex where edges[k] begins is extreme in the chain."""
    n = len(v)
    inner = v[edges[1:]]
    out_first = v[edges[0]] - v[edges[1]]
    out_last = v[(edges[-1] + 1) % n] - v[edges[-1]]
    # directions that lead away from both infinite ends: a sector, open unless the ends point in opposite
    # directions
    one, two = math.atan2(out_first[1], out_first[0]), math.atan2(out_last[1], out_last[0])
    gap = (two - one) % (2 * math.pi)
    if gap > math.pi:
        one, gap = two, 2 * math.pi - gap
    away, room = one + gap / 2 + math.pi, (math.pi - gap) / 2
    if room > 1e-6:
        angles = away + 0.98 * room * np.linspace(-1, 1, DIRECTIONS)
    else:
        angles = np.array([away, away + math.pi])
    found = [_extreme(inner, np.array([math.cos(t), math.sin(t)]), out_first, out_last) for t in angles]
    return min(found, key=lambda k: (abs(2 * k - len(edges)), k))


def _extreme(inner: Vertices, away: np.ndarray, out_first: np.ndarray, out_last: np.ndarray) -> int:
    """1 + the index of the vertex that lies farthest in a direction.

    Of several, it is the one that no infinite end runs along. Where both ends run there, it is the first or
    last vertex, and the opposite direction has a more central one.
    """
    height = inner @ away
    top = np.flatnonzero(height >= height.max() - 1e-12 * float(np.ptp(inner, axis=0).max()))
    along = np.array([-away[1], away[0]])
    if len(top) > 1:
        first = top[0] == 0 and abs(out_first @ away) <= 1e-6 * np.linalg.norm(out_first)
        last = top[-1] == len(inner) - 1 and abs(out_last @ away) <= 1e-6 * np.linalg.norm(out_last)
        along = -out_first if first else -out_last if last else along
    return 1 + int(top[np.argmax(inner[top] @ along)])
