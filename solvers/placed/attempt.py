"""The first attempt at a problem that places knots: its spline, as a run that has ended."""

from __future__ import annotations

import time
from dataclasses import replace

from sciml import optim
from sciml.optim.threads import few_threads
from sciml.problem import PDE
from sciml.solvers.attempts.others import Attempt, Variant
from sciml.solvers.placed.placed import TooThin, placed_of, solved
from sciml.solvers.placed.sides import thin_sides
from sciml.solvers.placed.spline import POINTS
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.settings import (
    Settings,
    held_out_system,
    make_run,
    report_of,
    training_system,
)

SHARE = 0.5  # of the time that it may take
METHOD = "Gauss-Newton by linear least squares"


def placed_attempt(
    problem: PDE, settings: Settings, notes: list[str], interruption: Interruption
) -> Attempt | None:
    """The spline on knots that a problem places, trained; None for a problem that places none.

    ``notes`` gets one on layers that nothing here resolves.
    """
    began = time.perf_counter()
    try:
        place = placed_of(problem)
    except TooThin as reason:
        notes.append(str(reason))
        return None
    if place is None:
        notes += thin_sides(problem)
        return None
    with few_threads(1, torch_too=True):
        seconds = SHARE * settings.limits.max_time
        trial, fit = solved(problem, place, settings.seed, settings.limits.tol, seconds)
        least = POINTS * (len(fit.ends) - 1)
        enough = replace(settings, points=max(settings.points or 0, least))
        system = training_system(enough, trial, [*notes, place.note(problem)], check=False)
        system.balance(system.theta)
        held_out = held_out_system(settings, system)
        parameters = system.network_size
        run = make_run(settings, system, held_out, optim.method("lm"), parameters, interruption)
        run.seconds_before = time.perf_counter() - began
        outcome = run.jump(system.theta)
        return Attempt(
            Variant(words="a spline on placed knots"), run, report_of(run, outcome, METHOD, parameters)
        )
