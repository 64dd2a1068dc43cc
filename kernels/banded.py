"""Least squares with a banded matrix, by Householder reflections: as stable as a dense QR, in time linear in the size."""

from __future__ import annotations

import torch
from torch import Tensor


def banded_least_squares(blocks: Tensor, rhs: Tensor) -> Tensor:
    """Solve ``min_x sum_c |blocks[c] x[c : c + w] - rhs[c]|^2``.

    Args:
        blocks: ``(..., cells, q, w)``: the rows of cell ``c`` differ from zero in columns ``c .. c + w - 1``; ``q >= w``.
        rhs: ``(..., cells, q, o)``.
    Returns:
        ``x`` of shape ``(..., cells + w - 1, o)``; 0 for an unknown that no row determines.
    Reference: Björck, Numerical Methods for Least Squares Problems (1996), section 6.2.
    """
    *batch, cells, _, w = blocks.shape
    o = rhs.shape[-1]
    system = torch.cat([blocks, rhs], -1)
    finished: list[
        Tensor
    ] = []  # rows of the triangular factor: w entries from the diagonal on, then o right sides
    front = system.new_zeros(*batch, w - 1, w + o)
    for cell in range(cells):
        stack = torch.cat([front, system[..., cell, :, :]], -2)
        triangle = torch.linalg.qr(stack, mode="r").R[..., :w, :]
        finished.append(triangle[..., 0, :])
        # the next cell's columns start one further on
        ahead = triangle[..., 1:, 1:w]
        zero = ahead.new_zeros(*batch, w - 1, 1)
        front = torch.cat([ahead, zero, triangle[..., 1:, w:]], -1)
    for row in range(w - 1):
        entries = torch.cat([front[..., row, row:w], front.new_zeros(*batch, row)], -1)
        finished.append(torch.cat([entries, front[..., row, w:]], -1))
    smallest = w * torch.finfo(blocks.dtype).eps * blocks.abs().amax((-3, -2, -1))[..., None]
    x = rhs.new_zeros(*batch, cells + 2 * (w - 1), o)  # the last w - 1 lie behind the end
    for n in range(len(finished) - 1, -1, -1):
        row = finished[n]
        left = row[..., w:] - (row[..., 1:w, None] * x[..., n + 1 : n + w, :]).sum(-2)
        pivot = row[..., :1]
        known = pivot.abs() > smallest
        x[..., n, :] = torch.where(known, left / torch.where(known, pivot, 1), 0)
    return x[..., : cells + w - 1, :]
