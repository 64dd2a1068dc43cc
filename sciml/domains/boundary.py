"""The boundary of a domain, or a part of it: points, outward normals, and a smooth distance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor

from sciml import arguments as arguments
from sciml.domains.base import Domain, Mask
from sciml.domains.rfunctions import conjunction_of, trimmed
from sciml.domains.sampling import Sobol, draw, share
from sciml.errors import ArgumentError, ArgumentTypeError

SURVEY_POINTS = 2**12
SURVEY_SEED = 20240229


class Piece(ABC):
    """A smooth piece of a boundary, such as a face, an edge or a sphere.

    Attributes:
        name: What ``boundary(on=name)`` calls it.
        measure: Its length or area; 1 for a point.
        cube: Dimension of the unit cube that `place` maps from.
        clean: Whether `level` vanishes in the closed domain on the piece alone.
        size: A length to scale with.
    """

    name: str
    measure: float
    cube: int
    clean: bool = True
    size: float = 1.0

    @abstractmethod
    def place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map the unit cube to the piece, uniformly: u (n, cube) -> points (n, d), and which to keep."""

    @abstractmethod
    def gap(self, x: Tensor) -> Tensor:
        """Distance to the piece: (..., d) -> (...,)."""

    @abstractmethod
    def normal(self, x: Tensor) -> Tensor:
        """Outward unit normal at points on the piece: (..., d) -> (..., d)."""

    @abstractmethod
    def level(self, x: Tensor) -> Tensor:
        """Smooth, zero on the piece, gradient of length one there, positive on the inner side: (...,)."""

    def trim(self, x: Tensor) -> Tensor | None:
        """Positive on the stretch of ``level = 0`` that the piece covers; None when it covers all of it."""
        return None

    def on(self, x: Tensor, tol: float) -> Tensor:
        """Whether points lie on the piece: (...,) bool."""
        return self.gap(x) <= tol

    def sample(self, n: int, seed: Sequence[int]) -> Tensor:
        """n points, uniform in measure: (n, d) float64."""
        return draw(self.cube, n, seed, self.place, f"the boundary part {self.name!r}")


class Kept(Piece):
    """The part of a piece where `keep` says so; its measure is estimated from 4096 fixed points."""

    def __init__(self, piece: Piece):
        self.piece = piece
        self.name, self.cube, self.clean, self.size = piece.name, piece.cube, piece.clean, piece.size

    @abstractmethod
    def keep(self, x: Tensor) -> Tensor:
        """Which points (n, d) of the piece belong to the part: (n,) bool."""

    @cached_property
    def measure(self) -> float:
        """What the part measures."""
        if self.cube == 0:
            u = torch.zeros(1, 0, dtype=torch.float64)
        else:
            u = Sobol(self.cube, (SURVEY_SEED,)).draw(SURVEY_POINTS)
        _, kept = self.place(u)
        assert kept is not None
        return self.piece.measure * float(kept.double().mean())

    def place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        """As that of the piece, keeping what belongs to the part."""
        x, kept = self.piece.place(u)
        keep = torch.zeros(len(x), dtype=torch.bool)
        among = torch.arange(len(x)) if kept is None else kept.nonzero()[:, 0]
        keep[among] = self.keep(x[among])
        return x, keep

    def gap(self, x: Tensor) -> Tensor:
        """Distance to the whole piece."""
        return self.piece.gap(x)

    def normal(self, x: Tensor) -> Tensor:
        """That of the piece."""
        return self.piece.normal(x)

    def level(self, x: Tensor) -> Tensor:
        """That of the piece."""
        return self.piece.level(x)

    def trim(self, x: Tensor) -> Tensor | None:
        """That of the piece."""
        return self.piece.trim(x)


class _Masked(Kept):
    """The part of a piece that one of some masks picks."""

    def __init__(self, piece: Piece, masks: Sequence[Mask]):
        super().__init__(piece)
        self.masks = masks

    def keep(self, x: Tensor) -> Tensor:
        picked = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        for mask in self.masks:
            answer = mask(x)
            if not isinstance(answer, Tensor) or answer.dtype != torch.bool or answer.numel() != len(x):
                got = (
                    f"{answer.dtype} {tuple(answer.shape)}"
                    if isinstance(answer, Tensor)
                    else type(answer).__name__
                )
                raise ArgumentError(
                    f"on needs a mask that returns ({len(x)},) bool for as many points, got {got}"
                )
            picked = picked | answer.reshape(-1)
        return picked

    def on(self, x: Tensor, tol: float) -> Tensor:
        return self.piece.on(x, tol) & self.keep(x.reshape(-1, x.shape[-1])).reshape(x.shape[:-1])


def join(pieces: Sequence[Piece], chosen: Sequence[int], x: Tensor, side: int | None) -> Tensor:
    """One smooth function that vanishes only on the chosen pieces of a domain: (..., d) -> (...,).

    With side None it is meant for x in the closed domain, and positive there; with side 1 or -1 for x
    anywhere, and next to the pieces positive inside or outside.
    """
    terms = []
    for i in chosen:
        piece = pieces[i]
        f = piece.level(x) * (side or 1)
        if side is not None or not piece.clean:
            t = piece.trim(x)
            f = trimmed(f, torch.ones_like(f) if t is None else t, piece.size)
        terms.append(f)
    return conjunction_of(terms)


