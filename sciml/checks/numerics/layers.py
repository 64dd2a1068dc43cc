"""Layers that an equation's own coefficients allow, thinner than points that are drawn evenly can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.probe import Zero, interior
from sciml.errors import SciMLError

if TYPE_CHECKING:
    from sciml.checks.equation import Equation

THIN = 1e-4  # of the domain's length along a coordinate
FEW = 32  # points at which coefficients are taken
NONE = 1e-300
# of the derivatives that the linear part is taken by; the second where the first is out of the equation's range
SIZES = (1.0, 1e-3)

Axes = tuple[int, ...]


class Unit(Zero):
    """A field of which one derivative of one unknown is of some size, and all else zero.

    Args:
        x: Points, ``(n, d)``.
        unknowns: ``m``.
        unknown: The one.
        axes: Of the derivative, in rising order; none for the value.
        size: Of that.
    """

    def __init__(self, x: Tensor, unknowns: int, unknown: int, axes: Axes, size: float):
        super().__init__(x, unknowns)
        self._none = self.value
        self._unknown, self._axes, self._size = unknown, axes, size
        self.value = self._times(int(not axes))

    def _times(self, count: int) -> Tensor:
        out = self._none.clone()
        out[:, self._unknown] = self._size * count
        return out

    def first(self, i: int) -> Tensor:
        return self.total(((i,),))

    def second(self, pairs: tuple[Axes, ...]) -> Tensor:  # type: ignore[override]
        return self.total(pairs)

    def higher(self, axes: Axes) -> Tensor:
        return self.total((axes,))

    def total(self, terms: tuple[Axes, ...]) -> Tensor:
        return self._times(sum(tuple(sorted(axes)) == self._axes for axes in terms))


def thin_layers(equation: Equation) -> list[str]:
    """A note on the thinnest layer that the linear part around zero allows: what a coefficient makes of a length.

    Along a coordinate of space the ratio of diffusion to drift, or the root of that of diffusion to decay; in time one over
    the largest rate. In two and three coordinates: on a line a spline on placed knots resolves it. Whether data leave such
    a layer is not known, so the error is not called unknown.
    """
    problem = equation.problem
    if problem.domain.dim not in (2, 3):
        return []
    x = interior(problem, FEW)
    low, high = problem.domain.lower, problem.domain.upper
    thinnest = (1.0, "", "")
    try:
        for unknown, name in enumerate(problem.unknowns):
            for axis, width in _widths(equation, x, unknown, (high - low).tolist()):
                thinnest = min(thinnest, (width, name, problem.domain.names[axis]))
    except (SciMLError, ArithmeticError, RuntimeError):  # an equation that must not meet such fields
        return []
    width, name, along = thinnest
    if width >= THIN:
        return []
    return [
        f"the coefficients allow {name} layers of {width:.1g} of the length along {along}, thinner than points that "
        "are drawn evenly can see: where data leave one, neither the residual nor an estimate of the error tells that it is "
        "missed. A coordinate stretched there (a sample of your own), or the equation without its smallest term, helps."
    ]


def _widths(equation: Equation, x: Tensor, unknown: int, lengths: list[float]) -> list[tuple[int, float]]:
    """Widths over the domain's length along coordinates, of one unknown, in each equation."""
    problem, m = equation.problem, equation.problem.outputs
    still = equation.rows(Zero(x, m), x)

    def coefficient(*axes: int) -> Tensor:
        """Size of a derivative's factor in every equation, where the derivative is taken over the domain's lengths."""
        changes = [(equation.rows(Unit(x, m, unknown, axes, s), x) - still).abs() / s for s in SIZES]
        change = torch.where(changes[0].isfinite(), *changes)
        size = torch.where(change.isfinite(), change, torch.nan).nanmedian(0).values
        for axis in axes:
            size = size / lengths[axis]
        return torch.nan_to_num(size)

    time, space = problem.domain.time_axis, problem.domain.space_axes
    value, found = coefficient(), []
    second = {j: coefficient(j, j) for j in space}
    for j in space:
        drift = coefficient(j)
        held = second[j] > NONE
        width = torch.minimum(second[j] / drift.clamp(min=NONE), (second[j] / value.clamp(min=NONE)).sqrt())
        found += [(j, w) for w in width[held].tolist()]
    if time is not None:
        rate = coefficient(time)
        pull = torch.stack([value, *second.values()]).amax(0)
        held = (rate > NONE) & (coefficient(time, time) <= NONE)
        found += [(time, w) for w in (rate / pull.clamp(min=NONE))[held].tolist()]
    return found
