"""The answer: a function that can be called, measured, drawn, kept and fine-tuned."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.derivatives import AutogradSource, DetachedSource
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.field import Field
from sciml.problem import PDE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHUNK = 16384  # points evaluated at a time, so that memory does not grow with a request
TEST_POINTS = 4000
TEST_SEED = 987_654


class Solution:
    """A solved problem.

    Args:
        problem: What was solved.
        trial: The trained trial function.
        history: Rows of numbers over the steps (``step``, ``seconds``, ``loss``, ``held_out``, ``error`` where known ...).
        stats: How it ended: ``outcome``, ``seconds``, ``steps``, ``parameters``, ``points``, ``optimizer``, ``notes`` ...
    """

    def __init__(self, problem: PDE, trial: Trial, history: list[dict[str, float]], stats: dict[str, Any]):
        self.problem, self.trial = problem, trial
        self.history, self.stats = history, stats

    @property
    def network(self) -> torch.nn.Module:
        """The trained network inside the trial function."""
        return self.trial.network

    @property
    def outcome(self) -> str:
        """``converged``, ``max_time``, ``max_steps``, ``stalled``, ``diverged`` or ``interrupted``."""
        return self.stats.get("outcome", "unknown")

    def __call__(self, x: Any) -> Any:
        """Values ``(n, m)`` at points ``x (n, d)``.

        A tensor gives a tensor on its device in its dtype, an array (or nested list) a NumPy array in float64.
        A single point ``(d,)`` gives ``(m,)``.

        Raises:
            ArgumentError: The points have another width than the domain.
        """
        points, single = self._points(x)
        out = []
        with torch.no_grad():
            for part in points.split(CHUNK):
                out.append(self.trial(part))
        values = torch.cat(out) if out else points.new_zeros(0, self.problem.outputs)
        values = values[0] if single else values
        if isinstance(x, Tensor):
            return values.to(device=x.device, dtype=x.dtype)
        return values.double().cpu().numpy()

    def field(self, x: Any) -> Field:
        """The solution as a :class:`~sciml.field.Field` at ``x (n, d)``, with derivatives of any order, as plain numbers."""
        points, _ = self._points(x)
        return self.problem.field(DetachedSource(AutogradSource(self.trial, points)))

    def residual(self, x: Any) -> Any:
        """The equation's residual at ``x (n, d)``: ``(n, k)``, all terms side by side; array in, array out."""
        points, _ = self._points(x)
        parts = []
        for part in points.split(CHUNK // 4):
            source = AutogradSource(self.trial, part)
            terms = self.problem.residual_terms(self.problem.field(source), part)
            parts.append(torch.cat([t.detach() for t in terms.values()], dim=1))
        values = torch.cat(parts)
        if isinstance(x, Tensor):
            return values.to(device=x.device, dtype=x.dtype)
        return values.double().cpu().numpy()

    def error(self, points: Any = None) -> float:
        """Relative L2 error against the exact or reference solution; never below what the reference itself can tell.

        Args:
            points: Where to compare, ``(n, d)``; without it 4000 points that training never saw, or the reference's own.

        Raises:
            ArgumentError: The problem has neither, or ``points`` are given where only a table is known.
        """
        if points is not None and not self.problem.has_exact:
            raise ArgumentError("points: this problem has no exact solution to compare with at given points.")
        if points is not None:
            x, _ = self._points(points)
            expected = self.problem.exact(x)
        else:
            x, expected = comparison(self.problem)
        return relative_error(self.trial, x, expected)

    def plot(self, kind: str | None = None, **options: Any) -> Figure:
        """Solution, reference, error and history as a Matplotlib figure; see :func:`sciml.solvers.plots.plotting.plot`."""
        from sciml.solvers.plots.plotting import plot

        return plot(self, kind, **options)

    def save(self, path: Any) -> None:
        """Write one HDF5 file; see :func:`sciml.solvers.files.solution_file.save`."""
        from sciml.solvers.files.solution_file import save

        save(self, path)

    def __repr__(self) -> str:
        return f"<Solution of {self.problem!r}: {self.summary()}>"

    def summary(self) -> str:
        """One line: outcome, time, error or residual."""
        parts = [
            self.outcome,
            f"{self.stats.get('seconds', math.nan):.3g} s",
            f"{self.stats.get('steps', 0)} steps",
        ]
        if self.has_answer:
            parts.append(f"relative L2 error {self.error():.1e}")
        elif self.stats.get("residual") is not None:
            parts.append(f"relative residual {self.stats['residual']:.1e}")
        return ", ".join(parts)

    @property
    def has_answer(self) -> bool:
        """Whether :meth:`error` can answer."""
        return self.problem.has_exact or self.problem.reference() is not None

    def _repr_html_(self) -> str:
        from sciml.solvers.plots.html import solution_table

        return solution_table(self)

    def _points(self, x: Any) -> tuple[Tensor, bool]:
        like = next(self.trial.network.parameters())
        if isinstance(x, Tensor):
            points = x.detach()
        else:
            try:
                points = torch.as_tensor(np.asarray(x, dtype=np.float64))
            except (TypeError, ValueError) as error:
                raise ArgumentTypeError(
                    f"x must be a tensor or an array of numbers; got {type(x).__name__}."
                ) from error
        single = points.ndim == 1
        points = points[None] if single else points
        d = self.problem.domain.dim
        if points.ndim != 2 or points.shape[1] != d:
            names = ", ".join(self.problem.domain.names)
            raise ArgumentError(f"x needs shape (n, {d}) with columns {names}; got {tuple(points.shape)}.")
        return points.to(device=like.device, dtype=like.dtype), single


def comparison(problem: PDE) -> tuple[Tensor, Tensor]:
    """Points and true values ``(n, d), (n, m)`` to measure an error with.

    Raises:
        ArgumentError: The problem has neither an exact solution nor a reference.
    """
    if problem.has_exact:
        x = problem.sample(TEST_POINTS, seed=TEST_SEED)
        return x, problem.exact(x)
    reference = problem.reference()
    if reference is None:
        raise ArgumentError(
            f"{type(problem).__name__} has no exact or reference solution to compare with. Give one with "
            "with_source(f, exact=...) or a method exact(self, x)."
        )
    return reference.points, reference.values


@torch.no_grad()
def relative_error(trial: Trial, x: Tensor, expected: Tensor) -> float:
    """``|u - expected| / |expected|`` over all points and unknowns."""
    like = next(trial.network.parameters())
    parts = [trial(part.to(like)).double().cpu() for part in x.split(CHUNK)]
    difference = torch.cat(parts) - expected.double().cpu()
    return float(difference.norm() / expected.double().cpu().norm().clamp(min=1e-300))
