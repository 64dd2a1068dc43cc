"""What a domain is: a bounded region of space (and time) with named coordinates, points and a boundary."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from sciml import arguments
from sciml.domains.boundary import Boundary
from sciml.domains.pieces import Mask, Piece, join
from sciml.domains.sampling import draw
from sciml.errors import ArgumentError, ArgumentTypeError

MAX_CONFIG_DEPTH = 200
SCALE_POINTS = 1024


class Domain(ABC):
    """A bounded region in named coordinates, time first when there is time; immutable.

    Everything is computed in the dtype and on the device of the points that come in; points that go out are
    float64 on the CPU. Points have shape (..., d), usually (n, d).

    Attributes:
        names: Coordinate names, e.g. ``("t", "x", "y")``.
        time_axis: Axis of time, or None.
    """

    names: tuple[str, ...]
    time_axis: int | None = None
    _compound: ClassVar[bool] = False  # written with an operator, so it needs brackets within another
    _low: tuple[float, ...]
    _high: tuple[float, ...]
    _kinds: ClassVar[dict[str, type[Domain]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Domain._kinds[cls.__name__] = cls

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"{type(self).__name__} is immutable; build a new one instead of setting {name!r}"
        )

    # ---- what it is -----------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Number of coordinates d, time included."""
        return len(self.names)

    @property
    def lower(self) -> Tensor:
        """Lower corner of the bounding box, (d,) float64."""
        return torch.tensor(self._low, dtype=torch.float64)

    @property
    def upper(self) -> Tensor:
        """Upper corner of the bounding box, (d,) float64."""
        return torch.tensor(self._high, dtype=torch.float64)

    @property
    def space_axes(self) -> tuple[int, ...]:
        """Axes that are not time."""
        return tuple(k for k in range(self.dim) if k != self.time_axis)

    @property
    def space(self) -> Domain:
        """The part of the domain without time; the domain itself when it has none."""
        return self

    @property
    @abstractmethod
    def measure(self) -> float:
        """Length, area or volume, times the duration when there is time."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the boundary's pieces, as ``boundary(on=...)`` takes them."""
        return tuple(dict.fromkeys(piece.name for piece in self._pieces))

    # ---- points ---------------------------------------------------------------------------------------

    def check(self, x: Tensor) -> None:
        """Raise unless x is a floating tensor of shape (..., d).

        Raises:
            ArgumentTypeError: x is not a floating tensor.
            ArgumentError: x has another width.
        """
        if not isinstance(x, Tensor) or not x.is_floating_point():
            got = f"{x.dtype}" if isinstance(x, Tensor) else type(x).__name__
            raise ArgumentTypeError(f"x needs a floating tensor of points, got {got}.")
        if x.ndim == 0 or x.shape[-1] != self.dim:
            need = f"(n, {self.dim}) with coordinates {', '.join(self.names)}"
            raise ArgumentError(f"x needs points of shape {need}, got {tuple(x.shape)}.")

    def contains(self, x: Tensor) -> Tensor:
        """Whether points (..., d) lie in the closed domain, up to round-off: (...,) bool; nan is outside."""
        self.check(x)
        return self._depth(x) >= -self._round_off(x.dtype)

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """n points strictly inside, uniform in volume with low discrepancy: (n, d) float64.

        Raises:
            ArgumentError: n < 1, or the domain is empty.
        """
        n, seed = arguments.count("n", n), arguments.seed_number(seed)
        return draw(self._cube, n, (seed,), self._place, self)

    def grid(self, n: int | Sequence[int]) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        """Tensor-product grid over the bounding box, ends included, for plots.

        Args:
            n: Points an axis, one int or one for each axis.
        Returns:
            points (N, d), mask (N,) bool of those in the domain, and the shape with product N.
        """
        sizes = list(n) if isinstance(n, Sequence) else [n] * self.dim
        if len(sizes) != self.dim:
            raise ArgumentError(f"n needs one int or {self.dim} of them, got {n!r}.")
        sizes = [arguments.count("n", s) for s in sizes]
        axes = [
            torch.linspace(a, b, s, dtype=torch.float64)
            for a, b, s in zip(self._low, self._high, sizes, strict=True)
        ]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, self.dim)
        return points, self.contains(points), tuple(sizes)

    # ---- boundary -------------------------------------------------------------------------------------

    def boundary(self, on: Any = None) -> Boundary:
        """The spatial boundary, whole or in part.

        Args:
            on: None for all of it; a name from ``parts`` (for boxes also ``"x=min"``, ``"left"``, ...); an
                operand of a CSG domain; a function ``mask(x (n, d)) -> (n,) bool``; or a list of these,
                united.
        Raises:
            ArgumentError: No such part, or nothing lies on it.
        """
        return Boundary(self, on)

    def initial(self) -> Boundary:
        """The domain at its first time."""
        raise ArgumentError(
            f"initial() needs a domain with time, such as TimeInterval(0, 1) * space, got {self!r}."
        )

    def final(self) -> Boundary:
        """The domain at its last time."""
        raise ArgumentError(
            f"final() needs a domain with time, such as TimeInterval(0, 1) * space, got {self!r}."
        )

    # ---- what a subclass gives ------------------------------------------------------------------------

    _cube: int  # dimension of the unit cube that _place maps from

    @abstractmethod
    def _place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map the open unit cube uniformly: u (n, cube) -> points (n, d), and which of them to keep."""

    @abstractmethod
    def _depth(self, x: Tensor) -> Tensor:
        """Positive inside, negative outside, |depth| <= distance to the boundary: (..., d) -> (...,)."""

    @abstractmethod
    def _level(self, x: Tensor) -> Tensor:
        """As _depth, but smooth, with gradient of length one at regular points of the boundary."""

    @property
    @abstractmethod
    def _pieces(self) -> tuple[Piece, ...]:
        """The boundary, cut into smooth pieces."""

    def _find(self, on: str | Domain) -> tuple[int, ...] | None:
        """Indices of the pieces called ``on``; None when there are none of that name."""
        if isinstance(on, Domain):
            return tuple(range(len(self._pieces))) if on is self or on == self else None
        return tuple(i for i, piece in enumerate(self._pieces) if piece.name == on) or None

    def select(self, on: Any) -> tuple[tuple[int, ...], tuple[Mask, ...]]:
        """What ``on`` picks: indices of whole pieces, and masks."""
        if on is None:
            return tuple(range(len(self._pieces))), ()
        if isinstance(on, (list, tuple)):
            if not on:
                raise ArgumentError("on needs at least one part, got an empty list.")
            picks = [self.select(part) for part in on]
            whole = sorted({i for indices, _ in picks for i in indices})
            return tuple(whole), tuple(mask for _, masks in picks for mask in masks)
        if isinstance(on, (str, Domain)):
            if (found := self._find(on)) is None:
                raise ArgumentError(
                    f"on needs a part of the boundary of {self!r}: one of {', '.join(self.parts)}"
                    f"{' or one of the domains that it is made of' if self._compound else ''}, got {on!r}."
                )
            return found, ()
        if callable(on):
            return (), (cast(Mask, on),)
        raise ArgumentTypeError(
            f"on needs None, a part's name, a domain, a function mask(x) or a list of these, got {on!r}."
        )

    def _on_pieces(self, x: Tensor, chosen: Sequence[int], tol: float) -> Tensor:
        """Whether points lie on one of the chosen pieces, within ``tol``: (..., d) -> (...,) bool."""
        found = torch.zeros(x.shape[:-1], dtype=torch.bool, device=x.device)
        for k in chosen:
            found = found | self._pieces[k].on(x, tol)
        return found

    def _partial(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        """As _level, but zero only on the chosen pieces; for x in the closed domain."""
        whole = len(set(chosen)) == len(self._pieces)
        return self._level(x) if whole else join(self._pieces, chosen, x, None)

    def _tree(self) -> Any:
        """The levels whose formula is the domain, see ``sciml.domains.distances.csgproduct``; by default one."""
        return self._level

    _has_inside = True
    _has_distance = True

    def _distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        """Smooth, positive inside, zero on the chosen pieces: (..., d) -> (...,)."""
        return self._partial(x, chosen)

    def _even_distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        """As _distance, with the same slope all along the chosen pieces, for which corners may have kinks."""
        return self._partial(x, chosen)

    def _distance_scale(self, chosen: Sequence[int]) -> float:
        """What to divide _distance by so that its maximum inside is about one."""
        return float(self._distance(self.sample(SCALE_POINTS), chosen).max())

    def _even_scale(self, chosen: Sequence[int]) -> float:
        """What to divide _even_distance by."""
        return float(self._even_distance(self.sample(SCALE_POINTS), chosen).max())

    @cached_property
    def _size(self) -> float:
        """The longest side of the bounding box."""
        return max(b - a for a, b in zip(self._low, self._high, strict=True))

    def _round_off(self, dtype: torch.dtype) -> float:
        """A length that bounds what rounding does to a distance between points near the domain."""
        reach = max(max(abs(a), abs(b), b - a) for a, b in zip(self._low, self._high, strict=True))
        return 16 * torch.finfo(dtype).eps * reach

    # ---- combining ------------------------------------------------------------------------------------

    def __sub__(self, other: Domain) -> Domain:
        return self._combine("Difference", other)

    def __or__(self, other: Domain) -> Domain:
        return self._combine("Union", other)

    def __and__(self, other: Domain) -> Domain:
        return self._combine("Intersection", other)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, Domain) or other.time_axis is not None:
            return NotImplemented  # what has time answers for itself
        return self._combine("Product", other)

    def _combine(self, kind: str, other: Domain) -> Domain:
        if not isinstance(other, Domain):
            return NotImplemented
        # by name, as a file names it: these are domains, so they stand above this module
        combination: Any = Domain._kinds[kind]
        return combination(self, other)

    # ---- values and files -----------------------------------------------------------------------------

    @abstractmethod
    def _fields(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data or domains."""

    @cached_property
    def _key(self) -> Any:
        return tuple(self._fields().items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Domain) and type(self) is type(other) and self._key == other._key

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._key))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={_show(v)}' for k, v in self._fields().items())})"

    def to_config(self) -> dict[str, Any]:
        """Plain data (dicts, lists, strings, floats) that from_config turns back into an equal domain."""
        return {"kind": type(self).__name__, **{k: _plain(v) for k, v in self._fields().items()}}

    @staticmethod
    def from_config(config: dict[str, Any]) -> Domain:
        """The domain that to_config described.

        Raises:
            ArgumentError: An unknown kind, missing or unknown entries, or values that the domain refuses.
        """
        return _build(config, 0)


