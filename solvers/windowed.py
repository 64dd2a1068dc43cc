"""Solves of evolutions in windows of time: where they are asked for, and where all times at once have stalled."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from sciml.ansatz import Trial
from sciml.ansatz.window import check_windows
from sciml.checks.findings import findings
from sciml.checks.model import check_model
from sciml.errors import ArgumentError
from sciml.optim.threads import few_threads
from sciml.solvers.attempts.others import LEAST, Attempt
from sciml.solvers.report import Report
from sciml.solvers.solution import Solution
from sciml.solvers.training.defaults import copied
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.settings import Settings
from sciml.solvers.windows.advice import FAR
from sciml.solvers.windows.march import March
from sciml.solvers.windows.report import report_of
from sciml.solvers.windows.window import Request

SHARE = 0.5  # of the time and the steps that are left


def march(request: Request, resume: Any, checkpoint: Any, every: float) -> Solution:
    """A solve window by window.

    Args:
        request: What is asked for; its model is copied.
        resume, checkpoint, every: As in ``sciml.solve``.
    """
    problem, model = request.problem, request.model
    notes = findings(problem)
    check_windows(problem)
    if model is not None:
        model = copied(model).to(dtype=request.dtype, device=request.device)
        first = Trial(problem, model)
        if not first.offers_jets:
            check_model(problem, model, first.inputs_at)
    marching = March(replace(request, model=model), resume, checkpoint, every)
    with few_threads(marching.parameters, torch_too=True):
        stats = report_of(marching, marching.run())
    stats.notes = [*notes, *stats.notes]
    return Solution(problem, marching.chain, marching.state.history, stats)  # type: ignore[arg-type]


def windowed_attempt(
    first: Attempt, settings: Settings, interruption: Interruption, corners: bool
) -> tuple[Solution | None, str]:
    """A solve in windows where one at all times at once has stalled.

    Args:
        first: That stalled; its age grows by what the windows took.
        settings: Of the solve.
        interruption: Tells when somebody asked to stop.
        corners: As in ``sciml.solve``.

    Returns:
        The solution, None where it is no better or the problem has no windows; and a line for the report, empty where
        nothing was tried.
    """
    limits, problem = settings.limits, settings.problem
    age, steps = first.run.seconds_before, first.stats.steps or 0
    left = limits.max_time - age
    room = None if limits.max_steps is None else limits.max_steps - steps
    short = left < LEAST * limits.max_time or (room is not None and room < LEAST * (limits.max_steps or 0))
    failed = first.stats.outcome in ("stalled", "diverged") and not first.good(settings.accuracy)
    if short or not failed or interruption.asked:
        return None, ""
    try:
        check_windows(problem)
    except ArgumentError:
        return None, ""
    share = replace(
        settings,
        max_time=SHARE * left,
        max_steps=None if room is None else max(1, int(SHARE * room)),
        tol=None,  # a window has one of its own
    )
    marching = March(Request(share, None, None, "auto", torch.float64, None, interruption, corners))
    with few_threads(marching.parameters, torch_too=True):
        stats = report_of(marching, marching.run())
    first.run.seconds_before += marching.seconds
    line = Attempt(replace(first.variant, words="windows of time"), first.run, stats).line()
    complete = marching.chain.until >= marching.state.pace.high
    if not (complete and _better(stats, first)):
        return None, line
    stats.attempts = [first.line(), f"{line} (kept)"]
    stats.seconds, stats.steps = age + marching.seconds, steps + (stats.steps or 0)
    stats.notes = [
        *first.run.system.notes,
        *stats.notes,
        "all times at once stalled, so time was taken in windows (windows=False: never).",
    ]
    return Solution(problem, marching.chain, marching.state.history, stats), line  # type: ignore[arg-type]


def _better(stats: Report, first: Attempt) -> bool:
    """Whether windows are kept; with an unknown error, where all of them met their tolerance and the first was far off."""
    if stats.outcome == "diverged":
        return False
    if stats.error_estimate is None:
        before = first.stats.error_estimate
        return stats.outcome == "converged" and (before is None or before > FAR)
    return (0, stats.error_estimate) < first.rank or math.isinf(first.rank[1])
