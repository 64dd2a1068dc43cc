"""Products of domains: each point of the one with each point of the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sciml.domains.base import Domain, different_names
from sciml.domains.distances.rfunctions import conjunction
from sciml.domains.pieces import Piece
from sciml.errors import ArgumentError, ArgumentTypeError


class Along(Piece):
    """A piece of the boundary of one factor, all along the other.

    Args:
        piece: Of the factor's boundary.
        other: The other factor.
        first: Whether the coordinates of ``piece`` come first.
    """

    def __init__(self, piece: Piece, other: Domain, first: bool):
        self.piece, self.other, self.first = piece, other, first
        self.name, self.cube, self.clean = piece.name, piece.cube + other._cube, piece.clean
        self.size = max(piece.size, other._size) if other._pieces else piece.size

    @cached_property
    def measure(self) -> float:
        """The product of both."""
        return self.piece.measure * self.other.measure

    def _apart(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The coordinates of the piece and those of the other factor."""
        if self.first:
            cut = x.shape[-1] - self.other.dim
            return x[..., :cut], x[..., cut:]
        return x[..., self.other.dim :], x[..., : self.other.dim]

    def together(self, own: Tensor, rest: Tensor) -> Tensor:
        """Points, from their coordinates on the piece and in the other factor."""
        return torch.cat([own, rest] if self.first else [rest, own], -1)

    def place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        own, rest = (
            (u[:, : self.piece.cube], u[:, self.piece.cube :])
            if self.first
            else (u[:, self.other._cube :], u[:, : self.other._cube])
        )
        (x, keep), (y, kept) = self.piece.place(own), self.other._place(rest)
        return self.together(x, y), both(keep, kept)

    def gap(self, x: Tensor) -> Tensor:
        """Distance to the piece, and for points beside the other factor at least what is known of the distance to that."""
        own, rest = self._apart(x)
        beside = (-self.other._depth(rest)).clamp(min=0.0)
        return torch.hypot(self.piece.gap(own), beside)

    def on(self, x: Tensor, tol: float) -> Tensor:
        own, rest = self._apart(x)
        return self.piece.on(own, tol) & (self.other._depth(rest) >= -tol)

    def normal(self, x: Tensor) -> Tensor:
        own, rest = self._apart(x)
        return self.together(self.piece.normal(own), torch.zeros_like(rest))

    def level(self, x: Tensor) -> Tensor:
        return self.piece.level(self._apart(x)[0])

    def trim(self, x: Tensor) -> Tensor | None:
        own, rest = self._apart(x)
        trims = [
            t
            for t in (self.piece.trim(own), self.other._level(rest) if self.other._pieces else None)
            if t is not None
        ]
        return None if not trims else trims[0] if len(trims) == 1 else conjunction(*trims)


def both(keep: Tensor | None, kept: Tensor | None) -> Tensor | None:
    """Which points to keep where two maps have their say; None for all."""
    if keep is None or kept is None:
        return kept if keep is None else keep
    return keep & kept


class Pair(Domain):
    """A domain that is the product of two, whose coordinates stand one after the other."""

    _factors: tuple[Domain, Domain]

    def _join(self, first: Domain, second: Domain, **fields: Any) -> None:
        self._set(
            _factors=(first, second),
            names=first.names + second.names,
            _low=first._low + second._low,
            _high=first._high + second._high,
            _cube=first._cube + second._cube,
            **fields,
        )

    @property
    def measure(self) -> float:
        """The product of both."""
        a, b = self._factors
        return a.measure * b.measure

    def _apart(self, x: Tensor) -> tuple[Tensor, Tensor]:
        cut = self._factors[0].dim
        return x[..., :cut], x[..., cut:]

    def _place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        a, b = self._factors
        (x, keep), (y, kept) = a._place(u[:, : a._cube]), b._place(u[:, a._cube :])
        return torch.cat([x, y], -1), both(keep, kept)

    def _depth(self, x: Tensor) -> Tensor:
        a, b = self._factors
        one, two = self._apart(x)
        return torch.minimum(a._depth(one), b._depth(two))


