"""Cubic-regularised Newton methods: CR, CRm, ARC and ARCm.

Each step minimises ``m(s) = f + g's + 1/2 s'Hs + (sigma/3)|s|^3``. CR keeps sigma fixed and always moves;
ARC accepts a step by the ratio of actual to predicted decrease and adapts sigma; the m-forms extrapolate
after an accepted step, ``v = y_{k+1} + beta (y_{k+1} - y_k)``, and keep whichever of y_{k+1} and v is
lower, so every bound that rests on monotone descent stays.

Sources: Nesterov, Polyak (2006) for CR; Cartis, Gould, Toint (2011) for ARC; Wang, Zhou, Liang, Lan (2018)
for CRm; ARCm is our design, after the abstract of Gao, Ng (arXiv 2210.05987), whose rule for beta we could
not read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.optim.protocols import Curvature, ModelState, SmoothProblem
from sciml.optim.steps.cubic.descent import DescentSubproblem
from sciml.optim.steps.cubic.exact import CholeskySubproblem, EigenSubproblem
from sciml.optim.steps.cubic.lanczos import LanczosSubproblem
from sciml.optim.steps.cubic.subproblem import CubicSolution, Subproblem
from sciml.optim.steps.momentum import extrapolate

UPDATES = ("interpolation", "smooth", "classic", "published")
MOMENTA = (None, "wang", "constant", "ls")
SOLVERS = ("auto", "eigen", "cholesky", "lanczos", "descent")

ETA1, ETA2 = 0.1, 0.9
DENSE = 500  # most variables for which solver="auto" forms the Hessian


@dataclass(eq=False)
class CubicState(ModelState):
    """``sigma`` and its growth ``nu``; ``multiplier`` of the last solve; ``anchor`` the last accepted point
    y_k.
    """

    sigma: float = 0.1
    nu: float = 2.0
    multiplier: float = 0.0
    products: int = 0
    anchor: Tensor | None = None


@dataclass(frozen=True)
class CubicMethod:
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

    def __post_init__(self) -> None:
        known = {"momentum": MOMENTA, "update": UPDATES, "solver": SOLVERS}
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ArgumentError(f"{name}: needs one of {values}, got {getattr(self, name)!r}.")
        if not 0.0 < self.sigma < math.inf:
            raise ArgumentError(f"sigma: needs a positive number, got {self.sigma!r}.")

    def init(self, problem: SmoothProblem, theta: Tensor) -> CubicState:
        """Evaluate the loss once."""
        if not hasattr(problem, "curvature"):
            raise ArgumentError(
                f"problem: a cubic method needs curvature(theta), got {type(problem).__name__}; "
                "for a residual problem take 'gn-arc'."
            )
        return self.refresh(problem, theta, CubicState(sigma=self.sigma))

    def refresh(self, problem: SmoothProblem, theta: Tensor, state: CubicState) -> CubicState:
        """Loss on the new points; sigma stays, momentum is dropped."""
        return replace(
            state,
            loss=problem.value(theta),
            evaluations=state.evaluations + 1,
            rejections=0,
            anchor=None,
            moved=True,
            model=None,
            solver=None,
        )

    def step(self, problem: SmoothProblem, theta: Tensor, state: CubicState) -> tuple[Tensor, CubicState]:
        """One outer iteration: solve, try, adapt."""
        state = replace(state)
        if state.model is None:
            state.model = problem.curvature(theta)
            state.evaluations += state.moved
            state.moved = False
            state.loss = state.base_loss = state.model.value
            state.grad_norm = float(torch.linalg.vector_norm(state.model.gradient))
        curvature: Curvature = state.model
        if not math.isfinite(state.grad_norm):
            state.reject()
            return theta, state
        if state.solver is None:
            state.solver = self._subproblem(curvature, state)
        found: CubicSolution = state.solver.solve(state.sigma)
        state.products += found.products
        state.multiplier, state.promised = found.multiplier, found.decrease
        state.length = float(torch.linalg.vector_norm(found.step))
        new = theta + found.step
        if torch.equal(new, theta):  # the step is below the rounding of theta
            state.reject()
            return theta, state
        gradient = None
        if self.momentum == "wang":
            loss, gradient = problem.value_and_grad(new)
        else:
            loss = problem.value(new)
        state.evaluations += 1
        if not self._judge(state, curvature, found, loss):
            return theta, state
        state.accept(loss)
        if self.momentum is not None:
            new = self._extrapolate(problem, theta, new, found, gradient, state)
        state.forget()
        return new, state

    def _subproblem(self, curvature: Curvature, state: CubicState) -> Subproblem:
        solver = self.solver
        if solver == "auto":
            solver = "eigen" if len(curvature.gradient) <= DENSE else "lanczos"
        if solver == "eigen":
            return EigenSubproblem(curvature)
        if solver == "cholesky":
            return CholeskySubproblem(curvature, start=state.multiplier)
        return LanczosSubproblem(curvature) if solver == "lanczos" else DescentSubproblem(curvature)

    def _judge(self, state: CubicState, curvature: Curvature, found: CubicSolution, loss: float) -> bool:
        """Whether to take the step; moves sigma."""
        if not math.isfinite(loss):
            state.sigma, state.nu = state.sigma * state.nu, min(2.0 * state.nu, 1e10)
            state.reject()
            return False
        if not self.adaptive:
            return True
        noise = 10.0 * torch.finfo(found.step.dtype).eps * max(1.0, abs(state.loss))
        ratio = (state.loss - loss + noise) / (found.decrease + noise)
        ratio = min(max(ratio, -10.0), 10.0)
        taken = ratio >= ETA1
        if self.update == "smooth":
            state.sigma *= max(0.2, 1.0 - (2.0 * ratio - 1.0) ** 3) if taken else state.nu
        elif self.update == "interpolation":
            # the sigma for which the cubic model is exact at this step
            linear = float(torch.dot(curvature.gradient, found.step))
            exact = 3.0 * (loss - state.loss - linear - 0.5 * found.bend) / max(state.length, 1e-100) ** 3
            low, high = (2.0, 100.0) if not taken else (0.1, 1.0 if ratio > ETA2 else 10.0)
            state.sigma *= min(max(exact / state.sigma, low), high)
        elif not taken:
            state.sigma *= 2.0
        elif ratio > ETA2:
            shrunk = 0.5 * state.sigma if self.update == "classic" else state.sigma
            state.sigma = min(shrunk, state.grad_norm)
        state.sigma = min(max(state.sigma, 1e-16), 1e30)
        state.nu = 2.0 if taken else min(2.0 * state.nu, 1e10)
        if not taken:
            state.reject()
        return taken

    def _extrapolate(
        self,
        problem: SmoothProblem,
        theta: Tensor,
        new: Tensor,
        found: CubicSolution,
        gradient: Tensor | None,
        state: CubicState,
    ) -> Tensor:
        """The lower of y_{k+1} and its extrapolation; remembers y_{k+1}."""
        way = new - (theta if state.anchor is None else state.anchor)
        state.anchor = new
        if self.momentum == "ls":
            return extrapolate(problem, new, way, state)
        beta = 0.9
        if gradient is not None:
            step = float(torch.linalg.vector_norm(found.step))
            beta = min(beta, 10.0 * float(torch.linalg.vector_norm(gradient)), 10.0 * step)
        trial = new + beta * way
        loss = problem.value(trial)
        state.evaluations += 1
        if not loss < state.loss:
            return new
        state.loss = loss
        return trial
