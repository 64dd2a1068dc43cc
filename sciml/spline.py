"""A table as a smooth function of the coordinates, with true derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.interpolate import BSpline, make_interp_spline
from torch import Tensor

from sciml import arguments
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.expressions.traced import Call, is_traced, plain, traced

SLACK = 1e-9  # of the table's length: points that far outside are rounded to its ends


class Spline:
    """The tensor-product spline through a table of values on a grid.

    ```python
    k = sciml.Spline((depth, radius), measured)  # measured[i, j] at depth[i], radius[j]
    residual = sciml.div(k(x) * u.grad())
    ```

    Between knots a distance h apart a cubic one is off by about ``h^4``, its slope by ``h^3``, times the fourth
    derivative. Outside the table it is nan.

    Args:
        knots: The grid along each coordinate, increasing; a single ``(k,)`` array for one coordinate.
        values: ``(k_1, ..., k_d)``, finite; for one coordinate ``(k,)``.
        degree: Of the polynomials, 1 to 5; it has ``degree - 1`` continuous derivatives.

    Raises:
        ArgumentError, ArgumentTypeError: Knots that do not increase or are too few, values of another shape or not finite.

    References: de Boor (2001), A Practical Guide to Splines, ch. XIII and XVII.
    """

    def __init__(self, knots: Any, values: Any, degree: int = 3):
        degree = arguments.integer("degree", degree, 1, 5)
        grids = [_line(f"knots[{i}]", line) for i, line in enumerate(_lines(knots))]
        table = _numbers("values", values)
        if table.shape != tuple(len(g) for g in grids):
            raise ArgumentError(
                f"values needs shape {tuple(len(g) for g in grids)}, one for each point of the grid, got {table.shape}."
            )
        for i, grid in enumerate(grids):
            if len(grid) <= degree:
                raise ArgumentError(
                    f"knots[{i}] needs at least {degree + 1} numbers for degree {degree}, got {len(grid)}."
                )
            spline = make_interp_spline(grid, np.moveaxis(table, i, 0), k=degree)
            table = np.moveaxis(spline.c, 0, i)
            grids[i] = spline.t
        self._set(grids, table, (degree,) * len(grids))

    def _set(self, knots: Sequence[np.ndarray], coefficients: np.ndarray, degrees: tuple[int, ...]) -> None:
        self._knots = [torch.from_numpy(np.ascontiguousarray(t)) for t in knots]
        self._coefficients = torch.from_numpy(np.ascontiguousarray(coefficients))
        self._degrees = degrees
        self._partials: dict[int, Spline] = {}

    @property
    def dim(self) -> int:
        """Number of coordinates d."""
        return len(self._knots)

    def __repr__(self) -> str:
        return f"Spline({' x '.join(str(n) for n in self._coefficients.shape)}, degree={max(self._degrees)})"

    def __call__(self, x: Tensor) -> Tensor:
        """Values at points ``(n, d)``: ``(n, 1)``; nan outside the table.

        Raises:
            ArgumentError, ArgumentTypeError: x is no floating tensor of that shape.
        """
        if not isinstance(x, Tensor) or not x.is_floating_point():
            raise ArgumentTypeError(f"x needs a floating tensor of points, got {type(x).__name__}.")
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ArgumentError(
                f"x needs shape (n, {self.dim}), one column for each coordinate of the table, got {tuple(x.shape)}."
            )
        if is_traced(x):
            return traced(self(plain(x)), Call(x._node.trace, self, (x,), {}))
        where, bases = torch.zeros(len(x), 1, dtype=torch.long, device=x.device), x.new_ones(len(x), 1)
        inside = torch.ones(len(x), dtype=torch.bool, device=x.device)
        for i, (knots, degree) in enumerate(zip(self._knots, self._degrees, strict=True)):
            t, y = knots.to(x), x[:, i]
            low, high = t[degree], t[-degree - 1]
            slack = SLACK * (high - low)
            inside = inside & (y >= low - slack) & (y <= high + slack)
            j, basis = _basis(y, t, degree)
            at = j[:, None] + torch.arange(-degree, 1, device=x.device)
            where = (where[:, :, None] * self._coefficients.shape[i] + at[:, None]).flatten(1)
            bases = (bases[:, :, None] * basis[:, None]).flatten(1)
        values = (self._coefficients.to(x).flatten()[where] * bases).sum(1)
        return torch.where(inside, values, torch.nan)[:, None]

    def partial(self, i: int) -> Spline:
        """The derivative along coordinate ``i``, of one degree less there."""
        if i not in self._partials:
            t, c, degree = (
                self._knots[i].numpy(),
                np.moveaxis(self._coefficients.numpy(), i, 0),
                self._degrees[i],
            )
            new = object.__new__(Spline)
            degrees = tuple(max(0, k - (axis == i)) for axis, k in enumerate(self._degrees))
            knots = [k.numpy() for k in self._knots]
            if degree == 0:
                new._set(knots, 0.0 * self._coefficients.numpy(), degrees)
            else:
                slope = BSpline(t, c, degree).derivative()
                knots[i] = slope.t
                count = len(slope.t) - degree  # SciPy pads the coefficients
                new._set(knots, np.moveaxis(slope.c[:count], 0, i), degrees)
            self._partials[i] = new
        return self._partials[i]

    def tangent(self, call: Call, tangents: dict[int, Tensor]) -> Tensor | None:
        """How the values change as the points do, for derivatives of expressions."""
        (x,) = call.args
        dx = tangents.get(id(x))
        if dx is None:
            return None
        terms = [self.partial(i)(x) * dx[:, i : i + 1] for i in range(self.dim)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


def _basis(y: Tensor, t: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Index ``(n,)`` of the knot below, and the ``degree + 1`` splines that are not zero there, ``(n, degree + 1)``."""
    inner = t[degree + 1 : -degree - 1].contiguous()
    j = torch.searchsorted(inner, y.detach().contiguous(), right=True) + degree
    basis = [torch.ones_like(y)]
    for k in range(1, degree + 1):
        carried, new = torch.zeros_like(y), []
        for r in range(k):
            right, left = t[j + r + 1], t[j + 1 - k + r]
            part = basis[r] / (right - left)
            new.append(carried + (right - y) * part)
            carried = (y - left) * part
        basis = [*new, carried]
    return j, torch.stack(basis, 1)


def _lines(knots: Any) -> list[Any]:
    if isinstance(knots, (tuple, list)) and knots and all(np.ndim(line) == 1 for line in knots):
        return list(knots)
    return [knots]


def _line(argument: str, line: Any) -> np.ndarray:
    numbers = _numbers(argument, line)
    if numbers.ndim != 1 or not bool((np.diff(numbers) > 0).all()):
        raise ArgumentError(f"{argument} needs increasing numbers, got an array of shape {numbers.shape}.")
    return numbers


def _numbers(argument: str, value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise ArgumentTypeError(f"{argument} needs an array of numbers, got ragged rows.") from None
    if array.dtype.kind not in "iuf":
        raise ArgumentTypeError(f"{argument} needs an array of numbers, got dtype {array.dtype}.")
    array = array.astype(np.float64)
    if not bool(np.isfinite(array).all()):
        raise ArgumentError(f"{argument} needs finite numbers, got nan or infinity.")
    return array
