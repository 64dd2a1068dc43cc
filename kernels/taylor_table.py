"""What a knot vector turns into once, before any point is seen: cells, their centres, and a Taylor matrix.

On one cell a spline is a polynomial. So a layer's coefficients ``c`` become a table ``T = K c`` of derivatives at the
centres of the cells. Evaluation then knows nothing of knots or grids, and its cost does not depend on the grid. ``K`` is
a band: only ``degree + 1`` basis functions live on a cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch._C._functorch import get_unwrapped, is_batchedtensor, is_functorch_wrapped_tensor
from torch.utils.weak import WeakIdKeyDictionary

from sciml.kernels.bspline import cell_centres, find_cell, local_taylor
from sciml.kernels.errors import ArgumentError

UNIFORM = 2.0**-10  # of a cell: knots that stray less from even spacing count as uniform


@dataclass(frozen=True, eq=False)
class SplineTable:
    """The splines of one layer's inputs in one dtype. Two dead cells follow the others: outside and NaN.

    Attributes:
        knots: ``(i, cells + 1)``, contiguous.
        centres: ``(i, cells + 2)``.
        local: The band of ``K``, ``(i, cells, degree + 1, degree + 1)``, see ``local_taylor``.
        start, inverse_step: ``(i,)``: ``(x - start) * inverse_step`` is within one cell of the right one if
            ``uniform``.
        uniform: Whether all cells of an input have nearly the same width.
        even: Whether they have the same width up to rounding of the knots.
        packed: Copies in the layouts of compiled kernels, by their number of lanes.
    """

    degree: int
    knots: Tensor
    centres: Tensor
    local: Tensor
    start: Tensor
    inverse_step: Tensor
    uniform: bool
    even: bool
    packed: dict = field(default_factory=dict, repr=False)

    @property
    def cells(self) -> int:
        """Number of cells between the knots."""
        return self.knots.shape[1] - 1

    def cell(self, x: Tensor) -> Tensor:
        """Cell of each point ``(N, i) -> (N, i)``, the same as ``find_cell`` gives."""
        if not self.uniform:
            return find_cell(x, self.knots)
        guess = ((x - self.start) * self.inverse_step).nan_to_num(0.0).clamp(0, self.cells - 1).long()
        rows = torch.arange(x.shape[1], device=x.device) * (self.cells + 1)
        flat = self.knots.reshape(-1)
        guess = guess - (x < flat[rows + guess]).long()
        guess = guess.clamp(min=0)
        guess = guess + (x >= flat[rows + guess + 1]).long()
        guess = guess.clamp(max=self.cells - 1)
        inside = (x >= self.knots[:, 0]) & (x <= self.knots[:, -1])
        guess = torch.where(inside, guess, self.cells)
        return torch.where(torch.isnan(x), self.cells + 1, guess)

    def taylor(self, coef: Tensor) -> Tensor:
        """``T[i, cell, p, o]``: derivative ``p`` at the centre of the cell, from ``coef (i, m, o)``; 0 in dead cells."""
        k, (i, _, o) = self.degree, coef.shape
        padded = torch.cat([coef.new_zeros(i, k, o), coef, coef.new_zeros(i, k, o)], 1)
        # not unfold, whose backward has no rule for vmap
        near = torch.stack([padded[:, r : r + self.cells] for r in range(k + 1)], 2)  # (i, cells, k + 1, o)
        # a sum of zeros: by it a NaN among the points reaches all coefficients of its input in the backward pass
        dead = (0 * coef).sum(1)[:, None, None].expand(i, 2, k + 1, o)
        return torch.cat([self.local @ near, dead], 1)

    def coefficients(self, taylor: Tensor) -> Tensor:
        """The transpose of ``taylor``: ``(i, cells + 2, degree + 1, o)`` to ``(i, m, o)``."""
        k, cells = self.degree, self.cells
        local = self.local.transpose(2, 3) @ taylor[:, :cells]
        out = local.new_zeros(local.shape[0], cells + k, local.shape[3])
        for r in range(k + 1):
            out[:, r : r + cells] += local[:, :, r]
        return out[:, k:cells] + 0 * taylor[:, cells:].sum((1, 2))[:, None]


_TABLES: WeakIdKeyDictionary = WeakIdKeyDictionary()


def _build(knots: Tensor, n_in: int, degree: int, dtype: torch.dtype) -> SplineTable:
    # knots are compared with points of this dtype, so the cells are those of the rounded knots
    knots = knots.detach().to(dtype).expand(n_in, -1).contiguous()
    exact = knots.double()
    falls = (
        ~(exact[:, 1:] >= exact[:, :-1]) | exact[:, :-1].isinf() | exact[:, 1:].isinf()
    )  # the first holds for NaN
    if bool(falls.any()):
        row, place = falls.nonzero()[0].tolist()
        pair = f"{float(exact[row, place])} before {float(exact[row, place + 1])}"
        raise ArgumentError(f"knots needs to be finite and non-decreasing along its last axis, got {pair}.")
    cells = knots.shape[1] - 1
    step = (exact[:, -1] - exact[:, 0]) / cells
    ideal = exact[:, :1] + step[:, None] * torch.arange(cells + 1, device=knots.device)
    stray = (exact - ideal).abs()
    rounding = 4 * torch.finfo(dtype).eps * exact.abs().amax(1, keepdim=True)
    return SplineTable(
        degree=degree,
        knots=knots,
        centres=cell_centres(knots).contiguous(),
        local=local_taylor(exact, degree).to(dtype).contiguous(),
        start=knots[:, 0].contiguous(),
        inverse_step=torch.where(step > 0, 1 / step, 0).to(dtype),
        uniform=bool((stray < UNIFORM * step[:, None]).all()),
        even=bool((stray <= rounding).all() and (step > 0).all()),
    )


def unwrapped(tensor: Tensor) -> Tensor | None:
    """The tensor behind those that torch.func's grad and jvp wrap around it; None when vmap runs over it."""
    while is_functorch_wrapped_tensor(tensor):
        if is_batchedtensor(tensor):
            return None
        tensor = get_unwrapped(tensor)
    return tensor


def spline_table(knots: Tensor, n_in: int, degree: int, dtype: torch.dtype) -> SplineTable:
    """The table of a layer with ``n_in`` inputs, remembered for as long as ``knots`` lives unchanged.

    Args:
        knots: ``(m + degree + 1,)`` or ``(n_in, m + degree + 1)``; a gradient with respect to it is not
            taken.
        dtype: The dtype of the points, to which the knots are rounded.
    Raises:
        ArgumentError: The knots decrease, are not finite, or vmap runs over them.
    """
    inner = unwrapped(knots)
    if inner is None:
        raise ArgumentError("knots needs to be the same for all of vmap, got knots that vmap runs over.")
    knots = inner
    version = -1 if knots.is_inference() else knots._version
    key = (version, n_in, degree, dtype)
    known = _TABLES.get(knots)
    if known is None or next(iter(known))[0] != version:
        known = _TABLES[knots] = {}
    if key not in known:
        # what is remembered must not belong to a mode or transform that ends
        with torch.inference_mode(False), torch.no_grad(), torch._C._DisableFuncTorch():
            known[key] = _build(knots, n_in, degree, dtype)
    return known[key]
