"""B-splines in torch: the definition that every faster kernel is tested against.

Letters: ``m`` basis functions of degree ``k`` live on ``m + k + 1`` knots, which bound ``m + k`` cells. All functions
broadcast: knots of shape ``[..., m + k + 1]`` meet points of shape ``[...]``. With one knot vector an input, points are
``x: (n, i)`` and knots ``(i, m + k + 1)``.

Conventions: a cell is closed on its left and open on its right; the last cell that is not empty is closed on both
sides. Outside the knots, at plus and minus infinity too, every basis function is zero. NaN gives NaN.

Reference: C. de Boor, A Practical Guide to Splines (2001), chapters IX and X.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.kernels.banded import banded_least_squares
from sciml.kernels.errors import ArgumentError


def check_knots(knots: Tensor, degree: int) -> None:
    """Raise ``ArgumentError`` unless ``knots`` can carry at least one basis function of ``degree``."""
    if degree < 0:
        raise ArgumentError(f"degree needs an integer >= 0, got {degree}.")
    if knots.shape[-1] < degree + 2:
        raise ArgumentError(f"knots needs at least degree + 2 = {degree + 2} knots, got {knots.shape[-1]}.")


def _reciprocal_width(knots: Tensor, span: int) -> Tensor:
    """``1 / (t[j + span] - t[j])``, and 0 for a width of 0: a repeated knot drops its term."""
    width = knots[..., span:] - knots[..., :-span]
    return torch.where(width > 0, 1 / torch.where(width > 0, width, 1), 0)


def bspline_basis(x: Tensor, knots: Tensor, degree: int, derivative: int = 0) -> Tensor:
    """Evaluate every B-spline of one degree, or a derivative of it, with the Cox-de Boor recurrence.

    Args:
        x: Points, shape ``[...]``, floating.
        knots: Non-decreasing, shape ``[..., m + degree + 1]``; the leading axes broadcast against ``x``.
        degree: ``degree >= 0``.
        derivative: Order of the derivative, ``derivative >= 0``; above ``degree`` it is zero.
    Returns:
        Shape ``[..., m]``. For ``derivative=0`` it sums to one over the last axis between ``knots[degree]``
        and ``knots[-degree - 1]``. Differentiable any number of times in ``x``.
    Raises:
        ArgumentError: ``degree`` or ``derivative`` is negative, or there are too few knots.
    """
    check_knots(knots, degree)
    if derivative < 0:
        raise ArgumentError(f"derivative needs an integer >= 0, got {derivative}.")
    low = max(degree - derivative, 0)
    nan = torch.isnan(x)
    # inf * 0 is nan: points outside the knots enter the recurrence as the first knot
    point = torch.where((x >= knots[..., 0]) & (x <= knots[..., -1]), x, knots[..., 0]).unsqueeze(-1)
    left, right, at = knots[..., :-1], knots[..., 1:], x.unsqueeze(-1)
    last = (at == right) & (right == knots[..., -1:]) & (left < right)
    b = ((left <= at) & (at < right) | last).to(point.dtype) + 0 * point
    for k in range(1, low + 1):
        scale = _reciprocal_width(knots, k)
        rise = (point - knots[..., : -k - 1]) * scale[..., :-1]
        fall = (knots[..., k + 1 :] - point) * scale[..., 1:]
        b = rise * b[..., :-1] + fall * b[..., 1:]
    for k in range(low + 1, degree + 1):
        b = b * _reciprocal_width(knots, k)
        b = k * (b[..., :-1] - b[..., 1:])
    if derivative > degree:
        b = 0 * b
    return torch.where(nan.unsqueeze(-1), torch.nan, b)


def uniform_knots(
    lower: float | Tensor,
    upper: float | Tensor,
    grid: int,
    degree: int,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> Tensor:
    """Equidistant knots: ``grid`` cells on ``[lower, upper]`` and ``degree`` more on either side.

    Args:
        lower, upper: Ends of the interval, ``lower < upper``: numbers, or tensors ``[...]`` with one interval an input.
        grid: Number of cells inside, ``grid >= 1``.
        degree: ``degree >= 0``.
    Returns:
        Shape ``[..., grid + 2 * degree + 1]``: room for ``grid + degree`` basis functions, which sum to one
        on the interval.
    """
    if grid < 1:
        raise ArgumentError(f"grid needs an integer >= 1, got {grid}.")
    if degree < 0:
        raise ArgumentError(f"degree needs an integer >= 0, got {degree}.")
    low = torch.as_tensor(lower, dtype=torch.float64, device=device).unsqueeze(-1)
    high = torch.as_tensor(upper, dtype=torch.float64, device=device).unsqueeze(-1)
    if not bool((low < high).all()):
        raise ArgumentError(f"lower needs to be below upper, got {lower} and {upper}.")
    step = torch.arange(-degree, grid + degree + 1, dtype=torch.float64, device=low.device) / grid
    return (low * (1 - step) + high * step).to(dtype)


def greville(knots: Tensor, degree: int) -> Tensor:
    """Greville abscissae ``(t[j + 1] + ... + t[j + k]) / k``, shape ``[..., m]``; cell centres for degree 0.

    With these as coefficients the spline is ``x`` itself (for ``degree >= 1``, between ``knots[degree]`` and
    ``knots[-degree - 1]``).
    """
    check_knots(knots, degree)
    if degree == 0:
        return (knots[..., :-1] + knots[..., 1:]) / 2
    return knots[..., 1:-1].unfold(-1, degree, 1).mean(-1)


def find_cell(x: Tensor, knots: Tensor) -> Tensor:
    """Index of the cell that holds each point: ``knots[cell] <= x < knots[cell + 1]``.

    Args:
        x: Shape ``[...]``.
        knots: Shape ``[..., cells + 1]``; leading axes broadcast against ``x``.
    Returns:
        Integers ``[...]``; ``cells`` outside the knots and for infinities, ``cells + 1`` for NaN. A point
        on the last knot belongs to the last cell that is not empty.
    """
    cells = knots.shape[-1] - 1
    if knots.dim() == 1:
        index = torch.searchsorted(knots, x.detach().contiguous(), right=True) - 1
    else:
        shape = torch.broadcast_shapes(x.shape, knots.shape[:-1])
        # searchsorted wants one row of points a knot vector
        rows = x.detach().expand(shape).reshape(-1, knots.shape[:-1].numel()).T.contiguous()
        found = torch.searchsorted(knots.reshape(-1, cells + 1).contiguous(), rows, right=True) - 1
        index = found.T.reshape(shape)
    first, last = knots[..., 0], knots[..., -1]
    end = (knots < last.unsqueeze(-1)).sum(-1) - 1
    index = torch.where(x == last, end, index)
    index = torch.where((x >= first) & (x <= last), index, cells)
    return torch.where(torch.isnan(x), cells + 1, index)


def cell_centres(knots: Tensor) -> Tensor:
    """Centre of each cell, and 0 for the two dead ones (outside, NaN): shape ``[..., cells + 2]``."""
    centres = (knots[..., :-1] + knots[..., 1:]) / 2
    return torch.cat([centres, torch.zeros_like(centres[..., :1]).expand(*centres.shape[:-1], 2)], -1)


def local_taylor(knots: Tensor, degree: int) -> Tensor:
    """A spline as one polynomial a cell: derivatives, at the cell's centre, of the B-splines that live there.

    Only ``degree + 1`` of them differ from zero on a cell, so this grows with the grid and not with its square.

    Args:
        knots: Shape ``[..., m + degree + 1]``.
    Returns:
        ``K`` of shape ``[..., cells, p, r]`` with ``cells = m + degree`` and ``p, r = 0 .. degree``: derivative ``p``
        of basis function ``cell - degree + r``; zero where there is none of that number, and in empty cells.
    """
    check_knots(knots, degree)
    cells = knots.shape[-1] - 1
    centres = (knots[..., :-1] + knots[..., 1:]) / 2
    # function j reaches from knot j to j + degree + 1: what is beyond the ends meets only functions without a number
    first, last = (knots[..., n].unsqueeze(-1).expand(*knots.shape[:-1], degree) for n in (0, -1))
    near = torch.cat([first, knots, last], -1).unfold(-1, 2 * degree + 2, 1)
    values = torch.stack([bspline_basis(centres, near, degree, p) for p in range(degree + 1)], -2)
    index = torch.arange(cells, device=knots.device)[:, None] - degree
    index = index + torch.arange(degree + 1, device=knots.device)
    known = (index >= 0) & (index < cells - degree)
    filled = knots[..., 1:] > knots[..., :-1]
    return torch.where(known[:, None, :] & filled[..., None, None], values, 0)


def local_basis(x: Tensor, knots: Tensor, degree: int, derivatives: int = 0) -> tuple[Tensor, Tensor]:
    """The ``degree + 1`` B-splines that can differ from zero at each point, with derivatives.

    Args:
        x: Points, shape ``[...]``.
        knots: Shape ``[..., m + degree + 1]``; leading axes broadcast against ``x``.
        derivatives: Highest order wanted, ``>= 0``.
    Returns:
        ``values`` of shape ``[..., derivatives + 1, degree + 1]`` and ``cell`` of shape ``[...]`` (see
        ``find_cell``): ``values[..., r, j]`` is derivative ``r`` of the basis function ``cell - degree + j``,
        and 0 where there is none of that number. Differentiable in ``x``.
    """
    local = local_taylor(knots, degree)
    cell = find_cell(x, knots)
    inside = cell < local.shape[-3]
    # zeros stand in the two dead cells
    centres, pieces = cell_centres(knots), torch.nn.functional.pad(local.flatten(-2), (0, 0, 0, 2))
    pick = cell.unsqueeze(-1)
    centre = torch.gather(centres.expand(*cell.shape, -1), -1, pick).squeeze(-1)
    pick = pick.unsqueeze(-1).expand(*pick.shape, pieces.shape[-1])
    pieces = torch.gather(pieces.expand(*cell.shape, *pieces.shape[-2:]), -2, pick)
    pieces = pieces.reshape(*cell.shape, degree + 1, degree + 1)
    t = torch.where(inside, x - centre, 0).unsqueeze(-1)
    orders = []
    for r in range(derivatives + 1):
        value = torch.zeros_like(pieces[..., 0, :]) + 0 * t
        for p in range(degree, r - 1, -1):  # Horner: sum over p of piece[p] t^(p - r) / (p - r)!
            value = pieces[..., p, :] + value * t / (p - r + 1)
        orders.append(value)
    values = torch.stack(orders, -2)
    return torch.where(torch.isnan(x)[..., None, None], torch.nan, values), cell


def refine(coef: Tensor, knots: Tensor, new_knots: Tensor, degree: int) -> Tensor:
    """Coefficients of the same splines on other knots: least squares on the interval that both sets share.

    Exact, to rounding, inside that interval when every knot of ``knots`` there is also one of ``new_knots``; elsewhere
    the function changes (``insert_knots`` keeps it everywhere).

    Args:
        coef: Shape ``(i, m, o)``.
        knots: Shape ``(m + degree + 1,)`` or ``(i, m + degree + 1)``.
        new_knots: Shape ``(M + degree + 1,)`` or ``(i, M + degree + 1)``.
    Returns:
        Shape ``(i, M, o)``, dtype of ``coef``. The splines agree between ``new_knots[degree]`` and
        ``new_knots[-degree - 1]``; outside of it each tapers to zero over its own ``degree`` extra cells.
    """
    check_knots(knots, degree)
    check_knots(new_knots, degree)
    # on the CPU: the solution takes one small step a cell
    old = knots.double().cpu().expand(coef.shape[0], -1)
    new = new_knots.double().cpu().expand(coef.shape[0], -1)
    if old.shape[-1] - degree - 1 != coef.shape[1]:
        raise ArgumentError(
            f"coef needs shape (i, {old.shape[-1] - degree - 1}, o) for these knots, got {tuple(coef.shape)}."
        )
    inner = new[:, degree : new.shape[-1] - degree]
    # Chebyshev nodes: degree + 1 of them fix the polynomial of one cell
    half = torch.arange(degree + 1, dtype=torch.float64) + 0.5
    node = (1 - torch.cos(half * torch.pi / (degree + 1))) / 2
    x = inner[:, :-1, None] + (inner[:, 1:] - inner[:, :-1])[..., None] * node  # (i, cells, degree + 1)
    value = _spline(x.flatten(1), old, coef.detach().double().cpu(), degree)
    near = new.unfold(-1, 2 * degree + 2, 1)
    basis = bspline_basis(x, near[:, :, None], degree)
    return banded_least_squares(basis, value.reshape(*x.shape, -1)).to(coef)


def _spline(x: Tensor, knots: Tensor, coef: Tensor, degree: int) -> Tensor:
    """Values ``(i, n, o)`` at ``x (i, n)`` of the splines with coefficients ``(i, m, o)``, inside the knots."""
    i, m, o = coef.shape
    cell = find_cell(x.T, knots).T.clamp(max=m + degree - 1)
    index = cell.unsqueeze(-1) + torch.arange(2 * degree + 2) - degree
    known = torch.take_along_dim(knots[:, None], index.clamp(0, knots.shape[-1] - 1), -1)
    basis = bspline_basis(x, known, degree)
    index = index[..., : degree + 1]
    basis = torch.where((index >= 0) & (index < m), basis, 0)
    picked = torch.take_along_dim(coef, index.clamp(0, m - 1).reshape(i, -1, 1), 1)
    return (basis.unsqueeze(-1) * picked.reshape(*index.shape, o)).sum(-2)
