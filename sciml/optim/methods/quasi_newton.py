"""Self-scaled quasi-Newton methods with a dense inverse Hessian: SSBFGS and SSBroyden.

From H ~ inverse Hessian, step s and gradient change y, with ``v = sqrt(yᵀHy) (s / yᵀs - Hy / yᵀHy)``:

    H <- (H - Hy yᵀH / yᵀHy + phi v vᵀ) / tau + s sᵀ / yᵀs

``phi = 1`` is BFGS; tau <= 1 scales H so that directions with small curvature are not over-stretched, which
is what makes these methods reach 1e-7 and below on physics-informed losses where L-BFGS stops at 1e-6.

Sources: Al-Baali (1998), Al-Baali, Khalfan (2005), for tau and phi; Urban, Stefanou, Pons (arXiv
2405.04230) for their use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from sciml import arguments
from sciml.errors import ArgumentError
from sciml.optim.problems.protocols import Problem
from sciml.optim.step_method import GradientState
from sciml.optim.steps.linesearch import descent_along, search_along

UPDATES = ("ssbroyden", "ssbfgs", "bfgs")
LARGEST = 20_000  # parameters: H then takes 3.2 GB


@dataclass(eq=False)
class QuasiNewtonState(GradientState):
    """``inverse`` Hessian (P, P), None before the first update; ``previous`` loss."""

    inverse: Tensor | None = None
    previous: float = math.nan


@dataclass(frozen=True)
class QuasiNewtonMethod:
    """SSBroyden, SSBFGS or BFGS with a strong Wolfe line search, one line search a step.

    The inverse Hessian is gathered from gradients over hundreds of steps, so these methods are not ``second_order`` in the
    sense of ``StepMethod``: a step is worth a gradient or two, and new points every twenty steps would spoil it.

    Args:
        update: ``"ssbroyden"``, ``"ssbfgs"`` or ``"bfgs"``.
    """

    update: str = "ssbroyden"

    second_order: ClassVar[bool] = False

    def __post_init__(self) -> None:
        arguments.one_of("update", self.update, UPDATES)

    def init(self, problem: Problem, theta: Tensor) -> QuasiNewtonState:
        """Evaluate loss and gradient once."""
        if len(theta) > LARGEST:
            raise ArgumentError(
                f"theta needs at most {LARGEST} parameters for the dense inverse Hessian of {self.update}, "
                f"got {len(theta)}; take 'lbfgs' or 'gn-krylov'."
            )
        return self.refresh(problem, theta, QuasiNewtonState())

    def refresh(self, problem: Problem, theta: Tensor, state: QuasiNewtonState) -> QuasiNewtonState:
        """Loss and gradient on the new points; the inverse Hessian stays."""
        return replace(state.measured(problem, theta), previous=math.nan)

    def step(
        self, problem: Problem, theta: Tensor, state: QuasiNewtonState
    ) -> tuple[Tensor, QuasiNewtonState]:
        """One line search and one update of the inverse Hessian."""
        state = replace(state)
        g, h = state.gradient, state.inverse
        assert g is not None
        descent = descent_along(-g if h is None else -(h @ g), g)
        if descent is None or descent.steepest:
            state.inverse = None
        if descent is None:
            state.reject()
            return theta, state
        first = 1.0 if state.inverse is not None else min(1.0, 1.0 / state.grad_norm)
        search = search_along(problem, theta, descent, state.loss, first)
        state.evaluations += search.evaluations
        point = search.point
        if point is None or point.gradient is None:
            state.inverse = None  # the next step is steepest descent
            state.reject()
            return theta, state
        s = point.stride * descent.direction
        y = point.gradient - g
        self._update(state, s, y, point.stride * (-point.stride * descent.slope))
        state.previous = state.loss
        state.gradient, state.grad_norm = point.gradient, float(torch.linalg.vector_norm(point.gradient))
        state.accept(point.loss)
        return theta + s, state

    def _update(self, state: QuasiNewtonState, s: Tensor, y: Tensor, curvature: float) -> None:
        """Replace ``state.inverse``; ``curvature`` is sᵀBs for B = H^-1."""
        ys = float(torch.dot(y, s))
        norms = float(torch.linalg.vector_norm(y)) * float(torch.linalg.vector_norm(s))
        if not ys > 1e-14 * norms or ys * ys == 0.0 or float(torch.dot(y, y)) == 0.0:  # the squares underflow
            return
        h = state.inverse
        if h is None:
            scale = ys / float(torch.dot(y, y))
            h = torch.eye(len(s), dtype=s.dtype, device=s.device) * scale
            curvature = float(torch.dot(s, s)) / scale
        hy = h @ y
        yhy = float(torch.dot(y, hy))
        if not yhy > 0.0:
            state.inverse = None
            return
        phi, tau = self._scaling(curvature / ys, yhy / ys, len(s))
        # (h - hy hyᵀ/yhy + phi v vᵀ) / tau + s sᵀ/ys, gathered into three rank-one updates
        new = h / tau
        new.addr_(hy, hy, alpha=(phi - 1.0) / (yhy * tau))
        cross = -phi / (ys * tau)
        new.addr_(s, hy, alpha=cross).addr_(hy, s, alpha=cross)
        new.addr_(s, s, alpha=phi * yhy / (ys * ys * tau) + 1.0 / ys)
        state.inverse = new

    def _scaling(self, b: float, h: float, n: int) -> tuple[float, float]:
        """``(phi, tau)`` from ``b = sᵀBs / yᵀs`` and ``h = yᵀHy / yᵀs`` (Al-Baali's notation)."""
        if self.update == "bfgs":
            return 1.0, 1.0
        shrink = min(1.0, 1.0 / b)
        if self.update == "ssbfgs":
            return 1.0, shrink
        a = max(b * h - 1.0, 0.0)  # >= 0 by Cauchy-Schwarz
        if a <= 1e-15:
            return 1.0, shrink
        c = math.sqrt(a / (1.0 + a))
        least = max(min(1.0, h * (1.0 - c)), 1e-300)  # 0 where c rounds to 1
        theta = max((least - 1.0) / a, min(1.0 / least, (1.0 - b) / b))
        sigma = 1.0 + theta * a
        phi = (1.0 - theta) / sigma
        power = sigma ** (-1.0 / (n - 1)) if n > 1 else 1.0
        tau = min(shrink * power, sigma) if theta <= 0.0 else shrink * min(power, 1.0 / theta)
        return phi, tau
