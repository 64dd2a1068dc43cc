"""Cubic-regularised Newton methods: CR, CRm, ARC and ARCm.

Each step minimises ``m(s) = f + gᵀs + 1/2 sᵀHs + (sigma/3)|s|^3``. CR keeps sigma fixed and always moves; ARC accepts a
step by the ratio of actual to predicted decrease and adapts sigma; the m-forms extrapolate after an accepted step,
``v = y_{k+1} + beta (y_{k+1} - y_k)``, and keep whichever of y_{k+1} and v is lower, so every bound that rests on monotone
descent stays.

Sources: Nesterov, Polyak (2006) for CR; Cartis, Gould, Toint (2011) for ARC; Wang, Zhou, Liang, Lan (2018) for CRm; ARCm
is our design, after the abstract of Gao, Ng (arXiv 2210.05987), whose rule for beta we could not read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sciml import arguments
from sciml.errors import ArgumentError
from sciml.jacobian.protocols import Curvature
from sciml.optim.methods.model_method import ModelMethod
from sciml.optim.problems.protocols import SmoothProblem
from sciml.optim.step_method import ModelState
from sciml.optim.steps.acceptance import (
    Acceptance,
    Fixed,
    Interpolation,
    Nielsen,
    Proposal,
    Published,
    WeightRule,
)
from sciml.optim.steps.cubic.descent import DescentSubproblem
from sciml.optim.steps.cubic.exact import CholeskySubproblem, EigenSubproblem
from sciml.optim.steps.cubic.lanczos import LanczosSubproblem
from sciml.optim.steps.cubic.subproblem import CubicSolution, Subproblem
from sciml.optim.steps.momentum import extrapolate, extrapolate_once

RULES: dict[str, WeightRule] = {
    "interpolation": Interpolation(),
    "smooth": Nielsen(),
    "classic": Published(shrink=0.5),
    "published": Published(),
}
MOMENTA = (None, "wang", "constant", "ls")
SOLVERS = ("auto", "eigen", "cholesky", "lanczos", "descent")

DENSE = 500  # most variables for which solver="auto" forms the Hessian


@dataclass(eq=False)
class CubicState(ModelState):
    """``weight`` is sigma, ``anchor`` the last accepted point y_k; ``products`` counts ``H v`` so far."""

    products: int = 0


@dataclass(frozen=True)
class CubicMethod(ModelMethod):
    """CR, CRm, ARC or ARCm as a step method.

    Args:
        adaptive: Adapt sigma and reject bad steps (ARC); False keeps sigma and always moves (CR).
        momentum: ``None``; ``"wang"``, ``beta = min(0.9, K |g(y)|, K |s|)`` with ``K = 10`` (one gradient
            more a step); ``"constant"``, ``beta = 0.9``; ``"ls"``, beta = 1/2, 1, 2, ... while the loss
            falls.
        update: How sigma follows the ratio: ``"interpolation"``, the sigma that would have made the model
            exact at the last step, within bounds; ``"smooth"``, Nielsen's formula; ``"published"``,
            ``min(sigma, |g|)`` after a very good step and ``2 sigma`` after a rejection, as in the
            experiments of Cartis, Gould, Toint; ``"classic"``, the same with ``min(sigma/2, |g|)``.
        solver: ``"eigen"``, ``"cholesky"``, ``"lanczos"``, ``"descent"``, or ``"auto"``: eigen up to 500
            variables, else lanczos.
        sigma: First cubic weight, > 0; half of Nesterov and Polyak's M.
    """

    adaptive: bool = True
    momentum: str | None = None
    update: str = "interpolation"
    solver: str = "auto"
    sigma: float = 0.1

    least_weight: ClassVar[float] = 1e-16

    def __post_init__(self) -> None:
        arguments.one_of("momentum", self.momentum, MOMENTA)
        arguments.one_of("update", self.update, RULES)
        arguments.one_of("solver", self.solver, SOLVERS)
        arguments.positive("sigma", self.sigma)

    @property
    def acceptance(self) -> Acceptance:
        """A tenth of what was predicted; CR takes every step."""
        return Acceptance(least=0.1 if self.adaptive else -math.inf)

    @property
    def rule(self) -> WeightRule:
        """That of ``update``; CR keeps sigma."""
        return RULES[self.update] if self.adaptive else Fixed()

    def start(self, problem: SmoothProblem) -> CubicState:
        """A state with the first sigma."""
        if not hasattr(problem, "curvature"):
            raise ArgumentError(
                f"problem needs curvature(theta) for a cubic method, got {type(problem).__name__}; "
                "for a residual problem take 'gn-arc'."
            )
        return CubicState(weight=self.sigma)

    def look(self, problem: SmoothProblem, theta: Tensor) -> tuple[Curvature, float, Tensor]:
        """The quadratic part of the model."""
        curvature = problem.curvature(theta)
        return curvature, curvature.value, curvature.gradient

    def subproblem(self, state: CubicState) -> Subproblem:
        """The solver that was asked for."""
        curvature: Curvature = state.model
        solver = self.solver
        if solver == "auto":
            solver = "eigen" if len(curvature.gradient) <= DENSE else "lanczos"
        if solver == "eigen":
            return EigenSubproblem(curvature)
        if solver == "cholesky":
            return CholeskySubproblem(curvature, start=state.lam)
        return LanczosSubproblem(curvature) if solver == "lanczos" else DescentSubproblem(curvature)

    def propose(self, problem: SmoothProblem, theta: Tensor, state: CubicState) -> Proposal | None:
        """The minimiser of the cubic model, and the loss there."""
        found: CubicSolution = state.solver.solve(state.weight)
        state.products += found.products
        state.lam, state.promised = found.lam, found.decrease
        state.length = float(torch.linalg.vector_norm(found.step))
        new, gradient = theta + found.step, None
        if torch.equal(new, theta):
            return None
        if self.momentum == "wang":
            loss, gradient = problem.value_and_grad(new)
        else:
            loss = problem.value(new)
        state.evaluations += 1
        # the sigma for which the cubic model is exact at this step
        linear = float(torch.dot(state.model.gradient, found.step))
        fitted = 3.0 * (loss - state.loss - linear - 0.5 * found.curvature) / max(state.length, 1e-100) ** 3
        return Proposal(found.step, loss, state.loss - loss, found.decrease, fitted, gradient=gradient)

    def extrapolate(
        self, problem: SmoothProblem, theta: Tensor, new: Tensor, proposal: Proposal, state: CubicState
    ) -> Tensor:
        """The lower of y_{k+1} and its extrapolation; remembers y_{k+1}."""
        if self.momentum is None:
            return new
        direction = new - (theta if state.anchor is None else state.anchor)
        state.anchor = new
        if self.momentum == "ls":
            return extrapolate(problem, new, direction, state)
        beta = 0.9
        if proposal.gradient is not None:
            size = float(torch.linalg.vector_norm(proposal.gradient))
            beta = min(beta, 10.0 * size, 10.0 * state.length)
        return extrapolate_once(problem, new, direction, beta, state)
