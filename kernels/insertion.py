"""The same spline on more knots: exact, everywhere.

References: W. Boehm, Inserting new knots into B-spline curves, Computer-Aided Design 12 (1980); C. de Boor, A Practical
Guide to Splines (2001), chapter XI.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.kernels.bspline import check_knots
from sciml.kernels.errors import ArgumentError


def insert_knots(coef: Tensor, knots: Tensor, new_knots: Tensor, degree: int) -> Tensor:
    """Coefficients of the same splines on knots that hold the old ones and others.

    Unlike ``refine`` this keeps a spline on the whole line, its tails beyond the grid included. New knots may repeat old
    ones and may lie beyond them, where the new coefficients are zero. Each new coefficient is an average of old ones, so
    nothing but rounding is added.

    Args:
        coef: Shape ``(i, m, o)``.
        knots: Non-decreasing, shape ``(m + degree + 1,)`` or ``(i, m + degree + 1)``.
        new_knots: Non-decreasing, shape ``(M + degree + 1,)`` or ``(i, M + degree + 1)``, with ``M >= m``; holds every
            knot of ``knots``, as often as it occurs there.
        degree: ``degree >= 0``.
    Returns:
        Shape ``(i, M, o)``, dtype and device of ``coef``.
    Raises:
        ArgumentError: ``new_knots`` lacks a knot, a set of knots decreases, or the shapes do not fit.
    """
    check_knots(knots, degree)
    check_knots(new_knots, degree)
    # on the CPU: the solution takes one small step a knot
    old, new = (t.detach().double().cpu().expand(coef.shape[0], -1).contiguous() for t in (knots, new_knots))
    if coef.dim() != 3 or old.shape[1] - degree - 1 != coef.shape[1]:
        raise ArgumentError(
            f"coef needs shape (i, {old.shape[1] - degree - 1}, o) for these knots, got {tuple(coef.shape)}."
        )
    for name, t in (("knots", old), ("new_knots", new)):
        if not bool((t.diff(dim=1) >= 0).all() and t.isfinite().all()):
            raise ArgumentError(f"{name} needs to be finite and non-decreasing along its last axis.")
    at, c = old, coef.detach().double().cpu()
    for x in _added(old, new).T:
        at, c = _insert(at, c, x[:, None].contiguous(), degree)
    return c.to(coef).contiguous()


def _added(old: Tensor, new: Tensor) -> Tensor:
    """The knots ``(i, M - m)`` that ``new`` has beyond those of ``old``."""
    place = torch.arange(new.shape[1]) - torch.searchsorted(new, new)  # its number among its equals
    known = torch.searchsorted(old, new, right=True) - torch.searchsorted(old, new)
    more = place >= known
    if bool((more.sum(1) != new.shape[1] - old.shape[1]).any()):
        raise ArgumentError("new_knots needs to hold every knot of knots, as often as it occurs there.")
    return new[more].reshape(new.shape[0], -1)


def _insert(knots: Tensor, coef: Tensor, x: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """One more knot ``x (i, 1)`` in every set ``knots (i, m + degree + 1)``."""
    m = coef.shape[1]
    cell = torch.searchsorted(knots, x, right=True) - 1  # -1 before the first knot
    j = torch.arange(m + 1)
    near = (j > cell - degree) & (j <= cell)
    width = torch.where(near, knots[:, degree : degree + m + 1] - knots[:, : m + 1], 1)
    share = torch.where(near, (x - knots[:, : m + 1]) / width, (j <= cell).double())[..., None]
    zero = torch.zeros_like(coef[:, :1])
    # where a share is 0 or 1 the other coefficient does not exist, and counts as zero
    coef = share * torch.cat([coef, zero], 1) + (1 - share) * torch.cat([zero, coef], 1)
    return torch.cat([knots, x], 1).sort(dim=1).values, coef
