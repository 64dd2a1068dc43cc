"""Pieces of a boundary: points on them, outward normals, and functions that vanish on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from sciml.domains.distances.rfunctions import conjunction_of, trimmed
from sciml.domains.sampling import Sobol, draw
from sciml.errors import ArgumentError

Mask = Callable[[Tensor], Tensor]

SURVEY_POINTS = 2**12
SURVEY_SEED = 20240229


class Piece(ABC):
    """A smooth piece of a boundary, such as a face, an edge or a sphere.

    Attributes:
        name: What ``boundary(on=name)`` calls it.
        measure: Its length or area; 1 for a point.
        cube: Dimension of the unit cube that ``place`` maps from.
        clean: Whether ``level`` vanishes in the closed domain on the piece alone.
        size: A length to scale with.
        smooth: Whether ``place`` is a smooth map that keeps every point, so that Gauss rules may pass through it.
        closed: Whether it is a smooth closed curve, whose ends meet.
    """

    name: str
    measure: float
    cube: int
    clean: bool = True
    size: float = 1.0
    smooth: bool = False
    closed: bool = False

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

    def meeting(self, x: Tensor) -> Tensor:
        """Where a part of the piece ends, from points (n, d) on it close to such ends: (n, d)."""
        return x

    def sample(self, n: int, seed: Sequence[int]) -> Tensor:
        """n points, uniform in measure: (n, d) float64."""
        return draw(self.cube, n, seed, self.place, f"the boundary part {self.name!r}")


class Kept(Piece):
    """The part of a piece where ``keep`` says so; its measure is estimated from 4096 fixed points."""

    def __init__(self, piece: Piece):
        self.piece = piece
        self.name, self.cube, self.clean, self.size = piece.name, piece.cube, piece.clean, piece.size

    @abstractmethod
    def keep(self, x: Tensor) -> Tensor:
        """Which points (n, d) of the piece belong to the part: (n,) bool."""

    def off(self, x: Tensor) -> Tensor | None:
        """How far points (n, d) of the piece lie off the boundary, over the domain's size: (n,); None if unknown."""
        return self.piece.off(x) if isinstance(self.piece, Kept) else None

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


class Masked(Kept):
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
                    f"on needs a mask that returns ({len(x)},) bool for as many points, got {got}."
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