def select(domain: Domain, on: Any) -> tuple[tuple[int, ...], tuple[Mask, ...]]:
    """What `on` picks: indices of whole pieces, and masks."""
    if on is None:
        return tuple(range(len(domain._pieces))), ()
    if isinstance(on, (list, tuple)):
        if not on:
            raise ArgumentError("on needs at least one part, got an empty list")
        picks = [select(domain, part) for part in on]
        whole = sorted({i for indices, _ in picks for i in indices})
        return tuple(whole), tuple(mask for _, masks in picks for mask in masks)
    if isinstance(on, (str, Domain)):
        if (found := domain._find(on)) is None:
            raise ArgumentError(
                f"on needs a part of the boundary of {domain!r}: one of {', '.join(domain.parts)}"
                f"{' or an operand' if domain._compound else ''}; got {on!r}"
            )
        return found, ()
    if callable(on):
        return (), (cast(Mask, on),)
    raise ArgumentTypeError(
        f"on needs None, a part's name, a domain, a function mask(x) or a list of these; got {on!r}"
    )


class Boundary:
    """The boundary of a domain, or a part of it; immutable.

    Attributes:
        domain: The domain.
        parts: Names of the pieces.
        has_distance: Whether there is a smooth distance: not for masks and point clouds.
    """

    def __init__(self, domain: Domain, on: Any = None):
        """See `Domain.boundary`."""
        self.domain = domain
        self._on = on
        self._chosen, masks = select(domain, on)
        pieces = [domain._pieces[i] for i in self._chosen]
        if masks:
            rest = [_Masked(p, masks) for i, p in enumerate(domain._pieces) if i not in self._chosen]
            pieces += [p for p in rest if p.measure > 0]
        if not pieces:
            where = "" if on is None else f" that on={on!r} picks"
            raise ArgumentError(f"{domain!r} has no boundary{where}")
        self._pieces = tuple(pieces)
        self.parts = tuple(dict.fromkeys(p.name for p in pieces))
        self.has_distance = domain._has_distance and not masks

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The smooth pieces that it consists of."""
        return self._pieces

    @property
    def chosen(self) -> tuple[int, ...]:
        """Indices of the domain's pieces that it consists of; without those that a mask picks points of."""
        return self._chosen

    def __repr__(self) -> str:
        return f"{self.domain!r}.boundary({'' if self._on is None else f'on={self._on!r}'})"

    @property
    def measure(self) -> float:
        """Length or area of the boundary, times the duration when there is time; points count one each."""
        return sum(p.measure for p in self._pieces)

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """n points, uniform in measure, low discrepancy on each piece: (n, d) float64.

        Every piece gets at least one point when n is at least their number.
        """
        n, seed = arguments.count("n", n), arguments.seed_number(seed)
        counts = share(n, [p.measure for p in self._pieces])
        return torch.cat(
            [p.sample(m, (seed, i)) for i, (p, m) in enumerate(zip(self._pieces, counts, strict=True)) if m]
        )

    def normal(self, x: Tensor) -> Tensor:
        """Outward unit normals at points of the boundary: (..., d) -> (..., d), the time component 0.

        It is the normal of the nearest piece; at an edge or corner that of one piece that meets there.
        """
        self.domain.check(x)
        nearest = torch.stack([p.gap(x) for p in self._pieces]).argmin(0)
        normal = torch.zeros_like(x)
        for i, piece in enumerate(self._pieces):
            normal = torch.where((nearest == i).unsqueeze(-1), piece.normal(x), normal)
        return normal

    def contains(self, x: Tensor, tol: float = 1e-6) -> Tensor:
        """Whether points lie on it, within `tol` times the domain's size: (..., d) -> (...,) bool."""
        self.domain.check(x)
        tol = arguments.positive("tol", tol) * self.domain._size + self.domain._round_off(x.dtype)
        return torch.stack([p.on(x, tol) for p in self._pieces]).any(0)

    def distance(self, x: Tensor) -> Tensor:
        """A smooth function of points in the closed domain: (..., d) -> (..., 1).

        Zero exactly on this part of the boundary, positive elsewhere, at most about one, twice differentiable
        away from corners, its normal derivative on the boundary not zero. It is no Euclidean distance.

        Raises:
            ArgumentError: There is none (`has_distance` is False).
        """
        self.domain.check(x)
        if not self.has_distance:
            raise ArgumentError(f"distance needs a boundary made of named pieces; {self!r} has no distance")
        return (self._distance(x) / self._scale).unsqueeze(-1)

    def even_distance(self, x: Tensor) -> Tensor:
        """As ``distance``, with the same slope all along: (..., d) -> (..., 1).

        It compares distances to parts of the boundary better, but at corners it may have no second derivative.
        """
        self.domain.check(x)
        if not self.has_distance:
            raise ArgumentError(f"distance needs a boundary made of named pieces; {self!r} has no distance")
        return (self.domain._even_distance(x, self._chosen) / self._even_scale).unsqueeze(-1)

    @cached_property
    def _even_scale(self) -> float:
        return self.domain._even_scale(self._chosen)

    def _distance(self, x: Tensor) -> Tensor:
        return self.domain._distance(x, self._chosen)

    @cached_property
    def _scale(self) -> float:
        return self.domain._distance_scale(self._chosen)