class Product(Pair):
    """Each point of one domain in space with each of another; written ``a * b``.

    ``Disk([0, 0], 1) * Interval(0, 2, name="z")`` is a cylinder, a polygon times an interval a prism, and
    ``Polygon(...) * Interval(0.1, 0.5, name="k")`` has a parameter of the equation as a coordinate. The product of boxes is
    a Box.

    A part of the boundary has the name that it has in a's or in b's boundary; ``on=a`` is the boundary of a, all along b.
    The distance is the product of a's and b's.

    Args:
        a: A domain in space, with an inside.
        b: Another, with other coordinate names.
    """

    a: Domain
    b: Domain

    def __init__(self, a: Domain, b: Domain):
        for argument, factor in (("a", a), ("b", b)):
            if not isinstance(factor, Domain):
                raise ArgumentTypeError(f"{argument} needs a domain, got {factor!r}.")
            if factor.time_axis is not None:
                raise ArgumentError(
                    f"{argument} needs a domain without time, got {factor!r}; time comes first."
                )
            if not factor._has_inside:
                raise ArgumentError(f"{argument} needs a domain with an inside, got {factor!r}.")
        different_names(a, b)
        self._join(a, b, a=a, b=b)

    def _fields(self) -> dict[str, Any]:
        return {"a": self.a, "b": self.b}

    def __repr__(self) -> str:
        return " * ".join(f"({f!r})" if f._compound else repr(f) for f in (self.a, self.b))

    def _level(self, x: Tensor) -> Tensor:
        one, two = self._apart(x)
        return conjunction(self.a._level(one), self.b._level(two))

    def _tree(self) -> Any:
        cut = self.a.dim
        return "and", _of(self.a._tree(), lambda x: x[..., :cut]), _of(self.b._tree(), lambda x: x[..., cut:])

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        return (
            *(Along(piece, self.b, True) for piece in self.a._pieces),
            *(Along(piece, self.a, False) for piece in self.b._pieces),
        )

    def _find(self, on: str | Domain) -> tuple[int, ...] | None:
        if isinstance(on, Domain) and on == self:
            return tuple(range(len(self._pieces)))
        before = len(self.a._pieces)
        found = (*(self.a._find(on) or ()), *(before + k for k in self.b._find(on) or ()))
        return found or None

    def _on_pieces(self, x: Tensor, chosen: Sequence[int], tol: float) -> Tensor:
        parts = self._apart(x)
        within = [f._depth(part) >= -tol for f, part in zip((self.a, self.b), parts, strict=True)]
        found = torch.zeros(x.shape[:-1], dtype=torch.bool, device=x.device)
        for f, k, own in self._chosen(chosen):
            found = found | (f._on_pieces(parts[k], own, tol) & within[1 - k])
        return found

    @property
    def _has_distance(self) -> bool:
        return self.a._has_distance and self.b._has_distance

    def _chosen(self, chosen: Sequence[int]) -> list[tuple[Domain, int, tuple[int, ...]]]:
        """The factors that chosen pieces belong to, each with its place and the pieces there."""
        before = len(self.a._pieces)
        of_a = tuple(k for k in chosen if k < before)
        of_b = tuple(k - before for k in chosen if k >= before)
        return [(f, k, own) for k, (f, own) in enumerate(((self.a, of_a), (self.b, of_b))) if own]

    def _distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        parts = self._apart(x)
        found = [f._distance(parts[k], own) for f, k, own in self._chosen(chosen)]
        return found[0] if len(found) == 1 else found[0] * found[1]

    def _distance_scale(self, chosen: Sequence[int]) -> float:
        scale = 1.0
        for f, _, own in self._chosen(chosen):
            scale *= f._distance_scale(own)
        return scale

    def _even_distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        parts = self._apart(x)
        found = [f._partial(parts[k], own) for f, k, own in self._chosen(chosen)]
        return found[0] if len(found) == 1 else conjunction(*found)


def _of(tree: Any, columns: Callable[[Tensor], Tensor]) -> Any:
    """The formula of a factor, of points of the product."""
    if isinstance(tree, tuple):
        joint, one, two = tree
        return joint, _of(one, columns), _of(two, columns)
    return lambda x: tree(columns(x))
