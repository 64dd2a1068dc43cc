"""What an optimiser asks of a problem.

A *problem* turns a flat parameter vector ``theta`` (P,) into a loss. A least-squares problem also hands out its
residual ``r`` (M,), with ``f = 1/2 |r|^2`` (weights and 1/M are already inside ``r``), and its linearisation.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from sciml.jacobian.protocols import Curvature, Linearization


@runtime_checkable
class Problem(Protocol):
    """A scalar loss: enough for first-order and quasi-Newton methods."""

    def value(self, theta: Tensor) -> float:
        """f(theta)."""
        ...

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """f(theta) and its gradient (P,)."""
        ...


@runtime_checkable
class SmoothProblem(Problem, Protocol):
    """A scalar loss that also hands out its curvature: what the cubic methods need."""

    def curvature(self, theta: Tensor) -> Curvature:
        """The second-order model at ``theta``."""
        ...


@runtime_checkable
class LeastSquaresProblem(Problem, Protocol):
    """``f = 1/2 |r|^2`` with its residual: what Gauss-Newton needs."""

    def residual(self, theta: Tensor) -> Tensor:
        """r(theta), shape (M,)."""
        ...

    def linearize(self, theta: Tensor) -> Linearization:
        """r and J at ``theta``."""
        ...


def half_square(r: Tensor) -> float:
    """``1/2 |r|^2`` as a float; inf when it is NaN."""
    value = 0.5 * float(torch.dot(r, r))
    return value if value == value else float("inf")
