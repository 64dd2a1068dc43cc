"""The same spline on more knots: exact, everywhere.

References: E. Cohen, T. Lyche, R. Riesenfeld, Discrete B-splines and subdivision techniques in computer-aided geometric
design and computer graphics, Computer Graphics and Image Processing 14 (1980); C. de Boor, A Practical Guide to Splines
(2001), chapter XI.
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
    old, new = (t.detach().double().cpu().expand(coef.shape[0], -1).contiguous() for t in (knots, new_knots))
    if coef.dim() != 3 or old.shape[1] - degree - 1 != coef.shape[1]:
        raise ArgumentError(
            f"coef needs shape (i, {old.shape[1] - degree - 1}, o) for these knots, got {tuple(coef.shape)}."
        )
    for name, t in (("knots", old), ("new_knots", new)):
        if not bool((t.diff(dim=1) >= 0).all() and t.isfinite().all()):
            raise ArgumentError(f"{name} needs to be finite and non-decreasing along its last axis.")
    _check_held(old, new)
    return _discrete(coef.detach().double().cpu(), old, new, degree).to(coef).contiguous()


def _check_held(old: Tensor, new: Tensor) -> None:
    """Refuse ``new`` that lacks a knot of ``old``.

    Raises:
        ArgumentError: Says so.
    """
    place = torch.arange(new.shape[1]) - torch.searchsorted(new, new)  # its number among its equals
    known = torch.searchsorted(old, new, right=True) - torch.searchsorted(old, new)
    more = place >= known
    if bool((more.sum(1) != new.shape[1] - old.shape[1]).any()):
        raise ArgumentError("new_knots needs to hold every knot of knots, as often as it occurs there.")


def _discrete(coef: Tensor, old: Tensor, new: Tensor, degree: int) -> Tensor:
    """The new coefficients ``(i, M, o)`` as averages of the old ones, their shares by the recurrence of discrete B-splines.

    Share ``r`` of a new coefficient is what an old spline of order ``r`` holds of the new one. The recurrence is Cox and de
    Boor's with the new knot ``new[j + r]`` in the place of the point. Every share and both factors of every share that is
    not zero lie in [0, 1], so that nothing cancels; what has to be zero is so by a difference of equal knots.
    """
    m, M = coef.shape[1], new.shape[1] - degree - 1
    first, last = old[:, :1], old[:, -1:]
    steps = torch.arange(1, degree + 1, dtype=old.dtype) * (last - first).clamp(min=1.0)
    padded = torch.cat(
        [first - steps.flip(1), old, last + steps], 1
    )  # of splines whose coefficients are zero
    start = new[:, :M].contiguous()
    cell = (torch.searchsorted(old, start, right=True) - 1).clamp(0, old.shape[1] - 2)
    shares = [torch.ones_like(start)]  # of the old splines cell - r .. cell
    for r in range(1, degree + 1):
        x = new[:, r : r + M]
        following = [torch.zeros_like(x) for _ in range(r + 1)]
        for a, share in enumerate(shares):
            low = padded.gather(1, cell + (degree + a - r + 1))
            high = padded.gather(1, cell + (degree + a + 1))
            width = torch.where(high > low, high - low, 1.0)
            following[a] += (high - x) / width * share
            following[a + 1] += (x - low) / width * share
        shares = following
    # where a spline begins before the first old knot or ends behind the last one, it is zero in part, and so in all
    inside = (start >= first) & (new[:, degree + 1 :] <= last) & (start < last)
    found = coef.new_zeros(coef.shape[0], M, coef.shape[2])
    for a, share in enumerate(shares):
        index = cell + (a - degree)
        held = torch.where(inside & (index >= 0) & (index < m), share, 0.0)
        picked = torch.take_along_dim(coef, index.clamp(0, m - 1)[..., None], 1)
        found.addcmul_(held[..., None], picked)
    return found
