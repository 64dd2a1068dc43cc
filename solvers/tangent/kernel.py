"""``sciml.tangent_kernel``: the tangent kernel of a problem and a network, and how well it predicts a descent."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sciml.ansatz import Ansatz, Trial
from sciml.arguments import count, integer, positive
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.jacobian.forecast import Forecast, foretell
from sciml.jacobian.tangent import LAZY, MOST_ROWS, TangentKernel
from sciml.optim.methods.gradient_descent import GradientDescentMethod
from sciml.problem import PDE
from sciml.solvers.training.defaults import default_network
from sciml.solvers.training.residual_system import ResidualSystem
from sciml.solvers.training.settings import Settings, training_system

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 800  # whose eigenvalues are found in a fraction of a second
LONG = 10_000  # steps of gradient descent that are asked about first


@dataclass(frozen=True)
class Descent:
    """A run of gradient descent.

    Attributes:
        losses: Before the first step and after each, ``(steps + 1,)``.
        drift: Relative change of the kernel over the run.
        theta: The parameters at the end, ``(P,)``.
    """

    losses: Tensor
    drift: float
    theta: Tensor

    @property
    def lazy(self) -> bool:
        """Whether the kernel stayed what it was, within a tenth: only then it predicts the descent."""
        return self.drift <= LAZY


class ProblemKernel(TangentKernel):
    """The tangent kernel of a problem on collocation points, with the weights that a solve would begin with.

    Args:
        system: The residual system.
        theta: Parameters ``(P,)`` at which it is taken.
        unbalanced: Trace of each part's block before the parts were balanced.
        notes: What a user should know.

    Attributes:
        unbalanced, notes: As given.
    """

    def __init__(
        self, system: ResidualSystem, theta: Tensor, unbalanced: Mapping[str, float], notes: list[str]
    ):
        linearization = system.linearize(theta)
        super().__init__(linearization.gram(), linearization.residual, _rows(system))
        self._system, self._theta = system, theta
        self.unbalanced, self.notes = dict(unbalanced), notes

    def descend(
        self, steps: int, rate: float | None = None, batch: int | None = None, seed: int = 0
    ) -> Descent:
        """Run gradient descent from the parameters of this kernel: what ``predict`` predicts.

        Args:
            steps: At least 1.
            rate: ``self.rate`` unless given, or ``self.batch_rate(batch)``.
            batch: Rows that a step sees, drawn with replacement; None for all.
            seed: Of the batches.

        Returns:
            The losses on all rows; infinite from where they are no longer finite.

        Raises:
            ArgumentError: Steps or a batch below 1, or a rate that is no positive number.
        """
        steps = integer("steps", steps, least=1)
        if rate is None:
            rate = self.rate if batch is None else self.batch_rate(batch)
        method = GradientDescentMethod(rate, batch, seed)
        theta, losses = self._theta, torch.full((steps + 1,), math.inf, dtype=torch.float64)
        try:
            state = method.init(self._system, theta)
            losses[0] = state.loss
            for k in range(1, steps + 1):
                theta, state = method.step(self._system, theta, state)
                if not state.accepted:  # not finite: it has diverged
                    break
                losses[k] = state.loss
            return Descent(losses, self.drift(self._at(theta)), theta)
        finally:
            self._system.load(self._theta)

    def follow(
        self, steps: int, rate: float | None = None, *, tol: float = 0.05, looks: int = 300
    ) -> Forecast:
        """The loss of gradient descent, foretold with the kernel taken again along the way: for kernels that move.

        Some fifteen kernels do for a thousand steps where the network is wide; narrow ones need more.

        Args:
            steps: At least 1.
            rate: ``self.rate`` unless given.
            tol: What a stretch between two kernels may be off by, relatively, by a pessimistic estimate.
            looks: Kernels that may be taken, at least 2. A kernel costs a linearisation and the eigenvalues of a matrix of
                the rows.

        Returns:
            Losses at a few of the steps, how far they may be off, and the drift of the kernel.

        Raises:
            ArgumentError: Steps below 1, looks below 2, or a rate or tolerance that is no positive number.
        """
        steps, looks = integer("steps", steps, least=1), integer("looks", looks, least=2)
        rate, tol = positive("rate", self.rate if rate is None else rate), positive("tol", tol)
        try:
            return foretell(self._system.linearize, self._theta, self.parts, steps, rate, tol, looks)
        finally:
            self._system.load(self._theta)

    def at(self, network: Any) -> TangentKernel:
        """The kernel of the same rows at another network's parameters, or at those of a solution of this problem.

        Raises:
            ArgumentError, ArgumentTypeError: What is neither, or a network of another structure.
        """
        network = getattr(network, "network", network)  # a solution's
        if not isinstance(network, nn.Module):
            raise ArgumentTypeError(
                f"network needs a torch.nn.Module or a solution, got {type(network).__name__}."
            )
        trained = [p for p in network.parameters() if p.requires_grad]
        theta = nn.utils.parameters_to_vector(trained).detach().to(self._theta)
        if theta.shape != self._theta.shape:
            raise ArgumentError(f"network needs {len(self._theta)} parameters, got {len(theta)}.")
        try:
            return self._at(theta)
        finally:
            self._system.load(self._theta)

    def drift(self, later: Any) -> float:
        """As for every kernel; of a network or a solution it takes the kernel ``at`` its parameters.

        Raises:
            ArgumentError, ArgumentTypeError: A kernel of other rows, a network of another structure, or neither.
        """
        return super().drift(later if isinstance(later, TangentKernel) else self.at(later))

    def plot(self, descent: Descent | None = None) -> Figure:
        """Spectrum, share of the residual in it, and the predicted loss, beside a run of ``descend`` where one is given.

        Raises:
            ArgumentTypeError: What is no ``Descent``.
        """
        if descent is not None and not isinstance(descent, Descent):
            raise ArgumentTypeError(
                f"descent needs what descend(steps) returns, got {type(descent).__name__}."
            )
        from sciml.solvers.plots.kernel_plot import draw_kernel  # Matplotlib takes as long as all the rest

        return draw_kernel(self, None if descent is None else descent.losses)

    def _at(self, theta: Tensor) -> TangentKernel:
        return TangentKernel.of(self._system.linearize(theta), self.parts)

    def __str__(self) -> str:
        rows = [
            f"tangent kernel of {len(self.residual)} rows by {len(self._theta)} parameters",
            f"  largest eigenvalue {self.largest:.2e}, safe rate of gradient descent {self.rate:.2e}",
            f"  while it stays as it is, {LONG} steps leave {100 * self.unreached(LONG):.2g} % of the loss;",
            f"  {_times(self.steps_to(1e-4))} to a residual of 1e-4 of the first",
        ]
        for name, trace in self.traces.items():
            rows.append(f"  {name}: trace {self.unbalanced[name]:.2e}, balanced {trace:.2e}")
        return "\n".join(rows + [f"  note: {note}" for note in self.notes])

    __repr__ = __str__


def tangent_kernel(
    problem: PDE, model: nn.Module | None = None, *, points: int | None = None, seed: int = 0
) -> ProblemKernel:
    """The tangent kernel of a problem and a network, at the network's parameters.

    Args:
        problem: From ``sciml.pdes`` or a subclass of ``sciml.PDE``.
        model: A network, which stays as it is; the one that ``sciml.solve`` would begin with unless given.
        points: Interior points; as many as give some 800 rows unless given.
        seed: Of the points and the default network.

    Raises:
        ArgumentError, ArgumentTypeError: Naming the argument; also more than 3000 rows.
    """
    settings = Settings(problem, points=points, seed=seed)
    if model is not None and not isinstance(model, nn.Module):
        raise ArgumentTypeError(f"model needs a torch.nn.Module or None, got {type(model).__name__}.")
    network = default_network(problem, seed, torch.float64) if model is None else copy.deepcopy(model)
    return kernel_of(settings, Trial(problem, network, Ansatz(problem)))


def kernel_of(settings: Settings, trial: Trial) -> ProblemKernel:
    """The kernel at a trial function's own parameters."""
    if settings.points is None:
        settings = _with_points(settings, trial)
    elif settings.points > MOST_ROWS:
        raise ArgumentError(f"points needs an int up to {MOST_ROWS}, got {settings.points}.")
    system = training_system(settings, trial)
    theta = system.theta
    unbalanced = _traces(system, theta)
    system.balance(theta)
    return ProblemKernel(system, theta, unbalanced, [*system.notes, *_smoothness(system)])


