"""``Interface``: where two materials meet, the unknown is continuous and the flux through it is given on both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sciml.conditions.base import BaseCondition, Value, evaluate, refuse_hard, settle
from sciml.conditions.general import takes_normal
from sciml.domains import Ball, Domain
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.expressions import evaluate_residual
from sciml.expressions.parts import Parts, parts_of
from sciml.field import Field
from sciml.linalg import divisor

APART = 1e-8  # of the domain's size: distance of the two sides' points from the interface
APART_PLANE = 1e-12  # the same for a plane, whose place is known to rounding
NEWTON, REACHED = 12, 1e-9  # steps towards the interface, and the distance from it that counts as on it
DRAWN = 8  # points that are moved to the interface for each one that is kept


@dataclass(frozen=True, eq=False)
class Interface(BaseCondition):
    """The flux through an interface between two materials: what leaves one side enters the other.

    ```python
    def k(x):
        return torch.where(x[:, :1] < 0.5, 1.0, 10.0)

    sciml.Interface("x=0.5", lambda u, x: k(x) * u.grad())
    ```

    The network sees the distance to the interface as one more input, whose slope jumps across it: the unknowns are
    continuous and may have a kink there. The flux is a penalty term, asked from both sides.

    Args:
        where: ``"x=0.5"`` for a plane; a shape such as ``Disk((0.5, 0.5), 0.2)`` for its boundary; or a smooth function
            ``phi(x (n, d)) -> (n, 1)`` of all coordinates, zero on the interface, of another sign on each side.
        flux: ``(u, x) -> (n, d_space)``, whose component along the normal is continuous; or ``(u, x, n) -> (n, k)``,
            columns that are continuous themselves. It is asked on both sides, so coefficients may jump.
        jump: Number or function: the flux on the far side less that on the near side, along the normal ``n``, which points
            to where the coordinate or ``phi`` is larger, or out of the shape.
        component: ``flux`` gets the field of this unknown in the place of all.
    """

    where: Any = None
    flux: Callable[..., Any] | None = None
    jump: Value = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_hard(self)
        settle(self, "jump")
        if not isinstance(self.where, (str, Domain)) and not callable(self.where):
            raise ArgumentTypeError(
                f'Interface where needs a plane such as "x=0.5", a shape or a function phi(x), got {self.where!r}.'
            )
        object.__setattr__(self, "_wants_normal", takes_normal("Interface flux", self.flux))

    @property
    def label(self) -> str:
        """``interface`` with the plane, where it is one, unless a name was given."""
        place = [self.where] if isinstance(self.where, str) else []
        return self.name or ":".join(["interface", *place, *filter(None, [self.component])])

    def level(self, domain: Domain) -> Callable[[Tensor], Tensor]:
        """``phi``, ``(n, d) -> (n, 1)``: negative on the near side, positive on the far side.

        Raises:
            ArgumentError: ``where`` names no plane through the domain, or a shape of other coordinates.
        """
        where = self.where
        if isinstance(where, str):
            axis, value = _plane(where, domain)
            return lambda x: x[:, axis : axis + 1] - value
        if isinstance(where, Domain):
            axes = list(domain.space_axes)
            if where.time_axis is not None or where.dim != len(axes):
                raise ArgumentError(
                    f"where needs a shape in {len(axes)} coordinates of space, got {where!r}."
                )
            if isinstance(where, Ball):  # smooth in its centre, too
                return lambda x: -where._distance(x[:, axes], (0,))[:, None]
            return lambda x: -where._level(x[:, axes])[:, None]
        return lambda x: evaluate(where, x, f"{self.label}: phi")

    def draw(self, domain: Domain, n: int, seed: int) -> Tensor:
        """Pairs of points on both sides of the interface, near and far in turn: ``(2 max(1, n // 2), d)``.

        Points of the domain are moved to where ``phi`` vanishes along its gradient in space.

        Raises:
            ArgumentError: None gets there.
        """
        pairs, level = max(1, n // 2), self.level(domain)
        found, count = domain.lower.new_zeros(0, domain.dim), 0
        while len(found) < pairs:
            x = domain.sample(DRAWN * pairs, seed=seed + 7919 * count)
            for _ in range(NEWTON):
                value, slope = self._slope(level, domain, x)
                x = x - value * slope / divisor(slope.square().sum(1, keepdim=True))
            value, slope = self._slope(level, domain, x)
            near = value.abs()[:, 0] <= REACHED * domain._size * slope.norm(dim=1)
            found = torch.cat([found, x[near & domain.contains(x) & (slope.norm(dim=1) > 0)]])
            count += 1
            if len(found) == 0 or count > 64:
                raise ArgumentError(
                    f"{self.label}: where needs an interface inside the domain, got one that no point of it leads to."
                )
        x = found[:pairs]
        apart = APART_PLANE if isinstance(self.where, str) else APART
        away = apart * domain._size * self.normal(domain, x)
        return torch.stack([x - away, x + away], 1).reshape(-1, domain.dim)

    def normal(self, domain: Domain, x: Tensor) -> Tensor:
        """Unit normals towards the far side, ``(n, d)``, the component along time 0."""
        slope = self._slope(self.level(domain), domain, x)[1]
        return slope / divisor(slope.norm(dim=1, keepdim=True))

    def parts(self, domain: Domain, u: Field, x: Tensor) -> Parts:
        """The flux along the normal at pairs of points as ``draw`` makes them: the difference within a pair vanishes.

        Raises:
            ArgumentError, ArgumentTypeError: ``flux`` returns something else, or the points are not float64.
        """
        assert self.flux is not None
        if x.dtype != torch.float64:
            raise ArgumentError(
                f"{self.label} needs dtype=torch.float64 to tell its sides apart, got {x.dtype}."
            )
        field = u if self.component is None else u[self.component]
        normal = self.normal(domain, x)
        own = self._wants_normal  # type: ignore[attr-defined]
        out = evaluate_residual(self, self.flux, field, x, *([normal] if own else []))
        parts = parts_of(f"{self.label}: its flux", out, len(x), self.label, f"{self.label}_")
        if not own:
            axes = list(domain.space_axes)
            shapes = [tuple(part.shape) for part in parts.values()]
            if shapes != [(len(x), len(axes))]:
                raise ArgumentError(
                    f"{self.label}: flux(u, x) needs to return shape (n, {len(axes)}), a vector in space, got "
                    f"{', '.join(map(str, shapes))}. For several columns write flux(u, x, n)."
                )
            parts = {name: (part * normal[:, axes]).sum(1, keepdim=True) for name, part in parts.items()}
        half = torch.tensor([-0.5, 0.5], dtype=x.dtype, device=x.device).repeat(len(x) // 2 + 1)[
            : len(x), None
        ]
        jump = half * evaluate(self.jump, x, f"{self.label}: jump")
        return {name: part - jump for name, part in parts.items()}

    def _slope(self, level: Callable[[Tensor], Tensor], domain: Domain, x: Tensor) -> tuple[Tensor, Tensor]:
        """``phi (n, 1)`` and its gradient in space ``(n, d)``."""
        y = x.detach().requires_grad_(True)
        with torch.enable_grad():
            value = level(y)
            if not (isinstance(value, Tensor) and value.requires_grad):
                raise ArgumentError(
                    f"{self.label}: where needs a function phi that torch can differentiate, got one whose values carry no "
                    "derivatives."
                )
            (slope,) = torch.autograd.grad(value.sum(), y)
        if domain.time_axis is not None:
            slope[:, domain.time_axis] = 0.0
        return value.detach(), slope


def kinks(domain: Domain, interfaces: list[Interface]) -> Callable[[Tensor], Tensor]:
    """The additional inputs of a network, ``(n, d) -> (n, k)``: distances to the interfaces, scaled to about [-1, 1]."""
    sample = domain.sample(1024)
    levels = [interface.level(domain) for interface in interfaces]
    sizes = [max(1e-300, float(level(sample).detach().abs().max())) for level in levels]

    def inputs(x: Tensor) -> Tensor:
        found = []
        for level, size in zip(levels, sizes, strict=True):
            phi = level(x)
            found.append(2 * torch.where(phi >= 0, phi, -phi) / size - 1)
        return torch.cat(found, 1)

    return inputs


def _plane(where: str, domain: Domain) -> tuple[int, float]:
    name, _, value = where.partition("=")
    names = {domain.names[i]: i for i in domain.space_axes}
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    axis = names.get(name.strip())
    if axis is None or not float(domain.lower[axis]) < number < float(domain.upper[axis]):
        raise ArgumentError(
            f'where needs a plane inside the domain, such as "{next(iter(names))}=0.5", got {where!r}.'
        )
    return axis, number
