"""What a solve with measurements says at its end: coefficients with intervals, the noise, whether the fit has settled."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from sciml.ansatz import Trial
from sciml.errors import SciMLError
from sciml.problem import PDE
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.found import Found
from sciml.solvers.posterior.error import estimate_fit, is_fit
from sciml.solvers.posterior.posterior import Posterior
from sciml.solvers.report import Report

SETTLED = 0.3  # standard deviations by which a coefficient may still move in a fit that is done
RESTLESS = 1.0  # the same that is worth a note
LEAST, SHARE = 1.0, 0.1  # counted seconds that an estimate may take in any case, and of a solve's
ENDED = ("interrupted", "diverged")  # nothing is to be said about the fit's surroundings


def conclude(
    statement: PDE,
    trial: Trial,
    report: Report,
    values: Mapping[str, float],
    accuracy: float | None = None,
) -> Posterior | None:
    """Put coefficients, noise and the estimated error into the report of a solve.

    A fit ends at the noise, where no step lowers its loss any more: that is ''converged''.

    Args:
        statement: The problem with its unknown coefficients.
        trial: The trained trial function.
        report: Of the solve; it is changed.
        values: The coefficients that were found.
        accuracy: Relative error at which the solve is converged; None for where no step lowers its loss.

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
    _tell_error(trial, report, found, bool(values))
    determined = torch.tensor([f.determined for f in found.unknown.values()], dtype=torch.bool)
    shift = found.gaussian.shift[determined]
    # of a fit without coefficients, such as one with an unknown function, all that may move
    moves = float(shift.max()) if shift.numel() else math.sqrt(found.gaussian.fall)
    if moves > RESTLESS and not shift.numel():
        report.notes.append(
            f"the fit has not settled: one more step would move it by {moves:.1f} standard deviations, so its error bars "
            "are too narrow. More time or steps may help."
        )
    if accuracy is not None:
        told = report.error_estimate
        if told is not None and told <= accuracy:
            report.outcome = "converged"
        elif report.outcome == "converged":
            report.outcome = "stalled"
            said = "unknown" if told is None else f"{told:.1e}"
            report.notes.append(
                f"the accuracy of {accuracy:g} was not reached: what the measurements leave open is {said}."
            )
    elif report.outcome == "stalled" and moves <= (SETTLED if shift.numel() else RESTLESS):
        report.outcome = "converged"
        report.notes = [note for note in report.notes if not note.startswith("no more progress")]
    return found


def _tell_error(trial: Trial, report: Report, found: Posterior, coefficients: bool) -> None:
    """Put the estimated error into a report: that of a fit, or of a solution whose conditions tell the coefficients."""
    if is_fit(trial, coefficients):
        report.error_estimate = estimate_fit(trial, found).value
        return
    try:
        told = estimate_error(
            trial.problem, trial, report.weights, work=max(LEAST, SHARE * (report.seconds or 0.0))
        )
    except (SciMLError, ArithmeticError, RuntimeError) as error:
        report.notes.append(f"the error could not be estimated: {type(error).__name__}: {error}"[:200])
        return
    report.error_estimate, report.error_drop = told.value, told.drop
    if told.value is None:
        report.notes.append(f"the error could not be estimated: {told.reason}.")
