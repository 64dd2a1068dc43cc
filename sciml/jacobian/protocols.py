"""What a linear and a quadratic model of a problem offer, however they are made."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Linearization(Protocol):
    """``r(theta + s) ~ r + J s`` at one ``theta``: J (M, P), with products that need not form it."""

    residual: Tensor
    shape: tuple[int, int]

    def dense(self) -> Tensor:
        """J, shape (M, P)."""
        ...

    def columns(self, start: int, stop: int) -> Tensor:
        """``J[:, start:stop]``, without the others where that is possible."""
        ...

    def mv(self, v: Tensor) -> Tensor:
        """``J v``: (P,) -> (M,)."""
        ...

    def rmv(self, w: Tensor) -> Tensor:
        """``Jᵀ w``: (M,) -> (P,)."""
        ...

    def gram(self) -> Tensor:
        """``J Jᵀ``, shape (M, M)."""
        ...

    def normal(self) -> Tensor:
        """``JᵀJ``, shape (P, P)."""
        ...

    def row_norms(self) -> Tensor:
        """Squared norm of every row, shape (M,): the diagonal of ``J Jᵀ``."""
        ...


@runtime_checkable
class Curvature(Protocol):
    """Second-order model of a scalar loss at one ``theta``: value, gradient (P,), and a symmetric B (P, P)
    ~ Hessian.
    """

    value: float
    gradient: Tensor

    def mv(self, v: Tensor) -> Tensor:
        """``B v``: (P,) -> (P,)."""
        ...

    def dense(self) -> Tensor:
        """B, shape (P, P)."""
        ...
