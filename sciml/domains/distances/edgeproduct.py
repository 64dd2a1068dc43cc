"""A polygon's distance as a product: one factor for each line that bounds it, one for each re-entrant vertex.

A side whose line does not enter the polygon gives its level (the signed distance to its line), sides on one line
together. Two sides that meet at a re-entrant vertex give one ``wedge``, a longer run of such vertices an R-disjunction
of its levels. An obtuse vertex corrects the product by ``blunt``. Where a side's line enters the polygon elsewhere,
as in a spiral, there is no such product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from sciml.domains.distances.corners import RIGHT, blunt, wedge
from sciml.domains.distances.rfunctions import disjunction
from sciml.domains.triangulate import Vertices, cross

Factor = Callable[[Tensor], Tensor]

FLAT = 1e-12  # of the size: a point this close to a line lies on it
LOOKS = 257  # places along an edge at which a run of sides is compared with it


class _Line:
    """The line of an edge from a to b; its level is positive on the left."""

    def __init__(self, a: np.ndarray, b: np.ndarray):
        along = (b - a) / np.hypot(*(b - a))
        self.a, self.normal = a, np.array([-along[1], along[0]])

    def at(self, points: np.ndarray) -> np.ndarray:
        return (points - self.a) @ self.normal

    def level(self, x: Tensor) -> Tensor:
        return (x[..., 0] - self.a[0]) * self.normal[0] + (x[..., 1] - self.a[1]) * self.normal[1]


def factors(v: Vertices, chosen: Sequence[bool]) -> list[Factor] | None:
    """Functions of points (..., 2) whose product vanishes on the chosen edges and is positive elsewhere.

    Args:
        v: Vertices (k, 2) of a simple polygon, counterclockwise.
        chosen: For each edge, from vertex i to vertex i + 1, whether the product vanishes on it.
    Returns:
        None where a chosen side's line enters the polygon elsewhere.
    """
    v, chosen = _without_joints(v, chosen)
    n, tol = len(v), FLAT * float(np.ptp(v, axis=0).max())
    lines = [_Line(v[i], v[(i + 1) % n]) for i in range(n)]
    into, out = v - np.roll(v, 1, axis=0), np.roll(v, -1, axis=0) - v
    angle = math.pi - np.arctan2(cross(into, out), (into * out).sum(-1))  # interior, at vertex i
    free = [chosen[i] and _is_free(i, lines, v, chosen, tol) for i in range(n)]
    found: list[Factor] = []
    for i in range(n):
        same = [j for j in range(i) if free[j] and _one_line(lines[i], v[j], v[(j + 1) % n], tol)]
        if free[i] and not same:
            found.append(lines[i].level)
        if free[i] and free[i - 1] and angle[i] > RIGHT:
            found.append(_blunt(lines[i - 1], lines[i], float(angle[i])))
    for run in _runs(chosen, free, angle):
        if not _bounds(run, lines, v, tol):
            return None
        if len(run) == 2:
            found.append(_wedge(lines[run[0]], lines[run[1]], float(angle[run[1]])))
        else:
            found.append(_outside([lines[i] for i in run]))
    return found


def _without_joints(v: Vertices, chosen: Sequence[bool]) -> tuple[Vertices, list[bool]]:
    """Without the vertices inside a straight side whose two halves are both chosen, or both not."""
    into, out = v - np.roll(v, 1, axis=0), np.roll(v, -1, axis=0) - v
    straight = np.abs(cross(into, out)) <= FLAT * float(np.ptp(v, axis=0).max()) ** 2
    kept = [i for i in range(len(v)) if not straight[i] or chosen[i] != chosen[i - 1]]
    return v[kept], [bool(chosen[i]) for i in kept]


def _one_line(line: _Line, a: np.ndarray, b: np.ndarray, tol: float) -> bool:
    return bool((np.abs(line.at(np.stack([a, b]))) <= tol).all())


def _is_free(i: int, lines: list[_Line], v: Vertices, chosen: Sequence[bool], tol: float) -> bool:
    """Whether the line of edge i meets the polygon on chosen edges alone."""
    height = lines[i].at(v)
    if (height < -tol).any():
        return False
    on = np.abs(height) <= tol
    edges = [j for j in range(len(v)) if on[j] and on[(j + 1) % len(v)]]
    covered = {k for j in edges for k in (j, (j + 1) % len(v))}
    return all(chosen[j] for j in edges) and covered == set(np.flatnonzero(on).tolist())


def _runs(chosen: Sequence[bool], free: Sequence[bool], angle: np.ndarray) -> list[list[int]]:
    """Chosen edges that are not free, consecutive ones together where they meet at a re-entrant vertex."""
    n = len(chosen)
    left = [i for i in range(n) if chosen[i] and not free[i]]
    joined = {i: (i - 1) % n in left and angle[i] > math.pi for i in left}
    runs = []
    for i in left:
        if joined[i]:
            continue
        run = [i]
        while joined.get((run[-1] + 1) % n, False):
            run.append((run[-1] + 1) % n)
        runs.append(run)
    return runs


def _bounds(run: list[int], lines: list[_Line], v: Vertices, tol: float) -> bool:
    """Whether the union of a run's half-planes holds the polygon, and is bounded by the run inside it."""
    n = len(v)
    if len(run) == 1:
        return False
    for i in run:
        ends = v[[i, (i + 1) % n]]
        if any((lines[j].at(ends) > tol).any() for j in run if j != i):
            return False
    for j in range(n):
        if j not in run and not _above(
            v[j], v[(j + 1) % n], [lines[i] for i in run], v[run[0]], v[(run[-1] + 1) % n], tol
        ):
            return False
    return True


def _above(
    a: np.ndarray, b: np.ndarray, lines: list[_Line], first: np.ndarray, last: np.ndarray, tol: float
) -> bool:
    """Whether on the edge from a to b, but for the run's two ends, some level is positive."""
    low, high = 0.0, 1.0
    for _ in range(
        3
    ):  # the largest of linear functions is convex: its least value lies next to the least one seen
        t = np.linspace(low, high, LOOKS)
        points = a + t[:, None] * (b - a)
        height = np.max([line.at(points) for line in lines], axis=0)
        k = int(np.argmin(height))
        low, high = t[max(0, k - 1)], t[min(LOOKS - 1, k + 1)]
    at_an_end = min(np.hypot(*(points[k] - first)), np.hypot(*(points[k] - last))) <= 1e3 * tol
    return bool(height[k] > tol) or (at_an_end and bool(height[k] > -tol))


def _wedge(one: _Line, two: _Line, angle: float) -> Factor:
    return lambda x: wedge(one.level(x), two.level(x), angle)


def _blunt(one: _Line, two: _Line, angle: float) -> Factor:
    return lambda x: blunt(one.level(x), two.level(x), angle)


def _outside(lines: list[_Line]) -> Factor:
    return lambda x: reduce(disjunction, [line.level(x) for line in lines])


def product(terms: Sequence[Factor], x: Tensor) -> Tensor:
    """The product of some factors at x (..., 2): (...,)."""
    return reduce(torch.mul, [f(x) for f in terms])
