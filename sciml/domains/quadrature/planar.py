"""Rules over combinations of intervals, boxes, disks and polygons in one and two dimensions, by sections.

Across the plane, the first coordinate is cut where sections change their form: at vertices, at outermost points of
circles and where boundaries cross. Between two cuts the ends of a section are smooth functions, but for square roots at
the cuts, which a cosine takes away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import torch
from torch import Tensor

from sciml.domains.ball import Ball
from sciml.domains.base import Domain
from sciml.domains.box import Box
from sciml.domains.csg import CSG
from sciml.domains.polygon import Polygon
from sciml.domains.quadrature.gauss import Rule, cosine, panels, stretched

Segment = tuple[float, float, float, float]  # from (x0, y0) to (x1, y1)
Circle = tuple[float, float, float]  # centre and radius

THIN = 1e-12  # of the domain's width: intervals below are rounding


@dataclass(frozen=True)
class Sections:
    """The curves that bound a combination.

    Attributes:
        domain: The combination.
        segments, circles: Boundaries of its operands; in one dimension segments of no length, one for each end.
    """

    domain: Domain
    segments: tuple[Segment, ...]
    circles: tuple[Circle, ...]

    @classmethod
    def of(cls, domain: CSG) -> Sections | None:
        """None where an operand is something else than an interval, a box, a disk or a polygon."""
        segments: list[Segment] = []
        circles: list[Circle] = []
        for leaf in _leaves(domain):
            if isinstance(leaf, Ball) and leaf.dim == 2:
                x, y = leaf.center.tolist()
                circles.append((x, y, leaf.radius))
            elif domain.dim == 1 and isinstance(leaf, (Box, Ball)):
                ends = (float(leaf.lower[0]), float(leaf.upper[0]))
                segments += [(0.0, end, 1.0, end) for end in ends]
            elif isinstance(leaf, (Box, Polygon)):
                corners = leaf.vertices.tolist() if isinstance(leaf, Polygon) else _corners(leaf)
                ring = [*corners, corners[0]]
                segments += [(a, b, c, d) for (a, b), (c, d) in pairwise(ring)]
            else:
                return None
        return cls(domain, tuple(segments), tuple(circles))

    def rule(self, level: int) -> Rule:
        """Points ``(n, d)`` and weights ``(n,)``."""
        if self.domain.dim == 1:
            ends = sorted({segment[1] for segment in self.segments})
            parts = [self._between(torch.zeros(1, 0), torch.ones(1), np.array([ends]), level)]
        else:
            parts = []
            width = float(self.domain.upper[0] - self.domain.lower[0])
            for a, b in pairwise(self._cuts()):
                if b - a > THIN * width:
                    x, w = stretched(cosine(panels(level)), a, b)
                    parts.append(self._between(x[:, None], w, self._crossings(x.numpy()), level))
        return torch.cat([p for p, _ in parts]), torch.cat([w for _, w in parts])

    def _between(self, x: Tensor, weights: Tensor, ends: np.ndarray, level: int) -> Rule:
        """The parts of lines at ``x (n, d - 1)`` that lie inside; ``ends (n, k)`` are all that may bound them, in order."""
        s, w = panels(level)
        points, found = [x.new_zeros(0, self.domain.dim).double()], [torch.zeros(0).double()]
        for low, high in pairwise(torch.from_numpy(ends).unbind(1)):
            middle = torch.cat([x.double(), ((low + high) / 2)[:, None]], 1)
            keep = (high > low) & self.domain.contains(middle)
            if not keep.any():
                continue
            y = low[keep, None] + (high - low)[keep, None] * s
            points.append(torch.stack([x[keep].double().expand_as(y), y], -1) if x.shape[1] else y[..., None])
            points[-1] = points[-1].reshape(-1, self.domain.dim)
            found.append((weights[keep, None] * (high - low)[keep, None] * w).reshape(-1))
        return torch.cat(points), torch.cat(found)

    def _cuts(self) -> list[float]:
        low, high = float(self.domain.lower[0]), float(self.domain.upper[0])
        cuts = {low, high}
        for x0, _, x1, _ in self.segments:
            cuts |= {x0, x1}
        for x, _, r in self.circles:
            cuts |= {x - r, x + r}
        for one, two in combinations((*self.segments, *self.circles), 2):
            cuts |= set(_meetings(one, two))
        return sorted(c for c in cuts if low <= c <= high)

    def _crossings(self, x: np.ndarray) -> np.ndarray:
        """Where the lines at ``x (n,)``, all between the same two cuts, meet boundaries: ``(n, k)``, in order."""
        columns = []
        for x0, y0, x1, y1 in self.segments:
            if min(x0, x1) < x.min() and x.max() < max(x0, x1):
                columns.append(y0 + (x - x0) / (x1 - x0) * (y1 - y0))
        for cx, cy, r in self.circles:
            if cx - r < x.min() and x.max() < cx + r:
                half = np.sqrt(np.maximum(r * r - (x - cx) ** 2, 0.0))
                columns += [cy - half, cy + half]
        return np.sort(np.stack(columns, 1), axis=1) if columns else np.zeros((len(x), 0))


def _leaves(domain: Domain) -> list[Domain]:
    return [*_leaves(domain.a), *_leaves(domain.b)] if isinstance(domain, CSG) else [domain]


def _corners(box: Domain) -> list[list[float]]:
    (a, b), (c, d) = box.lower.tolist(), box.upper.tolist()
    return [[a, b], [c, b], [c, d], [a, d]]


def _meetings(one: Segment | Circle, two: Segment | Circle) -> list[float]:
    """First coordinates of the points where two curves meet, and perhaps of some beyond a segment's ends."""
    if len(one) == 4 and len(two) == 4:
        return _lines_meet(one, two)
    if len(one) == 3 and len(two) == 3:
        return _circles_meet(one, two)
    segment, circle = (one, two) if len(one) == 4 else (two, one)
    return _line_meets_circle(segment, circle)  # type: ignore[arg-type]


def _lines_meet(one: Segment, two: Segment) -> list[float]:
    (ax, ay, bx, by), (cx, cy, dx, dy) = one, two
    cross = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
    if cross == 0:
        return []
    t = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / cross
    return [ax + t * (bx - ax)] if 0 <= t <= 1 else []


def _line_meets_circle(segment: Segment, circle: Circle) -> list[float]:
    (ax, ay, bx, by), (cx, cy, r) = segment, circle
    dx, dy, fx, fy = bx - ax, by - ay, ax - cx, ay - cy
    a, b, c = dx * dx + dy * dy, fx * dx + fy * dy, fx * fx + fy * fy - r * r
    root = b * b - a * c
    if root < 0 or a == 0:
        return []
    return [ax + t * dx for t in ((-b - math.sqrt(root)) / a, (-b + math.sqrt(root)) / a)]


def _circles_meet(one: Circle, two: Circle) -> list[float]:
    (ax, ay, r), (bx, by, s) = one, two
    distance = math.hypot(bx - ax, by - ay)
    if distance == 0 or not abs(r - s) <= distance <= r + s:
        return []
    along = (r * r - s * s + distance * distance) / (2 * distance)
    half = math.sqrt(max(r * r - along * along, 0.0))
    foot, side = ax + along * (bx - ax) / distance, half * (by - ay) / distance
    return [foot - side, foot + side]
