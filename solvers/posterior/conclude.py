"""What a solve with measurements says at its end: coefficients with intervals, the noise, whether the fit has settled."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from sciml.ansatz import Trial
from sciml.errors import SciMLError
from sciml.problem import PDE
from sciml.solvers.found import Found
from sciml.solvers.posterior.posterior import Posterior
from sciml.solvers.report import Report

SETTLED = 0.3  # standard deviations by which a coefficient may still move in a fit that is done
POINTS = 1000
POINTS_SEED = 60_013
ENDED = ("interrupted", "diverged")  # nothing is to be said about the fit's surroundings


def conclude(statement: PDE, trial: Trial, report: Report, values: Mapping[str, float]) -> Posterior | None:
    """Put coefficients, noise and the estimated error into the report of a solve.

    A fit ends at the noise, where no step lowers its loss any more: that is ''converged''.

    Args:
        statement: The problem with its unknown coefficients.
        trial: The trained trial function.
        report: Of the solve; it is changed.
        values: The coefficients that were found.

    Returns:
        The posterior; None where there is none.
    """
    report.unknown = {name: Found(value) for name, value in values.items()}
    if report.outcome in ENDED:
        return None
    try:
        found = Posterior(statement, trial, report, values)
    except (SciMLError, ArithmeticError, RuntimeError) as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        report.notes.append(f"no error bars: {said}")
        return None
    report.unknown, report.noise = found.unknown, found.noise
    report.notes += found.notes
    report.error_estimate = _relative_std(statement, trial, found)
    determined = torch.tensor([f.determined for f in found.unknown.values()], dtype=torch.bool)
    shift = found.gaussian.shift[determined]
    moves = float(shift.max()) if shift.numel() else 0.0
    if report.outcome == "stalled" and moves <= SETTLED:
        report.outcome = "converged"
        report.notes = [note for note in report.notes if not note.startswith("no more progress")]
    return found


def _relative_std(statement: PDE, trial: Trial, found: Posterior) -> float | None:
    """The standard deviation over the solution, root mean squares of both."""
    like = next(trial.network.parameters())
    x = statement.domain.sample(POINTS, seed=POINTS_SEED).to(like)
    with torch.no_grad():
        size = float(trial(x).double().norm())
    error = float(found.std(x).norm())
    return error / size if size > 0 and error / size < float("inf") else None
