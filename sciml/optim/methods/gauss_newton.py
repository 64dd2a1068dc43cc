"""Gauss-Newton for residual losses: Levenberg-Marquardt or cubic regularisation, with bent steps.

One step solves ``(J'J + l I) v = -J' r`` where l is the damping (``model="lm"``) or ``l = sigma |v|``
(``model="cubic"``, the minimiser of ``1/2 |r + J v|^2 + (sigma/3)|v|^3``), bends it along the curvature of
the residual, and takes it when the loss falls. As r -> 0 the model becomes exact, so a problem that can be
solved converges fast without any second derivative in the parameters.

Sources: Nielsen (1999) for the update of l and sigma; Cartis, Gould, Toint (2011) for the cubic model;
Goldshlager, Abrahamsen, Lin (2024, SPRING) for momentum in residual space; ``bend.py`` for the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.optim.protocols import LeastSquaresProblem, Linearization, ModelState, half_square
from sciml.optim.steps.bidiagonal import KrylovSystem
from sciml.optim.steps.corrections import Model, Trial, proximal, straight
from sciml.optim.steps.damped import CholeskySystem, DampedSystem, SpectralSystem
from sciml.optim.steps.momentum import extrapolate

MODELS = ("cubic", "lm")
FORMS = ("auto", "primal", "dual", "qr", "krylov")
MOMENTA = (None, "ls", "spring")

ACCEPT = 1e-4  # least ratio of actual to predicted decrease
DENSE = 5000  # largest matrix that is factorised when the form is chosen automatically
DENSE_BYTES = 2 << 30  # largest Jacobian that is formed when the form is chosen automatically


@dataclass(eq=False)
class GaussNewtonState(ModelState):
    """``weight`` is l (LM) or sigma (cubic); ``anchor`` the last accepted point, ``previous`` the last step
    (momentum).
    """

    weight: float = 0.0
    nu: float = 2.0
    multiplier: float = 0.0
    anchor: Tensor | None = None
    previous: Tensor | None = None


@dataclass(frozen=True)
class GaussNewtonMethod:
    """Gauss-Newton as a step method.

    Args:
        model: ``"cubic"`` or ``"lm"``.
        form: How the linear systems are solved: ``"primal"``, ``"dual"``, ``"qr"`` (singular values of J;
            slowest, last digits), ``"krylov"`` (products only), or ``"auto"``: the smaller of primal and
            dual, krylov when both are large.
        geodesic: Bend the step along the curvature of the residual; False takes it straight.
        corrections: Most corrections of a bent step, one residual each, >= 1; 1 is geodesic acceleration
            proper.
        momentum: ``None``; ``"ls"``, extrapolation along the way between accepted points while the loss
            falls (ARCm's idea with a doubling line search); ``"spring"``, the last step enters the
            least-squares problem.
        weight: First l or sigma; None takes 0.1 for sigma, and 1e-3 of a Rayleigh quotient of J'J for l.
        decay: Factor of the last step in ``momentum="spring"``, in [0, 1).
        tolerance: Relative model residual at which the krylov form stops.
        max_basis: Largest Krylov basis.
    """

    model: str = "cubic"
    form: str = "auto"
    geodesic: bool = True
    corrections: int = 10
    momentum: str | None = None
    weight: float | None = None
    decay: float = 0.9
    tolerance: float = 1e-3
    max_basis: int = 300

    def __post_init__(self) -> None:
        for name, known in (("model", MODELS), ("form", FORMS), ("momentum", MOMENTA)):
            if getattr(self, name) not in known:
                raise ArgumentError(f"{name}: needs one of {known}, got {getattr(self, name)!r}.")
        if self.weight is not None and not 0.0 < self.weight < math.inf:
            raise ArgumentError(f"weight: needs a positive number, got {self.weight!r}.")
        if self.corrections < 1:
            raise ArgumentError(f"corrections: needs at least 1, got {self.corrections!r}.")
        if not 0.0 <= self.decay < 1.0:
            raise ArgumentError(f"decay: needs a number in [0, 1), got {self.decay!r}.")

    def init(self, problem: LeastSquaresProblem, theta: Tensor) -> GaussNewtonState:
        """Evaluate the residual once."""
        if not hasattr(problem, "linearize"):
            raise ArgumentError(
                "problem: Gauss-Newton needs a residual problem (residual, linearize), "
                f"got {type(problem).__name__}; for a scalar loss take 'arcm'."
            )
        state = GaussNewtonState(weight=self.weight or 0.0)
        return self.refresh(problem, theta, state)

    def refresh(
        self, problem: LeastSquaresProblem, theta: Tensor, state: GaussNewtonState
    ) -> GaussNewtonState:
        """Loss on the new points; l or sigma stay, momentum is dropped."""
        r = problem.residual(theta)
        return replace(
            state,
            loss=half_square(r),
            evaluations=state.evaluations + 1,
            rejections=0,
            anchor=None,
            previous=None,
            moved=True,
            model=None,
            solver=None,
        )

    def step(
        self, problem: LeastSquaresProblem, theta: Tensor, state: GaussNewtonState
    ) -> tuple[Tensor, GaussNewtonState]:
        """One outer iteration: solve, bend, try."""
        state = replace(state)
        if not self._ready(problem, theta, state):
            state.reject()
            return theta, state
        lin: Linearization = state.model
        r = lin.residual
        model = self._solve(theta, state)
        if not bool(torch.isfinite(model.v).all()) or torch.equal(theta + model.v, theta):
            self._shorten(state)
            return theta, state
        trial = self._try(problem, model)
        state.evaluations += trial.evaluations
        new, r_new, jv = theta + trial.step, trial.residual, model.jv
        # the difference of squares as a product: no cancellation when both losses are tiny
        fall = 0.5 * float(torch.dot(r - r_new, r + r_new))
        predicted = -float(torch.dot(r, jv)) - 0.5 * float(torch.dot(jv, jv))
        state.promised, state.length = predicted, float(torch.linalg.vector_norm(model.v))
        loss = half_square(r_new)
        noise = 10.0 * torch.finfo(r.dtype).eps * state.loss
        ratio = (fall + noise) / (predicted + noise) if predicted > 0.0 else -1.0
        if not (math.isfinite(loss) and ratio >= ACCEPT and loss <= state.loss):
            self._shorten(state)
            return theta, state
        state.weight = max(state.weight * self._relax(min(ratio, 10.0), trial.contraction), 1e-30)
        state.nu = 2.0
        state.accept(loss)
        state.previous = trial.step if self.momentum == "spring" else None
        if self.momentum == "ls":
            way = None if state.anchor is None else new - state.anchor
            state.anchor = new
            new = new if way is None else extrapolate(problem, new, way, state)
        state.forget()
        return new, state

    def _ready(self, problem: LeastSquaresProblem, theta: Tensor, state: GaussNewtonState) -> bool:
        """Linearise at ``theta`` (kept through rejections); False when the gradient is not finite."""
        if state.model is None:
            state.model = problem.linearize(theta)
            state.evaluations += state.moved
            state.moved = False
            lin: Linearization = state.model
            g = lin.rmv(lin.residual)
            state.loss = state.base_loss = half_square(lin.residual)
            state.grad_norm = float(torch.linalg.vector_norm(g))
            if not math.isfinite(state.grad_norm):
                return False
            if state.weight <= 0.0:
                state.weight = 0.1 if self.model == "cubic" else 1e-3 * _rayleigh(lin, g)
            state.solver = self._system(lin)
        return state.solver is not None

    def _form(self, lin: Linearization) -> str:
        m, p = lin.shape
        if self.form != "auto":
            return self.form
        if p < m and p <= DENSE and 8 * m * p <= DENSE_BYTES:
            return "primal"
        return "dual" if m <= DENSE else "krylov"

    def _system(self, lin: Linearization) -> DampedSystem:
        form = self._form(lin)
        if form == "krylov":
            return KrylovSystem(lin, self.tolerance, self.max_basis)
        return SpectralSystem(lin) if form == "qr" else CholeskySystem(lin, form)

    def _solve(self, theta: Tensor, state: GaussNewtonState) -> Model:
        """The damped linear model and its step."""
        lin: Linearization = state.model
        system: DampedSystem = state.solver
        q, lead = lin.residual, 0.0
        if state.previous is not None:
            lead = self.decay * state.previous
            q = q + lin.mv(lead)
        if self.model == "lm":
            state.multiplier = state.weight
            v = system.solve(state.weight, q)
        else:
            state.multiplier, v = system.cubic(state.weight, q, state.multiplier)
        v, damping = v + lead, state.multiplier
        return Model(theta, lin, lambda q: system.again(damping, q), v, lin.mv(v), damping, lead)

    def _try(self, problem: LeastSquaresProblem, model: Model) -> Trial:
        if not self.geodesic:
            return straight(problem, model)
        return proximal(problem, model, self.corrections)

    def _relax(self, ratio: float, contraction: float) -> float:
        """Factor on l or sigma after a step that was taken: Nielsen's, held back where the corrections
        hardly shrank.
        """
        factor = max(1.0 / 3.0 if self.model == "lm" else 0.2, 1.0 - (2.0 * ratio - 1.0) ** 3)
        if contraction >= 1.0:
            return max(factor, 1.0)
        return max(factor, 0.7) if contraction > 0.5 else factor

    def _shorten(self, state: GaussNewtonState) -> None:
        state.weight = min(state.weight * state.nu, 1e30)
        state.nu = min(2.0 * state.nu, 1e10)
        state.previous = None
        state.reject()


def _rayleigh(lin: Linearization, g: Tensor) -> float:
    """``|J g|^2 / |g|^2``: the curvature of the model along its gradient; 1 when the gradient is 0."""
    norm = float(torch.linalg.vector_norm(g))
    if norm == 0.0:
        return 1.0
    return max(float(torch.linalg.vector_norm(lin.mv(g / norm))) ** 2, 1e-30)
