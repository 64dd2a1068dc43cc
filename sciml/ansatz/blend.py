"""``A`` and ``B`` of one unknown: several boundary values as one function, initial data on top, and the factor."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sciml.conditions import Dirichlet, Initial, Neumann, evaluate
from sciml.corners.jumps import Jump
from sciml.derivatives import outside_recordings
from sciml.domains import Boundary, Box, Domain
from sciml.jacobian.forward import pushforward

CORNER = 1e-30  # keeps the blend by distances defined where two parts of the boundary meet
MOST_AXES = (
    4  # faces of more axes have too many edges (3^axes) for the blend that is polynomial in the distances
)


@dataclass(eq=False)
class Side:
    """A Dirichlet condition on its part of the boundary."""

    condition: Dirichlet
    boundary: Boundary

    @property
    def varies(self) -> bool:
        """Whether it is a function, not a number."""
        return callable(self.condition.value)

    def value(self, x: Tensor) -> Tensor:
        """``(n, d) -> (n, 1)``."""
        return evaluate(self.condition.value, x, self.condition.label)


@dataclass(eq=False)
class Reduced(Side):
    """A side on one piece of the boundary, less what a function that is added to the trial function has there."""

    jump: Jump
    piece: int

    @property
    def varies(self) -> bool:
        """True: what it is less by is a function."""
        return True

    def value(self, x: Tensor) -> Tensor:
        """``(n, d) -> (n, 1)``."""
        return super().value(x) - self.jump.on(self.piece, x)


Face = tuple[int, int]  # an axis; 0 for its lower, 1 for its upper end


@dataclass(eq=False)
class Part:
    """The conditions that are built into one unknown, and what they make of it."""

    domain: Domain
    sides: list[Side] = field(default_factory=list)
    initial: Initial | None = None
    velocity: Initial | None = None
    clamps: list[Neumann] = field(default_factory=list)
    order: int = 2  # highest derivative that enters the equation, 2 at least
    jump: Jump | None = None  # carries what the data contradict each other by; 0 at the first instant

    @property
    def empty(self) -> bool:
        """Whether ``A = 0`` and ``B = 1``."""
        return not self.sides and self.initial is None and self.jump is None

    @property
    def uniform(self) -> bool:
        """Whether one value or function object serves all sides."""
        if any(isinstance(side, Reduced) for side in self.sides):
            return False
        values = [side.condition.value for side in self.sides]
        return all(v is values[0] or v == values[0] for v in values)

    def faces(self) -> dict[Face, Side] | None:
        """The sides by the faces of a box, where they are blended over faces; None where they are not.

        Faces across a single axis do not meet: there the blend by distances is smooth, too.
        """
        if self.uniform or not isinstance(self.domain.space, Box):
            return None
        axes = self.domain.space_axes
        found: dict[Face, Side] = {}
        for side in self.sides:
            for piece in side.boundary.chosen:
                found.setdefault((axes[piece // 2], piece % 2), side)
        return found if 2 <= len({axis for axis, _ in found}) <= MOST_AXES else None

    def boundary_value(self, x: Tensor) -> Tensor:
        """``h``: every side's value on its side, something smooth between them."""
        if not self.sides:
            return torch.zeros_like(x[:, :1])
        if self.uniform:
            return self.sides[0].value(x)
        faces = self.faces()
        if faces is not None:
            return over_faces(faces, self.domain, x)
        return _by_distance(self.sides, x)

    def distance(self, x: Tensor) -> Tensor:
        """Zero on the sides alone."""
        if not self.sides:
            return torch.ones_like(x[:, :1])
        return self._distance_to([side.condition.on for side in self.sides], x)

    def _distance_to(self, ons: list, x: Tensor) -> Tensor:
        return self.domain.boundary(ons[0] if len(ons) == 1 else ons).distance(x)

    def at_start(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The points at the first instant, and the direction of time."""
        axis, t0 = self.time
        still = torch.zeros_like(x)
        still[:, axis] = 1.0
        return x * (1 - still) + t0 * still, still

    @property
    def time(self) -> tuple[int, float]:
        """The axis of time, and the first instant."""
        axis = self.domain.time_axis
        assert axis is not None
        with outside_recordings():
            return axis, float(self.domain.lower[axis])

    def start_slope(self, start: Tensor, still: Tensor) -> Tensor:
        """``h_t`` at the first instant."""
        if not any(side.varies for side in self.sides):
            return torch.zeros_like(start[:, :1])
        return pushforward(self.boundary_value, (start,), (still,))[1]

    def offset(self, x: Tensor) -> Tensor:
        """``A``, ``(n, d) -> (n, 1)``."""
        total = self._smooth_offset(x)
        return total if self.jump is None else total + self.jump(x)

    def _smooth_offset(self, x: Tensor) -> Tensor:
        total = self.boundary_value(x)
        if self.initial is None:
            return total
        start, still = self.at_start(x)
        axis, t0 = self.time
        total = total + evaluate(self.initial.value, start, self.initial.label) - self.boundary_value(start)
        if self.velocity is not None:
            v0 = evaluate(self.velocity.value, start, self.velocity.label)
            total = total + (x[:, axis : axis + 1] - t0) * (v0 - self.start_slope(start, still))
        return total

    def factor(self, x: Tensor) -> Tensor:
        """``B``, ``(n, d) -> (n, 1)``."""
        total = torch.ones_like(x[:, :1])
        if self.sides:
            total = total * self.distance(x)
        if self.clamps:
            total = total * self._distance_to([clamp.on for clamp in self.clamps], x)
        if self.initial is not None:
            axis, _ = self.time
            low, high = self.domain.lower[axis], self.domain.upper[axis]
            s = (x[:, axis : axis + 1] - low.to(x)) / (high - low).to(x)
            total = total * (s if self.velocity is None else s * s)
        return total


def over_faces(faces: dict[Face, Side], domain: Domain, x: Tensor) -> Tensor:
    """Transfinite interpolation between the faces of a box (Coons 1967; Gordon 1971, SIAM J. Numer. Anal. 8, 158).

    Each axis has a projector: between its two faces linearly, from one face constantly. ``A`` is their Boolean sum,
    ``1 - (1 - P_1)(1 - P_2) ...`` applied to the data: faces, less edges, plus corners. It needs the values on the
    faces alone, and is as smooth as these where they agree along the edges.
    """
    axes = sorted({axis for axis, _ in faces})
    low, high = domain.lower.to(x), domain.upper.to(x)
    total = torch.zeros_like(x[:, :1])
    for size in range(1, len(axes) + 1):
        for chosen in itertools.combinations(axes, size):
            for ends in itertools.product((0, 1), repeat=size):
                meeting = list(zip(chosen, ends, strict=True))
                if not all(face in faces for face in meeting):
                    continue
                weight = torch.full_like(x[:, :1], 1.0 if size % 2 else -1.0)
                for axis, end in meeting:
                    if (axis, 1 - end) in faces:
                        s = (x[:, axis : axis + 1] - low[axis]) / (high[axis] - low[axis])
                        weight = weight * (s if end else 1 - s)
                at = {axis: high[axis] if end else low[axis] for axis, end in meeting}
                total = total + weight * faces[meeting[0]].value(moved(x, at))
    return total


def moved(x: Tensor, at: dict[int, Tensor]) -> Tensor:
    """The points with some coordinates replaced."""
    return torch.stack([at[i].to(x).expand(len(x)) if i in at else x[:, i] for i in range(x.shape[1])], dim=1)


def _by_distance(sides: list[Side], x: Tensor) -> Tensor:
    """Weights by inverse squares of the distances (Rvachev's transfinite interpolation)."""
    distances = [side.boundary.even_distance(x).square() for side in sides]
    weights = []
    for k in range(len(sides)):
        weight = torch.ones_like(distances[0])
        for j, other in enumerate(distances):
            if j != k:
                weight = weight * other
        weights.append(weight + CORNER)
    terms = [w * side.value(x) for w, side in zip(weights, sides, strict=True)]
    return torch.stack(terms).sum(0) / torch.stack(weights).sum(0)
