"""Gauss-Newton for residual losses: Levenberg-Marquardt or cubic regularisation, with corrected steps.

One step solves ``(JᵀJ + λ I) v = -Jᵀ r`` where λ is the damping (``model="lm"``) or ``λ = sigma |v|``
(``model="cubic"``, the minimiser of ``1/2 |r + J v|^2 + (sigma/3)|v|^3``), corrects it for the curvature of the residual,
and takes it when the loss falls. As r -> 0 the model becomes exact, so a problem that can be solved converges fast without
any second derivative in the parameters.

Where the loss crawls, steps are measured by the Jacobian's columns instead (``steps/lengths.py``), and where it crawls again
by the parameters as they are.

Sources: Nielsen (1999) for the update of λ and sigma; Cartis, Gould, Toint (2011) for the cubic model; Goldshlager,
Abrahamsen, Lin (2024, SPRING) for momentum in residual space; ``steps/corrections.py`` for the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from sciml import arguments
from sciml.errors import ArgumentError
from sciml.jacobian.protocols import Linearization
from sciml.optim.methods.model_method import ModelMethod
from sciml.optim.problems.protocols import LeastSquaresProblem, half_square
from sciml.optim.step_method import ModelState
from sciml.optim.steps.acceptance import Acceptance, Nielsen, Proposal, square_fall
from sciml.optim.steps.bidiagonal import KrylovSystem
from sciml.optim.steps.corrections import Candidate, DampedModel, proximal, straight
from sciml.optim.steps.damped import CholeskySystem, DampedSystem, SpectralSystem
from sciml.optim.steps.lengths import ScaledColumns, ScaledSteps, scalable
from sciml.optim.steps.momentum import extrapolate

MODELS = ("cubic", "lm")
FORMS = ("auto", "primal", "dual", "qr", "krylov")
MOMENTA = (None, "ls", "spring")
LENGTHS = ("auto", "parameters", "columns")
WATCHED = 10  # steps after which progress is judged
# Share of the loss that is left after them, above which another measure of length is tried. At 0.7 a pulse of Gray and
# Scott's equations dies on the way, at 0.85 the wave is not found.
CRAWLS = 0.8
FAR = 1e-8  # of the highest loss: one that crawls below has arrived

DENSE = 5000  # largest matrix that is factorised when the form is chosen automatically
DENSE_BYTES = 2 << 30  # largest Jacobian that is formed when the form is chosen automatically


@dataclass(eq=False)
class GaussNewtonState(ModelState):
    """``weight`` is λ (LM) or sigma (cubic), ``anchor`` the last accepted point, ``previous`` the last step: momentum.

    Attributes:
        by_columns: Whether lengths are measured by the Jacobian's columns.
        mark, watched: The loss from which progress is judged, and the steps since.
        highest: Of the losses so far.
    """

    previous: Tensor | None = None
    by_columns: bool = False
    mark: float = 0.0
    watched: int = 0
    highest: float = 0.0

    ADDED: ClassVar[frozenset[str]] = frozenset(("by_columns", "mark", "watched", "highest"))


@dataclass(frozen=True, repr=False)
class GaussNewtonMethod(ModelMethod):
    """Gauss-Newton as a step method.

    Args:
        model: ``"cubic"`` or ``"lm"``.
        form: How the linear systems are solved: ``"primal"``, ``"dual"``, ``"qr"`` (singular values of J;
            slowest, last digits), ``"krylov"`` (products only), or ``"auto"``: the smaller of primal and
            dual, krylov when both are large.
        geodesic: Correct the step for the curvature of the residual; False takes it straight.
        corrections: Most corrections of a step, one residual each, >= 1; 1 is geodesic acceleration proper.
        momentum: ``None``; ``"ls"``, extrapolation along the line between accepted points while the loss
            falls (ARCm's idea with a doubling line search); ``"spring"``, the last step enters the
            least-squares problem.
        weight: First λ or sigma; None takes 0.1 for sigma, and 1e-3 of a Rayleigh quotient of JᵀJ for λ.
        decay: Factor of the last step in ``momentum="spring"``, in [0, 1).
        tolerance: Relative model residual at which the krylov form stops.
        max_basis: Largest Krylov basis.
        lengths: What keeps a step short: the length of the change of the ``"parameters"``, or one in which each counts by
            the root of its column's norm in the Jacobian (``"columns"``); ``"auto"`` begins with the first and changes to
            the other where ten steps take away less than 20 % of a loss that is above 1e-8 of the highest. A Jacobian above
            256 MB, and the krylov form, know the first alone.
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
    lengths: str = field(default="auto", repr=False)

    def __post_init__(self) -> None:
        arguments.one_of("model", self.model, MODELS)
        arguments.one_of("form", self.form, FORMS)
        arguments.one_of("momentum", self.momentum, MOMENTA)
        arguments.one_of("lengths", self.lengths, LENGTHS)
        if self.weight is not None:
            arguments.positive("weight", self.weight)
        arguments.count("corrections", self.corrections)
        arguments.number("tolerance", self.tolerance, least=0.0)
        arguments.count("max_basis", self.max_basis)
        if not 0.0 <= self.decay < 1.0:
            raise ArgumentError(f"decay needs a number in [0, 1), got {self.decay!r}.")

    def __repr__(self) -> str:
        """As a checkpoint knows it: without lengths where a run begins as it did before there were any."""
        shown = {f.name: getattr(self, f.name) for f in fields(self) if f.repr}
        if self.lengths == "columns":
            shown["lengths"] = self.lengths
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def acceptance(self) -> Acceptance:
        """Nearly any decrease: a linearisation costs more than the steps that are tried from it."""
        return Acceptance(least=1e-4, unit=0.0, monotone=True)

    @property
    def rule(self) -> Nielsen:
        """Nielsen's rule for λ; sigma may fall a little faster."""
        return Nielsen(1.0 / 3.0 if self.model == "lm" else 0.2)

    def start(self, problem: LeastSquaresProblem) -> GaussNewtonState:
        """A state with the first weight, where one was given."""
        if not hasattr(problem, "linearize"):
            raise ArgumentError(
                "problem needs residual(theta) and linearize(theta) for Gauss-Newton, "
                f"got {type(problem).__name__}; for a scalar loss take 'arcm'."
            )
        return GaussNewtonState(weight=self.weight or 0.0)

    def loss(self, problem: LeastSquaresProblem, theta: Tensor) -> float:
        """``1/2 |r|^2``."""
        return half_square(problem.residual(theta))

    def refresh(
        self, problem: LeastSquaresProblem, theta: Tensor, state: GaussNewtonState
    ) -> GaussNewtonState:
        """Loss on the new points; λ or sigma stay, momentum is dropped."""
        return super().refresh(problem, theta, replace(state, previous=None, mark=0.0, watched=0))

    def look(self, problem: LeastSquaresProblem, theta: Tensor) -> tuple[Linearization, float, Tensor]:
        """The linearisation, with ``g = Jᵀ r``."""
        lin = problem.linearize(theta)
        return lin, half_square(lin.residual), lin.rmv(lin.residual)

    def _build(self, problem: LeastSquaresProblem, theta: Tensor, state: GaussNewtonState) -> None:
        if state.moved:
            self._watch(state)
        super()._build(problem, theta, state)

    def first_weight(self, model: Linearization, gradient: Tensor) -> float:
        """A sigma of 0.1, or a small share of the curvature for λ."""
        return 0.1 if self.model == "cubic" else 1e-3 * _rayleigh(model, gradient)

    def subproblem(self, state: GaussNewtonState) -> DampedSystem:
        """The damped systems of one Jacobian, in the form that was asked for or that fits its size."""
        form = self._form(state.model)
        if form == "krylov":
            return KrylovSystem(state.model, self.tolerance, self.max_basis)
        by_columns = state.by_columns if self.lengths == "auto" else self.lengths == "columns"
        if by_columns and scalable(state.model):
            state.model = ScaledColumns(state.model)
        lin: Linearization = state.model
        return SpectralSystem(lin) if form == "qr" else CholeskySystem(lin, form)

    def _watch(self, state: GaussNewtonState) -> None:
        """Judge the progress, once a point: a model that is built again there counts once."""
        state.highest = max(state.highest, state.loss)
        crawls = state.watched >= WATCHED and state.loss > CRAWLS * state.mark
        if crawls and state.loss > FAR * state.highest:
            state.by_columns = not state.by_columns
        if state.watched >= WATCHED or state.mark <= 0.0:
            state.mark, state.watched = state.loss, 0
        state.watched += 1

    def _form(self, lin: Linearization) -> str:
        m, p = lin.shape
        if self.form != "auto":
            return self.form
        if p < m and p <= DENSE and 8 * m * p <= DENSE_BYTES:
            return "primal"
        return "dual" if m <= DENSE else "krylov"

    def propose(self, problem: LeastSquaresProblem, theta: Tensor, state: GaussNewtonState) -> Proposal:
        """The damped step with its corrections, and the residual there."""
        lin = state.model
        if isinstance(lin, ScaledColumns):
            if state.previous is not None:
                state.previous = state.previous / lin.scale
            scaled = ScaledSteps(problem, theta, lin.scale)
            found = self._proposed(scaled, torch.zeros_like(theta), state)
            step = lin.scale * found.step
            loss = math.inf if torch.equal(theta + step, theta) else found.loss
            return found._replace(step=step, loss=loss)
        return self._proposed(problem, theta, state)

    def _proposed(self, problem: Any, theta: Tensor, state: GaussNewtonState) -> Proposal:
        """See ``propose``, in units of the step."""
        model = self._solve(theta, state)
        state.previous = None
        r, v, jv = model.lin.residual, model.v, model.jv
        if not bool(torch.isfinite(v).all()) or torch.equal(theta + v, theta):
            return Proposal(v, math.inf, -math.inf, 0.0)
        candidate = self._try(problem, model)
        state.evaluations += candidate.evaluations
        predicted = -float(torch.dot(r, jv)) - 0.5 * float(torch.dot(jv, jv))
        state.promised, state.length = predicted, float(torch.linalg.vector_norm(v))
        return Proposal(
            candidate.step,
            half_square(candidate.residual),
            square_fall(r, candidate.residual),
            predicted,
            contraction=candidate.contraction,
        )

    def _solve(self, theta: Tensor, state: GaussNewtonState) -> DampedModel:
        """The damped linear model and its step."""
        lin: Linearization = state.model
        system: DampedSystem = state.solver
        q, lead = lin.residual, 0.0
        if state.previous is not None:
            lead = self.decay * state.previous
            q = q + lin.mv(lead)
        if self.model == "lm":
            state.lam = state.weight
            v = system.solve(state.weight, q)
        else:
            state.lam, v = system.cubic(state.weight, q, _guess(state))
        v, lam = v + lead, state.lam
        return DampedModel(theta, lin, lambda q: system.again(lam, q), v, lin.mv(v), lam, lead)

    def _try(self, problem: LeastSquaresProblem, model: DampedModel) -> Candidate:
        if not self.geodesic:
            return straight(problem, model)
        return proximal(problem, model, self.corrections)

    def extrapolate(
        self,
        problem: LeastSquaresProblem,
        theta: Tensor,
        new: Tensor,
        proposal: Proposal,
        state: GaussNewtonState,
    ) -> Tensor:
        """Remembers the step (``"spring"``), or goes on along the line from the last accepted point (``"ls"``)."""
        if self.momentum == "spring":
            state.previous = proposal.step
        if self.momentum != "ls":
            return new
        direction = None if state.anchor is None else new - state.anchor
        state.anchor = new
        return new if direction is None else extrapolate(problem, new, direction, state)


def _guess(state: GaussNewtonState) -> float:
    """λ for the present sigma from the last solve, where ``|s|`` falls with the root of λ; 0 where there was none.

    ``sigma |s| = λ`` then gives ``λ ~ sigma^(2/3)``, and the last sigma was ``λ / |s|``.
    """
    if not (state.lam > 0.0 and state.length > 0.0):
        return state.lam
    return state.lam * (state.weight * state.length / state.lam) ** (2.0 / 3.0)


def _rayleigh(lin: Linearization, g: Tensor) -> float:
    """``|J g|^2 / |g|^2``: the curvature of the model along its gradient; 1 when the gradient is 0."""
    norm = float(torch.linalg.vector_norm(g))
    if norm == 0.0:
        return 1.0
    return max(float(torch.linalg.vector_norm(lin.mv(g / norm))) ** 2, 1e-30)
