"""Constructive solid geometry: ``a - b``, ``a | b`` and ``a & b`` of domains without time.

The result is a closed set. Its boundary is what is left of the operands' boundaries: a point stays where the
domain lies on one side of it and not on the other, which also settles operands with a piece of boundary in
common.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sciml.domains.base import Domain, volume
from sciml.domains.distances import csgproduct
from sciml.domains.distances.rfunctions import conjunction, conjunction_of, disjunction, trimmed
from sciml.domains.pieces import SURVEY_SEED, Kept, Piece, join
from sciml.domains.sampling import Sobol
from sciml.errors import ArgumentError, ArgumentTypeError

MEASURE_POINTS = 2**16
MEASURE_SEED = 20240301
PROBE = 1e-6  # of the size: how far to both sides of a boundary point to look
TOUCH = 1e-9  # of the size: boundaries this close are the same
BESIDE = 2.0  # times PROBE: a piece this near to where a look to both sides fails is what it fails for
ALONG = 1e-3  # angle between two pieces below which they go along each other
MOVED = BESIDE * PROBE / ALONG  # of the size: the farthest that a point can lie from such a meeting
NEWTON = 4
MARGIN = 1e-10  # of the size: samples stay this far inside

Bounds = tuple[tuple[float, ...], tuple[float, ...]]


class _Surface(Kept):
    """What is left of a piece of an operand's boundary; its normal is turned where the operand is a hole."""

    def __init__(self, piece: Piece, whole: CSG, origin: tuple[int, int], turned: bool):
        super().__init__(piece)
        self.whole, self.origin, self.turned = whole, origin, turned

    def normal(self, x: Tensor) -> Tensor:
        return -self.piece.normal(x) if self.turned else self.piece.normal(x)

    def level(self, x: Tensor) -> Tensor:
        return -self.piece.level(x) if self.turned else self.piece.level(x)

    def keep(self, x: Tensor) -> Tensor:
        """Which points (n, d) of the piece bound the domain."""
        leaf, tol = self.origin[0], TOUCH * self.whole._size
        kept = self.whole._bounded_by(leaf, x, self.piece.normal(x))
        # where operands share a piece of boundary, the first that bounds the domain there has it
        for other in range(leaf):
            domain = self.whole._leaves[other][0]
            shared = kept & (domain._depth(x).abs() <= tol)
            if shared.any():
                at = x[shared]
                kept[shared] = ~self.whole._bounded_by(other, at, domain.boundary().normal(at))
        return kept

    def meeting(self, x: Tensor) -> Tensor:
        """Where the piece meets a piece beside ``x``: looks to both sides of it end before or behind a sharp corner."""
        size = self.whole._size
        others = [p for leaf, _ in self.whole._leaves for p in leaf._pieces if p is not self.piece]
        found, best = x.clone(), torch.full((len(x),), BESIDE * PROBE * size, dtype=x.dtype)
        for other in others:
            gap = other.gap(x)
            at = _crossing(self.piece, other, x)
            moved = (at - x).norm(dim=1) <= MOVED * size
            good = (
                (gap <= best) & moved & (other.gap(at) <= TOUCH * size) & (self.piece.gap(at) <= TOUCH * size)
            )
            found = torch.where(good[:, None], at, found)
            best = torch.where(good, gap, best)
        return found

    def off(self, x: Tensor) -> Tensor:
        return self.whole._depth(x).abs() / self.whole._size

    def inner(self) -> bool:
        """Whether some of the piece lies within the domain, as a seam between operands that only touch."""
        x, _ = self.piece.place(Sobol(max(self.cube, 1), (SURVEY_SEED,)).draw(256)[:, : self.cube])
        step = PROBE * self.whole._size
        normal = self.normal(x)
        both = (self.whole._depth(x - step * normal) > 0) & (self.whole._depth(x + step * normal) > 0)
        # one point of many may lie by chance where boundaries cross
        return int((both & (self.whole._depth(x).abs() <= TOUCH * self.whole._size)).sum()) > 1

    def on(self, x: Tensor, tol: float) -> Tensor:
        return (self.gap(x) <= tol) & (self.whole._depth(x).abs() <= tol)


