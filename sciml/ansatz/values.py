"""The values of conditions on their parts of the boundary, before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from sciml.ansatz.lines import place
from sciml.conditions import BaseCondition, Dirichlet, Initial, Neumann, Robin, evaluate, rounding
from sciml.domains import Boundary, Domain, PointCloud
from sciml.domains.sampling import Sobol
from sciml.errors import ArgumentError
from sciml.problem import PDE

ALONG = 241  # regular points along a piece: tenths, twelfths and sixteenths of it are among them
SQUARE = 31  # the same each way over a piece with two coordinates
SOME = 512  # quasi-random points where a piece has more
TOGETHER = 16_384  # of them on all pieces together: a box in 100 dimensions has 200
LEAST = 32  # on each piece in any case
INSIDE = 1e-9  # from the border of the unit cube, where maps of it to a sphere have no value


def regular(boundary: Boundary) -> Tensor:
    """Points of a boundary, corners among them: ``(n, d)``."""
    domain = boundary.domain
    if domain.space_axes and isinstance(domain.space, PointCloud):
        return boundary.sample(SOME, seed=1)
    found, drawn = [], {}
    some = min(SOME, max(LEAST, TOGETHER // len(boundary.pieces)))
    for piece in boundary.pieces:
        if piece.cube == 0:
            u = torch.zeros(1, 0, dtype=torch.float64)
        elif piece.cube == 1:
            u = torch.linspace(0, 1, ALONG, dtype=torch.float64)[:, None]
        elif piece.cube == 2:
            line = torch.linspace(0, 1, SQUARE, dtype=torch.float64)
            u = torch.cartesian_prod(line, line)
        else:
            if piece.cube not in drawn:
                drawn[piece.cube] = Sobol(piece.cube, (0,)).draw(some)
            u = drawn[piece.cube]
        x, keep = piece.place(u)
        if not bool(torch.isfinite(x).all()):
            x, keep = piece.place(u.clamp(INSIDE, 1 - INSIDE))
        found.append(x if keep is None else x[keep])
    return torch.cat(found)


def check_values(problem: PDE, condition: BaseCondition) -> None:
    """Refuse a condition whose values on its part of the boundary, or at the first instant, are not finite.

    Raises:
        ArgumentError: Naming the condition and a point.
    """
    if isinstance(condition, Initial):
        keys = ("value",)
        boundary = problem.domain.initial()
    elif isinstance(condition, (Dirichlet, Neumann, Robin)):
        keys = ("alpha", "beta", "value") if isinstance(condition, Robin) else ("value",)
        boundary = problem.domain.boundary(condition.on)
    else:
        return
    functions: dict[str, Any] = {key: value for key in keys if callable(value := getattr(condition, key))}
    if not functions:
        return
    x = torch.cat([boundary.sample(SOME, seed=0), regular(boundary)])
    for key, function in functions.items():
        name = condition.label if key == "value" else f"{condition.label}: {key}"
        found = evaluate(function, x, name)
        bad = ~torch.isfinite(found[:, 0])
        if bool(bad.any()):
            where = place(x[bad][0], tuple(problem.domain.names))
            at = "at the first instant" if isinstance(condition, Initial) else "on its part of the boundary"
            raise ArgumentError(f"{name} needs finite values {at}, got {found[bad][0, 0].item()} at {where}.")


def size_of(values: list[Tensor]) -> float:
    """The largest absolute value, above zero."""
    return max(1e-300, *(float(v.detach().abs().max()) for v in values))


def noise_of(conditions: Iterable[BaseCondition], domain: Domain) -> float:
    """What the values of conditions on their places may be off by rounding, together."""
    middle, total = 0.5 * (domain.lower + domain.upper), 0.0
    for c in conditions:
        where = domain.initial() if isinstance(c, Initial) else domain.boundary(c.on)  # type: ignore[attr-defined]
        total += rounding(c.value, regular(where), middle, c.label)  # type: ignore[attr-defined]
    return total


def first_instant(domain: Domain, x: Tensor) -> Tensor:
    """The points, at the first instant."""
    axis = domain.time_axis
    assert axis is not None
    x = x.clone()
    x[:, axis] = domain.lower[axis].to(x)
    return x