def _build(config: Any, depth: int) -> Domain:
    if not isinstance(config, dict) or not isinstance(config.get("kind"), str):
        raise ArgumentError(f"config needs a dict with a 'kind', got {type(config).__name__}.")
    if depth > MAX_CONFIG_DEPTH:
        raise ArgumentError(f"config needs at most {MAX_CONFIG_DEPTH} nested domains, got more.")
    cls = Domain._kinds.get(config["kind"])
    if cls is None or cls.__abstractmethods__ or cls.__name__.startswith("_"):
        known = ", ".join(sorted(k for k, c in Domain._kinds.items() if not c.__abstractmethods__))
        raise ArgumentError(f"config['kind'] needs one of {known}, got {config['kind']!r}.")
    fields = {k: _build(v, depth + 1) if isinstance(v, dict) else v for k, v in config.items() if k != "kind"}
    try:
        domain = cls(**fields)
    except TypeError as error:
        raise ArgumentError(f"config of a {cls.__name__} has wrong entries: {error}") from None
    if set(domain._fields()) != set(fields):
        raise ArgumentError(f"config of a {cls.__name__} needs {list(domain._fields())}, got {list(fields)}.")
    return domain


def _plain(value: Any) -> Any:
    if isinstance(value, Domain):
        return value.to_config()
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, tuple):
        shown = [_show(v) for v in value]
        return f"({', '.join(shown)}{',' if len(shown) == 1 else ''})"
    return repr(value)


def different_names(a: Domain, b: Domain) -> None:
    """Raise unless the factors of a product have different coordinates.

    Raises:
        ArgumentError: They share a name.
    """
    if shared := set(a.names) & set(b.names):
        raise ArgumentError(
            f"* needs factors with different coordinates, got {', '.join(sorted(shared))} in {a!r} and in {b!r}: "
            "name them, as in Interval(0, 1, name='z')."
        )


def volume(lower: Sequence[float], upper: Sequence[float]) -> float:
    """Product of the side lengths."""
    return math.prod(b - a for a, b in zip(lower, upper, strict=True))
