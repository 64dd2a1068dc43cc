"""What a step's length is measured by: the parameters as they are, or each by how much the residual answers to it.

Damping keeps ``|s|`` short, all parameters alike. Where a few of them move the residual much, along a curve, and the
others little, the way leads along a narrow bent valley, and steps that those few allow carry the others nowhere. With
``s = D t`` and ``|t|`` kept short instead, ``D`` the inverse root of the norms of the Jacobian's columns, the others go
further.

Marquardt (1963) and Moré (1978) take the norms themselves. Their root is our choice: with the norms, Burgers' and Helmholtz'
equations end far worse.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sciml.jacobian.protocols import Linearization
from sciml.linalg import inner_gram, outer_gram

LARGEST_BYTES = 256 << 20  # of a Jacobian that is formed for its columns
SMALLEST = 1e-3  # norm of a column, relative to the largest: one that is nearly zero says nothing


def scalable(lin: Linearization) -> bool:
    """Whether the columns of a Jacobian are at hand: it is small enough to be formed."""
    return lin.shape[0] * lin.shape[1] * lin.residual.element_size() <= LARGEST_BYTES


class ScaledColumns:
    """``J D``: see ``Linearization``.

    Args:
        lin: J, (M, P).

    Attributes:
        scale: The diagonal of D, (P,), with a geometric mean of 1: damping found without it is of the right size with it.
    """

    def __init__(self, lin: Linearization):
        self.residual, self.shape = lin.residual, lin.shape
        norms = torch.linalg.vector_norm(lin.dense(), dim=0)
        floor = max(SMALLEST * float(norms.max()), torch.finfo(norms.dtype).tiny)
        logs = norms.clamp(min=floor).log()
        self.scale = torch.exp(0.5 * (logs.mean() - logs))
        self._dense = lin.dense() * self.scale

    def dense(self) -> Tensor:
        """(M, P)."""
        return self._dense

    def columns(self, start: int, stop: int) -> Tensor:
        """Some columns."""
        return self._dense[:, start:stop]

    def mv(self, v: Tensor) -> Tensor:
        """(P,) -> (M,)."""
        return self._dense @ v

    def rmv(self, w: Tensor) -> Tensor:
        """(M,) -> (P,)."""
        return self._dense.T @ w

    def gram(self) -> Tensor:
        """(M, M)."""
        return outer_gram(self._dense)

    def normal(self) -> Tensor:
        """(P, P)."""
        return inner_gram(self._dense)

    def row_norms(self) -> Tensor:
        """(M,)."""
        return self._dense.square().sum(1)


class ScaledSteps:
    """A problem by the scaled step t from ``theta``: ``residual(t) = r(theta + D t)``."""

    def __init__(self, problem: Any, theta: Tensor, scale: Tensor):
        self._problem, self._theta, self._scale = problem, theta, scale

    def residual(self, t: Tensor) -> Tensor:
        """(P,) -> (M,)."""
        return self._problem.residual(self._theta + self._scale * t)
