"""The answer to a problem: a function that can be called, differentiated and measured.

Everything that looks at a solution (pictures, files, tables) takes an ``Answer``; ``sciml.Solution`` adds the verbs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.ansatz.march import Chain
from sciml.arguments import number, warn_outside
from sciml.conditions import Data
from sciml.derivatives import AutogradSource
from sciml.errors import ArgumentError
from sciml.field import Field
from sciml.problem import PDE
from sciml.solvers.comparison import (
    CHUNK,
    answer_follows_coefficients,
    comparison,
    has_answer,
    known_at,
    relative_error,
)
from sciml.solvers.estimate.chain import estimate_chain
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.estimate.judgement import ErrorEstimate
from sciml.solvers.evaluation import ChunkedSource, Request, request
from sciml.solvers.found import Found
from sciml.solvers.posterior.error import estimate_fit, is_fit
from sciml.solvers.posterior.posterior import Posterior
from sciml.solvers.posterior.randomised import Randomised
from sciml.solvers.report import Report

UNKNOWN = "the error could not be estimated: "  # a note of the report, with the reason
DERIVATIVE_CHUNK = CHUNK // 4  # points at a time where derivatives keep a graph


class Answer:
    """A solved problem.

    Args:
        problem: What was solved.
        trial: The trained trial function.
        history: Rows of numbers over the steps (``step``, ``seconds``, ``loss``, ``held_out``, ``error`` where known ...).
        stats: How it ended.
        statement: The problem with its unknown coefficients, where it had such.
    """

    _estimate: tuple[float, ErrorEstimate] | None = None
    _posterior: Posterior | None = None
    _statement: PDE | None = None

    def __init__(
        self,
        problem: PDE,
        trial: Trial,
        history: list[dict[str, float]],
        stats: Report,
        statement: PDE | None = None,
    ):
        self.problem, self.trial, self._statement = problem, trial, statement
        self.history, self.stats = history, stats

    @property
    def network(self) -> nn.Module:
        """The trained network inside the trial function."""
        return self.trial.network

    @property
    def outcome(self) -> str:
        """``converged``, ``max_time``, ``max_steps``, ``stalled``, ``diverged`` or ``interrupted``."""
        return self.stats.outcome

    def __call__(self, *x: Any) -> Any:
        """Values ``(..., m)`` at points ``x (..., d)``.

        A tensor gives a tensor on its device in its dtype (in the network's where it holds integers), an array or nested
        list a float64 array. ``solution(X, Y)`` takes the coordinates apart, such as those of ``numpy.meshgrid``. In one
        dimension a vector ``(n,)`` is ``n`` points. Where ``x`` is a tensor that requires a gradient, so does the answer.
        Points outside the domain are answered, with a warning.

        Raises:
            ArgumentError: The points have another width than the domain.
        """
        asked = self._request(x)
        self._warn_outside(asked.points)
        return asked.answer(self.values(asked.points, graph=asked.wants_gradient))

    def values(self, points: Tensor, graph: bool = False) -> Tensor:
        """Values ``(n, m)`` at ``points (n, d)`` of the network's dtype and device, wherever they lie."""
        with torch.set_grad_enabled(graph):
            return torch.cat([self.trial(part) for part in points.split(CHUNK)])

    def field(self, *x: Any) -> Field:
        """The solution as a ``sciml.field.Field`` at ``x (n, d)``, with derivatives of any order, as plain numbers."""
        points = self._request(x).points
        return self.problem.field(ChunkedSource(self.trial, points, DERIVATIVE_CHUNK))

    def residual(self, *x: Any) -> Any:
        """The equation's residual at ``x (..., d)``: ``(..., k)``, all terms side by side; array in, array out."""
        asked = self._request(x)
        return asked.answer(_in_parts(self._residual, asked.points))

    def error(self, points: Any = None) -> float:
        """Relative L2 error against the exact or reference solution; never below what the reference itself can tell.

        Args:
            points: Where to compare, ``(n, d)``; without it 4000 points that training never saw, or the reference's own.

        Raises:
            ArgumentError: The problem has neither, ``points`` are given where only a table is known, or the solution that is
                known is that of the coefficients which were found.
        """
        if self._answer_is_its_own:
            raise ArgumentError(
                "error needs a known solution that does not follow the coefficients, got that of those that were found: "
                "solution.std tells what they leave open."
            )
        if points is None:
            return relative_error(self.trial, *comparison(self.problem))
        if not self.problem.has_exact:
            raise ArgumentError("points: this problem has no exact solution to compare with at given points.")
        x = self._request((points,)).points
        return relative_error(self.trial, x, known_at(self.problem, x))

    def error_estimate(self, seconds: float = 3.0) -> ErrorEstimate:
        """An estimate of the relative L2 error that needs no reference; see ``sciml.solvers.estimate``.

        That of a fit to measurements with noise, or with an unknown coefficient, comes from its posterior.

        Args:
            seconds: What it may take, and twice as long where more than 60 % of the residual is left; more time looks
                in a larger space. The last estimate is kept, and made anew only where more time is given.
        """
        if self._estimate is None or seconds > self._estimate[0]:
            self._estimate = (seconds, self._estimated(seconds))
        return self._estimate[1]

    def _estimated(self, seconds: float) -> ErrorEstimate:
        if isinstance(self.trial, Chain):
            return estimate_chain(self.problem, self.trial, self.stats.weights, seconds=seconds)
        if is_fit(self.trial, bool(self.stats.unknown)):
            try:
                return estimate_fit(self.trial, self.posterior())
            except ArgumentError:  # too many parameters for one
                pass
        return estimate_error(self.problem, self.trial, self.stats.weights, seconds=seconds)

    # ---- coefficients and error bars

    @property
    def statement(self) -> PDE:
        """The problem as it was stated, with unknown coefficients where ``problem`` has what was found."""
        return self._statement or self.problem

    @property
    def unknown(self) -> dict[str, Found]:
        """The coefficients that were found, each with its interval of 95 %; empty where the problem had none."""
        return dict(self.stats.unknown)

    @property
    def noise(self) -> Any:
        """Standard deviation of the measurements, as given or as estimated; ``{label: number}`` where there are several.

        Raises:
            ArgumentError: There is no fit to measurements.
        """
        if not self.stats.noise:
            self.posterior()
        found = self.stats.noise or self.posterior().noise
        return next(iter(found.values())) if len(found) == 1 else dict(found)

    def posterior(self) -> Posterior:
        """What the measurements leave open, by Laplace's approximation; see ``sciml.solvers.posterior``.

        Raises:
            ArgumentError: The problem has no measurements (``Data``), or the network is too large.
        """
        if self._posterior is None:
            self._posterior = Posterior(self.statement, self.trial, self.stats, self._values())
        return self._posterior

    def randomised(self, samples: int = 30, seed: int = 0) -> Randomised:
        """The same from samples: measurements perturbed by their noise and fitted again, as a check on ``posterior``.

        Args:
            samples: How many fits.
            seed: Of the perturbations.

        Raises:
            ArgumentError: As ``posterior``.
        """
        return Randomised(self.statement, self.trial, self.stats, self._values(), samples, seed)

    def _values(self) -> dict[str, float]:
        if not self.stats.unknown and not any(isinstance(c, Data) for c in self.statement.conditions):
            raise ArgumentError(
                "error bars need measurements (sciml.Data) or an Unknown in the problem, got neither: "
                "error_estimate() tells the error of the solution."
            )
        return {name: found.value for name, found in self.stats.unknown.items()}

    def std(self, *x: Any) -> Any:
        """Standard deviation of the solution at points ``x (..., d)``: ``(..., m)``, array in, array out.

        What noise and an unknown coefficient leave open. It rests on the equation where there are no measurements.

        Raises:
            ArgumentError: As ``posterior``, and points of another width than the domain.
        """
        asked = self._request(x)
        self._warn_outside(asked.points)
        return asked.answer(self.posterior().std(asked.points).to(asked.points))

    def interval(self, *x: Any, level: float = 0.95) -> tuple[Any, Any]:
        """Lower and upper ends of the interval that holds the solution at ``x (..., d)`` with a probability.

        Args:
            x: As for a call.
            level: The probability, between 0 and 1.

        Raises:
            ArgumentError: As ``std``, and a level out of range.
        """
        if len(x) == 2 and isinstance(x[1], (int, float)) and not isinstance(x[0], (int, float)):
            x, level = x[:1], float(x[1])
        if not 0 < number("level", level) < 1:
            raise ArgumentError(f"level needs a number between 0 and 1, got {level!r}.")
        asked = self._request(x)
        self._warn_outside(asked.points)
        centre, half = self.values(asked.points), self.posterior().half_width(asked.points, level)
        half = half.to(centre)
        return asked.answer(centre - half), asked.answer(centre + half)

    @property
    def has_answer(self) -> bool:
        """Whether ``error`` can answer; a known solution that follows a coefficient which was found is no answer."""
        return has_answer(self.problem) and not self._answer_is_its_own

    @cached_property
    def _answer_is_its_own(self) -> bool:
        return answer_follows_coefficients(self.statement)

    def summary(self) -> str:
        """One line: outcome, time, error or residual; where the error is unknown, why."""
        stats = self.stats
        seconds = math.nan if stats.seconds is None else stats.seconds
        parts = [self.outcome, f"{seconds:.3g} s", f"{stats.steps or 0} steps"]
        if self.has_answer:
            parts.append(f"relative L2 error {self.error():.1e}")
        if stats.error_estimate is not None:
            parts.append(f"estimated error {stats.error_estimate:.1e}")
            if stats.polished is not None:
                parts[-1] += f" (polished: {stats.polished:.3g} times less)"
        elif not self.has_answer and stats.residual is not None:
            parts.append(f"relative residual {stats.residual:.1e}")
        if stats.error_estimate is None:
            parts += [
                f"error unknown: {n.removeprefix(UNKNOWN).rstrip('.')}"
                for n in stats.notes
                if n.startswith(UNKNOWN)
            ]
        parts += [f"{name} = {found}" for name, found in stats.unknown.items()]
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"<Solution of {self.problem!r}: {self.summary()}>"

    def _request(self, x: tuple[Any, ...]) -> Request:
        return request(self.problem, next(self.trial.network.parameters()), x)

    def _residual(self, points: Tensor) -> Tensor:
        terms = self.problem.residual_terms(self.problem.field(AutogradSource(self.trial, points)), points)
        return torch.cat([t.detach() for t in terms.values()], dim=1)

    def _warn_outside(self, points: Tensor) -> None:
        domain = self.problem.domain
        high = domain.upper.clone()
        if isinstance(self.trial, Chain):  # it may have stopped before the end of time
            high[0] = self.trial.until
        warn_outside(points, domain.lower, high)


def _in_parts(function: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    return torch.cat([function(part) for part in points.split(DERIVATIVE_CHUNK)])
