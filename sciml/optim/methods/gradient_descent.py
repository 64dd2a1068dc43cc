"""Gradient descent and its stochastic form, with a rate from the tangent kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from sciml.arguments import integer, positive
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.jacobian.norm import largest_eigenvalue
from sciml.jacobian.protocols import Linearization
from sciml.optim.problems.protocols import LeastSquaresProblem, half_square
from sciml.optim.step_method import State

EVERY = 100  # steps after which the kernel is looked at again: it moves while the network learns
CAREFUL = 0.9  # of the rate: power iteration gives the largest eigenvalue from below


@dataclass(eq=False)
class DescentState(State):
    """``rate`` is that of the next step, ``direction`` (P,) the kernel's largest, ``age`` steps since it was found.

    ``draws`` counts batches, so that a run that goes on draws the next ones.
    """

    rate: float = 0.0
    direction: Tensor | None = None
    age: int = 0
    draws: int = 0
    gradient: Tensor | None = None


@dataclass(frozen=True)
class GradientDescentMethod:
    """``theta - rate * gradient``, for least-squares problems.

    Args:
        lr: The rate, or ``"kernel"``: ``0.9 / l_max`` with l_max the largest eigenvalue of the tangent kernel ``J Jᵀ``.
            Power iteration finds it, again every 100 steps and where the loss has risen. With a batch it is the rate of
            ``TangentKernel.batch_rate``.
        batch: Rows of the residual that a step sees, drawn with replacement; None for all of them.
        seed: Of the batches.

    Raises:
        ArgumentError: A rate that is neither a positive number nor ``"kernel"``, a batch below 1.
    """

    lr: float | str = "kernel"
    batch: int | None = None
    seed: int = 0

    second_order: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.lr != "kernel":
            if isinstance(self.lr, str):
                raise ArgumentError(f"lr needs a positive number or 'kernel', got {self.lr!r}.")
            positive("lr", self.lr)
        if self.batch is not None:
            integer("batch", self.batch, least=1)

    def init(self, problem: LeastSquaresProblem, theta: Tensor) -> DescentState:
        """Evaluate loss and gradient once, and find the rate."""
        if not isinstance(problem, LeastSquaresProblem):
            raise ArgumentTypeError(
                f"problem needs a residual and its linearisation for gradient descent, got {type(problem).__name__}."
            )
        return self.refresh(problem, theta, DescentState())

    def refresh(self, problem: LeastSquaresProblem, theta: Tensor, state: DescentState) -> DescentState:
        """Loss, gradient and rate on the new points."""
        state = replace(state)
        linearization = problem.linearize(theta)
        state.evaluations += 1
        state.rejections = 0
        state.loss = half_square(linearization.residual)
        self._choose_rate(linearization, state)
        self._choose_gradient(linearization, state)
        return state

    def step(
        self, problem: LeastSquaresProblem, theta: Tensor, state: DescentState
    ) -> tuple[Tensor, DescentState]:
        """One step; a loss that is not finite is undone, and so is one that rises by a whole step of the kernel's rate."""
        state = replace(state)
        if self.lr == "kernel" and state.age >= EVERY:
            state = self.refresh(problem, theta, state)
        assert state.gradient is not None
        new = theta - state.rate * state.gradient
        if self.batch is None:
            loss, gradient = problem.value_and_grad(new)
            linearization = None
        else:
            linearization = problem.linearize(new)
            loss, gradient = half_square(linearization.residual), state.gradient
        state.evaluations += 1
        rises = self.lr == "kernel" and self.batch is None and loss > state.loss
        if not math.isfinite(loss) or rises:
            before, rejections = state.rate, state.rejections
            if self.lr == "kernel":
                state = self.refresh(problem, theta, state)
            state.rate, state.rejections = min(state.rate, 0.5 * before), rejections
            state.reject()
            return theta, state
        state.age += 1
        state.gradient = gradient
        if linearization is not None:
            self._choose_gradient(linearization, state)
        state.grad_norm = float(torch.linalg.vector_norm(state.gradient))
        state.accept(loss)
        return new, state

    def _choose_rate(self, linearization: Linearization, state: DescentState) -> None:
        state.age = 0
        if not isinstance(self.lr, str):
            state.rate = float(self.lr) if state.rate == 0.0 else state.rate
            return
        largest, state.direction = largest_eigenvalue(linearization, state.direction)
        if self.batch is not None:
            rows = linearization.shape[0]
            norms = linearization.dense().square().sum(1)
            largest = (rows * float(norms.max()) + (self.batch - 1) * largest) / self.batch
        state.rate = CAREFUL / largest if largest > 0 else 1.0

    def _choose_gradient(self, linearization: Linearization, state: DescentState) -> None:
        r = linearization.residual
        if self.batch is not None:
            rng = torch.Generator().manual_seed(self.seed * 1_000_003 + state.draws)
            chosen = torch.randint(len(r), (self.batch,), generator=rng).to(r.device)
            state.draws += 1
            times = torch.bincount(chosen, minlength=len(r)).to(r)
            r = r * times * (len(r) / self.batch)
        state.gradient = linearization.rmv(r)
        state.grad_norm = float(torch.linalg.vector_norm(state.gradient))
