"""A descent foretold with a kernel that moves: the tangent kernel is taken again along the way that it predicts.

With a frozen kernel the residual after ``n`` steps of gradient descent is known, and so are the parameters there:
``theta - Jᵀ sum_{s<n} eta (I - eta H)^s r``. A descent of thousands of steps is cut into few stretches of growing length.
Each takes the kernel in its middle, as the midpoint rule does, for steps instead of time; a stretch of one step is the step
itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sciml.jacobian.protocols import Linearization
from sciml.jacobian.tangent import LAZY, TangentKernel

GROW = 4.0  # times the length of the stretch before, at most
CAREFUL = 0.8  # of the length that would just do
# change of the parameters' move by the middle kernel, up to which a stretch is kept: where the loss hardly falls, it does
# not show that the kernel moves
TURN = 0.25


@dataclass(frozen=True, repr=False)
class Forecast:
    """What gradient descent will do, as foretold by kernels along the way.

    Attributes:
        asked: Steps that were asked for.
        steps: Where the loss was looked at, ``(k,)``, from 0 on. They end before ``asked`` where the loss is no longer
            finite, or where the kernel moves so fast that the looks were spent.
        losses: The loss there, ``(k,)``.
        parts: Loss of each part at the last of the steps.
        error: How far the logarithm of the loss may be off, by an estimate: the sum over all stretches of what the middle
            kernel changed in the loss. The rule's own error is of higher order, and was below it in all lasting descents
            that were measured.
        looks: Kernels that were taken.
        drift: Relative change of the kernel over the descent.
        theta: Parameters at the last of the steps, ``(P,)``.
    """

    asked: int
    steps: Tensor
    losses: Tensor
    parts: dict[str, float]
    error: float
    looks: int
    drift: float
    theta: Tensor

    def __str__(self) -> str:
        reached = f"{int(self.steps[-1])} of {self.asked} steps by {self.looks} kernels"
        loss = f"loss {float(self.losses[0]):.2e} to {float(self.losses[-1]):.2e}"
        return (
            f"{reached}: {loss}, its logarithm off by {self.error:.2g}; the kernel drifts by {self.drift:.2g}"
        )

    __repr__ = __str__

    @property
    def complete(self) -> bool:
        """Whether all steps that were asked for are foretold."""
        return int(self.steps[-1]) == self.asked

    @property
    def loss(self) -> float:
        """The loss after all steps; inf where the descent diverges, nan where the looks were spent."""
        last = float(self.losses[-1])
        return last if self.complete or not math.isfinite(last) else math.nan

    @property
    def left(self) -> float:
        """Share of the loss that is left; inf or nan as ``loss``."""
        first = float(self.losses[0])
        return self.loss / first if first > 0 else self.loss

    @property
    def lazy(self) -> bool:
        """Whether the kernel stays what it is within a tenth: then one kernel would nearly do."""
        return self.drift <= LAZY


class Look(NamedTuple):
    """A linearisation with its kernel."""

    linearization: Linearization
    kernel: TangentKernel

    def move(self, residual: Tensor, steps: int, rate: float) -> Tensor:
        """Change of the parameters ``(P,)`` by descent from a residual with this kernel."""
        gathered = self.kernel.gathered(residual, steps, rate)
        return -self.linearization.rmv(gathered.to(self.linearization.residual))


def foretell(
    linearize: Callable[[Tensor], Linearization],
    theta: Tensor,
    parts: Mapping[str, slice],
    steps: int,
    rate: float,
    tol: float,
    most: int,
) -> Forecast:
    """Gradient descent from ``theta`` without its steps.

    A stretch is as long as the middle kernel changes the loss by at most ``tol``, relatively: that at its end, and that
    which would be left after all steps if the kernel then stayed as it is. It also changes the parameters' move by a
    quarter at most.

    Args:
        linearize: Of the residual at parameters.
        theta: Parameters at the start, ``(P,)``.
        parts: Rows of each part, as for ``TangentKernel``.
        steps: At least 1.
        rate: Positive.
        tol: Positive.
        most: Kernels that may be taken.
    """

    def look(at: Tensor) -> Look | None:
        linearization = linearize(at)
        matrix, residual = linearization.gram(), linearization.residual
        if not bool(torch.isfinite(residual).all() and torch.isfinite(matrix).all()):
            return None
        return Look(linearization, TangentKernel(matrix, residual, parts))

    linearization = linearize(theta)
    first = here = Look(linearization, TangentKernel.of(linearization, parts))
    marks, losses, length, error, looks = [0], [_loss(here.kernel.residual)], 1, 0.0, 1
    while marks[-1] < steps and looks < most:
        length = min(length, steps - marks[-1])
        residual, wanted = here.kernel.residual, GROW
        move, off = here.move(residual, length, rate), 0.0
        if length > 1:
            # the middle of the parameters that `length` steps start from, which is the start itself for one step
            middle = look(theta + move * ((length - 1) / (2 * length)))
            looks += 1
            strain = math.inf
            if middle is not None:
                other = middle.move(residual, length, rate)
                off = _gap(here.kernel, middle.kernel, residual, length, steps - marks[-1] - length, rate)
                strain = max(off / tol, _turn(move, other) / TURN)
            wanted = CAREFUL / math.sqrt(max(strain, 1e-6))
            if middle is None or strain > 1.0:
                length = max(1, int(length * max(0.2, wanted)))
                continue
            move = other
        there = look(theta + move)
        looks += 1
        marks.append(marks[-1] + length)
        if there is None:
            losses.append(math.inf)
            break
        here, theta, error = there, theta + move, error + off
        losses.append(_loss(here.kernel.residual))
        length = max(1, round(length * min(GROW, wanted)))
    left = (
        here.kernel.residual if math.isfinite(losses[-1]) else torch.full_like(here.kernel.residual, math.inf)
    )
    return Forecast(
        asked=steps,
        steps=torch.tensor(marks),
        losses=torch.tensor(losses, dtype=torch.float64),
        parts={name: _loss(left[rows]) for name, rows in parts.items()},
        error=error if math.isfinite(losses[-1]) else math.inf,
        looks=looks,
        drift=first.kernel.drift(here.kernel),
        theta=theta,
    )


def _loss(residual: Tensor) -> float:
    return 0.5 * float(residual @ residual)


def _gap(
    one: TangentKernel, other: TangentKernel, residual: Tensor, steps: int, later: int, rate: float
) -> float:
    """The larger logarithm of what two kernels make of the loss: after the steps, and after later ones with the second."""
    ends = [kernel.after(residual, steps, rate) for kernel in (one, other)]
    return max(_ratio(*ends), _ratio(*(other.after(end, later, rate) for end in ends)))


def _turn(one: Tensor, other: Tensor) -> float:
    size = float(torch.linalg.vector_norm(other))
    gap = float(torch.linalg.vector_norm(other - one))
    return gap / size if size > 0 and math.isfinite(gap) else (math.inf if gap != 0.0 else 0.0)


def _ratio(one: Tensor, other: Tensor) -> float:
    a, b = _loss(one), _loss(other)
    if a == b:
        return 0.0
    return abs(math.log(a / b)) if a > 0 and b > 0 and math.isfinite(a) and math.isfinite(b) else math.inf