def _with_points(settings: Settings, trial: Trial) -> Settings:
    """As many points as give ``ROWS`` rows, at least one for each equation."""
    few = training_system(Settings(settings.problem, points=8, seed=settings.seed), trial, check=False)
    equations = sum(few.points.terms[0].parts.values())
    others = len(few.points.terms) - 1
    return Settings(
        settings.problem, points=count("points", ROWS // (equations + others)), seed=settings.seed
    )


def _rows(system: ResidualSystem) -> dict[str, slice]:
    out, start = {}, 0
    for term in system.points.terms:
        for name, columns in term.parts.items():
            out[name] = slice(start, start + columns * term.rows)
            start = out[name].stop
    return out


def _traces(system: ResidualSystem, theta: Tensor) -> dict[str, float]:
    norms = system.linearize(theta).dense().square().sum(1)
    return {name: float(norms[rows].sum()) for name, rows in _rows(system).items()}


def _smoothness(system: ResidualSystem) -> list[str]:
    """A note where the kernel holds derivatives that the network's splines have only piece by piece."""
    smooth = getattr(system.trial.network, "smooth", None)
    plan = system.points.terms[0].plan
    if smooth is None or plan is None or smooth > plan.order:
        return []
    return [
        f"the kernel holds derivatives of order {plan.order + 1} of the splines, which jump at their knots: degree="
        f"{plan.order + 2} is smooth enough."
    ]


def _times(steps: float) -> str:
    return "no number of steps leads" if math.isinf(steps) else f"{steps:.1e} steps lead"
