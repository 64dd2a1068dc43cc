"""The skeleton of a method that tries steps from a local model: Gauss-Newton, ARC, and what you write yourself.

    model at theta -> step for the present weight -> ratio of actual to predicted decrease
    -> take or reject, and the next weight -> extrapolate -> forget the model

A rejected step keeps the model and comes back with a larger weight. A method is a pairing of parts: a model and its step
(``look``, ``propose``), an ``acceptance``, a ``rule`` for the weight, and perhaps momentum (``extrapolate``).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from sciml.optim.step_method import ModelState
from sciml.optim.steps.acceptance import Acceptance, Nielsen, Proposal, Verdict, WeightRule

LEAST, MOST = 1e-30, 1e30  # bounds of the weight


class ModelMethod(ABC):
    """A step method from a local model. Subclasses are frozen dataclasses of their options.

    Attributes:
        least_weight: Below this the weight never falls.
    """

    second_order: ClassVar[bool] = True
    least_weight: ClassVar[float] = LEAST

    @property
    def acceptance(self) -> Acceptance:
        """When a step is taken."""
        return Acceptance()

    @property
    def rule(self) -> WeightRule:
        """How the weight follows the ratio."""
        return Nielsen()

    def start(self, problem: Any) -> Any:
        """The state before anything is evaluated; raises where the problem lacks what the model needs."""
        return ModelState(weight=1.0)

    def loss(self, problem: Any, theta: Tensor) -> float:
        """The loss at ``theta``."""
        return problem.value(theta)

    @abstractmethod
    def look(self, problem: Any, theta: Tensor) -> tuple[Any, float, Tensor]:
        """The model at ``theta``, with the loss and the gradient (P,) there."""

    def first_weight(self, model: Any, gradient: Tensor) -> float:
        """The weight to begin with, where ``start`` gave none."""
        return 1.0

    def subproblem(self, state: Any) -> Any:
        """What solves ``state.model`` for one weight after the other; kept through rejections."""
        return state.model

    @abstractmethod
    def propose(self, problem: Any, theta: Tensor, state: Any) -> Proposal | None:
        """Solve for ``state.weight`` and try the step; None where it drowns in the rounding of ``theta``.

        ``state`` is the step's own copy: count ``evaluations`` in it, and note ``lam``, ``promised`` and ``length``.
        """

    def extrapolate(self, problem: Any, theta: Tensor, new: Tensor, proposal: Proposal, state: Any) -> Tensor:
        """``new``, or a lower point beyond it, with its loss in ``state.loss``: momentum."""
        return new

    def init(self, problem: Any, theta: Tensor) -> Any:
        """Evaluate the loss once."""
        return self.refresh(problem, theta, self.start(problem))

    def refresh(self, problem: Any, theta: Tensor, state: Any) -> Any:
        """Loss on the new points; the weight stays, momentum is dropped."""
        state = replace(
            state,
            loss=self.loss(problem, theta),
            evaluations=state.evaluations + 1,
            rejections=0,
            anchor=None,
        )
        state.forget()
        return state

    def step(self, problem: Any, theta: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One outer iteration: model, step, verdict."""
        state = replace(state)
        if state.model is None:
            self._build(problem, theta, state)
        proposal = None
        if math.isfinite(state.grad_norm):
            if state.solver is None:
                state.solver = self.subproblem(state)
            proposal = self.propose(problem, theta, state)
        if proposal is None or not self._judge(proposal, state):
            state.reject()
            return theta, state
        state.accept(proposal.loss)
        new = self.extrapolate(problem, theta, theta + proposal.step, proposal, state)
        state.forget()
        return new, state

    def _build(self, problem: Any, theta: Tensor, state: Any) -> None:
        state.model, loss, gradient = self.look(problem, theta)
        state.evaluations += state.moved
        state.moved = False
        state.loss = state.base_loss = loss
        state.grad_norm = float(torch.linalg.vector_norm(gradient))
        if math.isfinite(state.grad_norm) and state.weight <= 0.0:
            state.weight = self.first_weight(state.model, gradient)

    def _judge(self, proposal: Proposal, state: Any) -> bool:
        """Whether to take the step; moves the weight."""
        rule = self.rule
        taken = False
        if math.isfinite(proposal.loss):
            ratio = self.acceptance.ratio(proposal, state.loss)
            taken = self.acceptance.takes(proposal, ratio, state.loss)
            weight = rule.weight(state.weight, state.nu, Verdict(taken, ratio, proposal, state.grad_norm))
        else:  # nothing to learn but that the step was too long
            weight = state.weight * state.nu
        state.weight = min(max(weight, self.least_weight), MOST)
        state.nu = rule.nu(state.nu, taken)
        return taken
