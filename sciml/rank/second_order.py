"""The second-order model of what the loss does when components are switched off.

A low-rank update is written with a vector of component strengths ``sigma`` (all layers, end to end). With the
gradient ``g`` and the Hessian ``H`` of the loss in ``sigma``, setting the components outside a kept set S to
zero changes the loss by about:

    D(S) = - sum_{i not in S} c_i + 1/2 sum_{i, j not in S} Q_ij
    c_i = g_i sigma_i,    Q_ij = sigma_i H_ij sigma_j

and F(S) = D(nothing kept) - D(S) is what keeping S is worth. Choosing S with at most b members to maximise F
is the rank-determination problem of SubLoRA (Gao & Tan, arXiv 2507.01841); the formulas here are our own
working out after its abstract.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.errors import ArgumentError


@dataclass(frozen=True)
class SecondOrder:
    """``D`` and ``F`` for R components: ``c`` of shape (R,), symmetric ``Q`` of shape (R, R), both finite."""

    c: Tensor
    Q: Tensor

    def __post_init__(self) -> None:
        if self.c.ndim != 1 or self.Q.shape != (self.c.numel(), self.c.numel()):
            raise ArgumentError(
                f"c and Q need shapes (R,) and (R, R), got {tuple(self.c.shape)} and {tuple(self.Q.shape)}."
            )
        for name, value in (("c", self.c), ("Q", self.Q)):
            if not bool(torch.isfinite(value).all()):
                raise ArgumentError(
                    f"{name} needs finite entries, got {int((~torch.isfinite(value)).sum())} that are not."
                )

    @classmethod
    def from_derivatives(cls, g: Tensor, H: Tensor, sigma: Tensor) -> SecondOrder:
        """From gradient ``g`` (R,), Hessian ``H`` (R, R), made symmetric, and strengths ``sigma`` (R,)."""
        if g.shape != sigma.shape or sigma.ndim != 1 or H.shape != (sigma.numel(), sigma.numel()):
            raise ArgumentError(
                "g, H and sigma need shapes (R,), (R, R) and (R,), got "
                f"{tuple(g.shape)}, {tuple(H.shape)} and {tuple(sigma.shape)}."
            )
        H = (H + H.mT) / 2
        return cls(g * sigma, sigma[:, None] * H * sigma)

    @property
    def size(self) -> int:
        """R, the number of components."""
        return self.c.numel()

    def loss_change(self, keep: Tensor) -> Tensor:
        """``D(S)`` for boolean masks ``keep`` (..., R): the loss change when everything else is zeroed."""
        out = self._outside(keep)
        return -(out @ self.c) + 0.5 * ((out @ self.Q) * out).sum(-1)

    def gain(self, keep: Tensor) -> Tensor:
        """``F(S)`` for boolean masks of shape (..., R); 0 for the empty set."""
        nothing = torch.zeros(self.size, dtype=torch.bool, device=self.c.device)
        return self.loss_change(nothing) - self.loss_change(keep)

    def marginals(self, keep: Tensor) -> Tensor:
        """What each component is worth given the other kept ones: ``F(S + i) - F(S - i)``, shape (R,).

        For i outside S that is the gain of adding i, for i inside S the loss of removing it.
        """
        out = self._outside(keep)
        diagonal = self.Q.diagonal()
        return 0.5 * diagonal - self.c + self.Q @ out - diagonal * out

    def is_submodular(self) -> bool:
        """True when gains only shrink as S grows, which is exactly ``Q_ij >= 0`` for all i != j.

        Because ``F(i | S) - F(i | S + k) = Q_ik``. The diagonal and the gradient do not matter.
        """
        off = self.Q - torch.diag(self.Q.diagonal())
        return bool((off >= 0).all())

    def is_monotone(self) -> bool:
        """True when, besides being submodular, no component is worth less than nothing: ``Q_ii / 2 >= c_i``.

        A submodular F has its smallest gain of i when all others are kept, and that gain is ``Q_ii / 2 -
        c_i``.
        """
        return self.is_submodular() and bool((0.5 * self.Q.diagonal() >= self.c).all())

    def _outside(self, keep: Tensor) -> Tensor:
        if keep.dtype != torch.bool or keep.shape[-1:] != (self.size,):
            raise ArgumentError(
                f"keep needs a boolean mask of shape (..., {self.size}), got {keep.dtype} {tuple(keep.shape)}."
            )
        return (~keep).to(self.c)