class CSG(Domain):
    """What Difference, Union and Intersection share.

    A part of the boundary is an operand, at any depth (all that is left of its boundary), or a name of an
    operand's part: in ``Box([0, 0], [1, 1]) - disk``, ``boundary(on=disk)`` and ``boundary(on="circle")`` are
    the hole. A name that several operands use picks them all.

    Points are sampled by rejection; ``measure`` and the pieces' shares are estimated with fixed quasi-random
    points (2^16 for the domain: about three digits; 2^12 for a piece, of which smaller remains than that are
    not seen). The distance is a product over the pieces on whose inner side the whole domain lies, and an
    R-function of the others (``sciml.domains.distances.csgproduct``), scaled to a maximum of about one. Where operands only
    touch (boxes side by side) it would vanish on the seam, so there is none: let them overlap.

    Args:
        a: A domain without time.
        b: Another, with the same coordinate names.
    """

    sign: str
    _compound = True
    a: Domain
    b: Domain

    def __init__(self, a: Domain, b: Domain):
        for argument, operand in (("a", a), ("b", b)):
            if not isinstance(operand, Domain):
                raise ArgumentTypeError(f"{argument} needs a domain, got {operand!r}.")
            if operand.time_axis is not None:
                raise ArgumentError(
                    f"{argument} needs a domain without time, got {operand!r}; "
                    "combine in space, then multiply by time."
                )
            if not operand._has_inside:
                raise ArgumentError(f"{argument} needs a domain with an inside, got {operand!r}.")
        if a.names != b.names:
            raise ArgumentError(
                f"b needs the coordinates of a ({', '.join(a.names)}), got {', '.join(b.names)}."
            )
        low, high = self._bounds(a, b)
        if not all(p < q for p, q in zip(low, high, strict=True)):
            raise ArgumentError(
                f"b needs to overlap with a, got {a!r} and {b!r}, whose bounding boxes do not."
            )
        self._set(a=a, b=b, names=a.names, _low=low, _high=high, _cube=a.dim)

    def _bounds(self, a: Domain, b: Domain) -> Bounds:
        return a._low, a._high

    def _fields(self) -> dict[str, Any]:
        return {"a": self.a, "b": self.b}

    def __repr__(self) -> str:
        right = f"({self.b!r})" if self.b._compound else repr(self.b)
        left = f"({self.a!r})" if isinstance(self.a, CSG) and self.a.sign != self.sign else repr(self.a)
        return f"{left} {self.sign} {right}"

    @cached_property
    def measure(self) -> float:
        """Length, area or volume, estimated with 2^16 fixed quasi-random points."""
        _, inside = self._place(Sobol(self._cube, (MEASURE_SEED,)).draw(MEASURE_POINTS))
        assert inside is not None
        return volume(self._low, self._high) * float(inside.double().mean())

    def _place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self.lower + (self.upper - self.lower) * u
        return x, self._depth(x) > MARGIN * self._size

    def _depth(self, x: Tensor) -> Tensor:
        return self._merge(self.a._depth(x), self.b._depth(x))

    @abstractmethod
    def _merge(self, a: Tensor, b: Tensor) -> Tensor:
        """The depth, from those of the operands."""

    # ---- the boundary ---------------------------------------------------------------------------------

    @cached_property
    def _leaves(self) -> tuple[tuple[Domain, bool], ...]:
        """The operands that are no CSG themselves, and whether they are holes."""
        leaves = []
        for operand, turned in ((self.a, False), (self.b, self.sign == "-")):
            below = operand._leaves if isinstance(operand, CSG) else ((operand, False),)
            leaves += [(leaf, hole != turned) for leaf, hole in below]
        return tuple(leaves)

    def _bounded_by(self, leaf: int, x: Tensor, normal: Tensor) -> Tensor:
        """Whether points (n, d) of a leaf's boundary, with its normals, bound the domain: (n,) bool.

        They must bound every domain between the leaf and the whole.
        """
        steps: list[tuple[CSG, bool]] = []
        domain: Domain = self
        while isinstance(domain, CSG):
            cut = len(domain.a._leaves) if isinstance(domain.a, CSG) else 1
            steps.append((domain, leaf < cut))
            domain, leaf = (domain.a, leaf) if leaf < cut else (domain.b, leaf - cut)
        step, tol = PROBE * self._size, TOUCH * self._size
        places = x, x - step * normal, x + step * normal
        here, below, above = (domain._depth(p) for p in places)
        good = (here.abs() <= tol) & (below > 0) & (above < 0)
        side = 1
        for node, first in reversed(steps):
            here, below, above = (
                node._merge(d, node.b._depth(p)) if first else node._merge(node.a._depth(p), d)
                for d, p in zip((here, below, above), places, strict=True)
            )
            side = -side if node.sign == "-" and not first else side
            good = good & (here.abs() <= tol) & (side * below > 0) & (side * above < 0)
        return good

    @cached_property
    def _pieces(self) -> tuple[_Surface, ...]:
        surfaces = (
            _Surface(piece, self, (k, j), turned)
            for k, (leaf, turned) in enumerate(self._leaves)
            for j, piece in enumerate(leaf._pieces)
        )
        return tuple(surface for surface in surfaces if surface.measure > 0)

    def _find(self, on: str | Domain) -> tuple[int, ...] | None:
        if isinstance(on, str):
            meant = {(k, j) for k, (leaf, _) in enumerate(self._leaves) for j in leaf._find(on) or ()}
        else:
            meant = {(k, j) for k in self._under(on) for j in range(len(self._leaves[k][0]._pieces))}
        return tuple(i for i, piece in enumerate(self._pieces) if piece.origin in meant) or None

    def _under(self, operand: Domain) -> list[int]:
        """The leaves that belong to an operand, wherever it occurs."""
        if operand is self or operand == self:
            return list(range(len(self._leaves)))
        found = []
        offset = 0
        for child in (self.a, self.b):
            if isinstance(child, CSG):
                found += [offset + k for k in child._under(operand)]
                offset += len(child._leaves)
            else:
                found += [offset] if child == operand else []
                offset += 1
        return found

    # ---- the distance ---------------------------------------------------------------------------------

    def _tree(self) -> Any:
        right = self.b._tree()
        if self.sign == "-":
            right = csgproduct.negated(right)
        return "or" if self.sign == "|" else "and", self.a._tree(), right

    @cached_property
    def _factors(self) -> list[csgproduct.Factor] | None:
        with torch._C._DisableFuncTorch():  # they may be asked for first within a transform
            return csgproduct.factors(self, self._tree())

    def _distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        found = None if self._factors is None else csgproduct.product(chosen, self._factors, x)
        return self._partial(x, chosen) if found is None else found

    @cached_property
    def _has_distance(self) -> bool:
        if not all(leaf._has_distance for leaf, _ in self._leaves):
            return False
        candidates = (
            _Surface(piece, self, (k, j), turned)
            for k, (leaf, turned) in enumerate(self._leaves)
            for j, piece in enumerate(leaf._pieces)
        )
        return not any(surface.inner() for surface in candidates)

    def _partial(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        picked = {self._pieces[i].origin for i in chosen}
        left = {piece.origin for piece in self._pieces} - picked
        choice = []
        for k, (leaf, _) in enumerate(self._leaves):
            own = tuple(j for j in range(len(leaf._pieces)) if (k, j) in picked)
            # what did not survive may be counted in: it does not bound the domain
            choice.append((own, bool(own) and not any((k, j) in left for j in range(len(leaf._pieces)))))
        found = _vanishing(self, x, choice, None)
        assert found is not None
        return found


def _crossing(one: Piece, two: Piece, x: Tensor) -> Tensor:
    """Points near ``x (n, d)`` at which the levels of both pieces vanish, by Newton's method; nan where there is none."""
    for _ in range(NEWTON):
        rows = -torch.stack([one.normal(x), two.normal(x)], 1)  # the gradients of both levels
        gram = rows @ rows.transpose(1, 2)
        across = gram[:, 0, 0] * gram[:, 1, 1] - gram[:, 0, 1] ** 2  # squared sine of the angle between them
        gram = torch.where((across > ALONG**2)[:, None, None], gram, torch.nan)
        values = torch.stack([one.level(x), two.level(x)], 1)[:, :, None]
        x = x - (rows.transpose(1, 2) @ torch.linalg.inv(gram) @ values)[:, :, 0]
    return x


# for each leaf: the chosen pieces, and whether they stand for all of it
Choice = list[tuple[tuple[int, ...], bool]]


def _vanishing(domain: Domain, x: Tensor, choice: Choice, side: int | None) -> Tensor | None:
    """A smooth function that vanishes only on chosen pieces of a domain; None where none is chosen.

    With side None it is meant for x in the closed domain, and positive there; with side 1 or -1 for x
    anywhere, and next to the pieces positive inside or outside.
    """
    if not any(own for own, _ in choice):
        return None
    if all(complete for _, complete in choice):
        return domain._level(x) * (side or 1)
    if isinstance(domain, CSG):
        return _vanishing_below(domain, x, choice, side)
    ((own, _),) = choice
    return join(domain._pieces, own, x, side)


def _vanishing_below(domain: CSG, x: Tensor, choice: Choice, side: int | None) -> Tensor:
    """The same from the operands' functions, each cut off where it does not bound the domain."""
    a, b, union = domain.a, domain.b, domain.sign == "|"
    turn = -1 if domain.sign == "-" else 1  # a - b is what lies in a and outside of b
    # A point of the closed domain lies in both operands of an intersection, but in which of a union is not known.
    anywhere = side is not None or union
    cut = len(a._leaves) if isinstance(a, CSG) else 1
    of_a = _vanishing(a, x, choice[:cut], (side or 1) if anywhere else None)
    of_b = _vanishing(b, x, choice[cut:], turn * (side or 1) if anywhere or turn < 0 else None)
    if anywhere:
        # the boundary of an operand bounds a union outside of the other operand, an intersection inside of it
        beside = -1 if union else 1
        of_a = None if of_a is None else trimmed(of_a, beside * turn * b._level(x), domain._size)
        of_b = None if of_b is None else trimmed(of_b, beside * a._level(x), domain._size)
    return conjunction_of(f for f in (of_a, of_b) if f is not None)


class Difference(CSG):
    """``a - b``: the points of a that are not inside b."""

    sign = "-"

    def _level(self, x: Tensor) -> Tensor:
        return conjunction(self.a._level(x), -self.b._level(x))

    def _merge(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.minimum(a, -b)


class Union(CSG):
    """``a | b``: the points of a or b."""

    sign = "|"

    def _bounds(self, a: Domain, b: Domain) -> Bounds:
        return tuple(map(min, a._low, b._low)), tuple(map(max, a._high, b._high))

    def _level(self, x: Tensor) -> Tensor:
        return disjunction(self.a._level(x), self.b._level(x))

    def _merge(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.maximum(a, b)


class Intersection(CSG):
    """``a & b``: the points of a and b."""

    sign = "&"

    def _bounds(self, a: Domain, b: Domain) -> Bounds:
        return tuple(map(max, a._low, b._low)), tuple(map(min, a._high, b._high))

    def _level(self, x: Tensor) -> Tensor:
        return conjunction(self.a._level(x), self.b._level(x))

    def _merge(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.minimum(a, b)
