"""The boundary of a domain, or a part of it: points, outward normals, and a smooth distance."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sciml import arguments
from sciml.derivatives import outside_recordings
from sciml.domains.pieces import Masked, Piece
from sciml.domains.sampling import share
from sciml.errors import ArgumentError

if TYPE_CHECKING:
    from sciml.domains.base import Domain


class Boundary:
    """The boundary of a domain, or a part of it; immutable.

    Attributes:
        domain: The domain.
        parts: Names of the pieces.
        has_distance: Whether there is a smooth distance: not for masks and point clouds.
    """

    def __init__(self, domain: Domain, on: Any = None):
        """See ``Domain.boundary``."""
        self.domain = domain
        self._on = on
        self._chosen, masks = domain.select(on)
        pieces = [domain._pieces[i] for i in self._chosen]
        if masks:
            rest = [Masked(p, masks) for i, p in enumerate(domain._pieces) if i not in self._chosen]
            pieces += [p for p in rest if p.measure > 0]
        if not pieces:
            where = "" if on is None else f" that on={on!r} picks"
            raise ArgumentError(f"{domain!r} has no boundary{where}.")
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
        """Whether points lie on it, within ``tol`` times the domain's size: (..., d) -> (...,) bool."""
        self.domain.check(x)
        tol = arguments.positive("tol", tol) * self.domain._size + self.domain._round_off(x.dtype)
        found = self.domain._on_pieces(x, self._chosen, tol)
        for piece in self._pieces[len(self._chosen) :]:  # what masks pick
            found = found | piece.on(x, tol)
        return found

    def distance(self, x: Tensor) -> Tensor:
        """A smooth function of points in the closed domain: (..., d) -> (..., 1).

        Zero exactly on this part of the boundary, positive elsewhere, at most about one, twice differentiable
        away from corners, its normal derivative on the boundary not zero. It is no Euclidean distance.

        Raises:
            ArgumentError: There is none (``has_distance`` is False).
        """
        self.domain.check(x)
        if not self.has_distance:
            raise ArgumentError(f"distance needs a boundary made of named pieces; {self!r} has no distance.")
        return (self._distance(x) / self._scale).unsqueeze(-1)

    def even_distance(self, x: Tensor) -> Tensor:
        """As ``distance``, with the same slope all along: (..., d) -> (..., 1).

        It compares distances to parts of the boundary better, but at corners it may have no second derivative.
        """
        self.domain.check(x)
        if not self.has_distance:
            raise ArgumentError(f"distance needs a boundary made of named pieces; {self!r} has no distance.")
        return (self.domain._even_distance(x, self._chosen) / self._even_scale).unsqueeze(-1)

    @cached_property
    def _even_scale(self) -> float:
        with outside_recordings():
            return self.domain._even_scale(self._chosen)

    def _distance(self, x: Tensor) -> Tensor:
        return self.domain._distance(x, self._chosen)

    @cached_property
    def _scale(self) -> float:
        with outside_recordings():
            return self.domain._distance_scale(self._chosen)
