"""``sciml.solve``: from a problem to a solution."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch

from sciml.ansatz import Ansatz, Trial
from sciml.arguments import integer, number, torch_device
from sciml.checks.findings import findings
from sciml.checks.model import check_model
from sciml.coefficients import with_coefficients, with_values
from sciml.conservation.fluxes import flux_notes
from sciml.corners.functions import no_corners
from sciml.derivatives import recording_gradients
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.nn.skan import SKAN
from sciml.optim.threads import few_threads
from sciml.problem import PDE
from sciml.solvers.attempts import RESTART, STEEPER, WIDER, Attempt, Variant, other_attempts
from sciml.solvers.bases.selection import solve_selecting
from sciml.solvers.placed.attempt import placed_attempt
from sciml.solvers.posterior.conclude import conclude
from sciml.solvers.sharing.group import Group
from sciml.solvers.sharing.worker import Result, follow, leading, share
from sciml.solvers.solution import Solution
from sciml.solvers.training.defaults import copied, default_network
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.resume import Saver, restore
from sciml.solvers.training.run_state import Callback, Metric
from sciml.solvers.training.settings import (
    Settings,
    carry_out,
    growth_of,
    held_out_system,
    make_run,
    method_for,
    report_of,
    training_system,
)
from sciml.solvers.windowed import march, windowed_attempt
from sciml.solvers.windows.advice import window_advice
from sciml.solvers.windows.march import windows_of
from sciml.solvers.windows.window import Request

POLISHING = 0.25  # of ``max_time`` that a polish may take in any case


def solve(
    problem: PDE,
    model: torch.nn.Module | None = None,
    *,
    optimizer: Any = "auto",
    points: int | None = None,
    max_time: float | None = None,
    max_steps: int | None = None,
    tol: float | None = None,
    accuracy: float | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: Any = None,
    callbacks: Sequence[Callback] = (),
    metrics: Mapping[str, Metric] | None = None,
    progress: bool = True,
    resume: Any = None,
    checkpoint: Any = None,
    every: float = 30.0,
    windows: Any = None,
    polish: bool = False,
    corners: bool = True,
    knots: Any = True,
    process_group: Any = None,
) -> Solution:
    """Solve a problem.

    Args:
        problem: From ``sciml.pdes`` or a subclass of ``sciml.PDE``.
        model: ``nn.KAN``, ``nn.MLP`` or any module that maps ``(n, problem.inputs)`` to ``(n, problem.outputs)``; a
            copy of it is trained, so it stays as it is. An ``nn.SKAN`` selects its families on the way. None takes a small
            sine or tanh MLP made for the problem, or on a line with thin layers or jumping coefficients a spline on knots
            that follow from these.
        optimizer: ``"auto"``, a name (see ``sciml.optim.method``), a step method, or a ``torch.optim`` class.
        points: Interior points to begin with; fixed unless None, else more are added when the held-out residual parts
            from the training residual.
        max_time: Seconds; 60 unless given.
        max_steps: Steps of the optimiser; unlimited unless given.
        tol: Residual on held-out points, relative to that of the trial function without a network, at which the solve
            is ``"converged"``; 1e-8 unless given.
        accuracy: Estimated relative error at which the solve is ``"converged"``, in the place of ``tol``. Without it the
            error is estimated once, at the end.
        seed: Of weights, points and everything random. The same seed gives the same numbers on the same machine.
        dtype: ``torch.float64`` (right for second-order training) or ``torch.float32``.
        device: Where to compute; the CPU unless given.
        callbacks: Called with an ``sciml.solvers.training.run_state.Event`` at every look; returning True ends the run. An
            exception ends it, too: as ``"interrupted"``, with the best state, a warning and a note.
        metrics: Numbers of your own, ``{"energy": f}``: ``f(u)`` is called at every look with the trial function, which maps
            ``(n, d)`` to ``(n, m)``. They stand in ``solution.history``, in files, in the history's picture and beside the
            progress bar, and callbacks see them in ``event.numbers``.
        progress: Whether to draw a progress bar.
        resume: A checkpoint's file name, to continue the run that wrote it as if it had not been broken.
        checkpoint: File name to write checkpoints to; one is written at the start, then every so many seconds, with
            ``windows`` also within a window, and at the end. ``max_time`` and ``max_steps`` of a continued run count from
            the very first start.
        every: Seconds between checkpoints.
        windows: ``"auto"`` or a number from 1 to 1000: solve a long time as a chain of short windows, each of which begins
            exactly where the last one ends. ``"auto"`` makes each as long as its residual allows, and ``tol`` is then
            that of a window: 1e-5 unless given, 1e-10 for ordinary differential equations. None solves all times at
            once first, and windows where that stalls; False never takes windows.
        polish: Whether to keep the correction that the error estimate is made of, where it gains: smooth linear
            problems lose hundreds to thousands of times of their error in some seconds. It takes the time that the solve
            leaves of ``max_time``, or up to a quarter of that.
        corners: Whether the network sees the functions of corners that the problem asks for (``problem.corner_inputs``):
            powers of the distance at re-entrant corners and where the kind of condition changes, the logarithm that a
            source makes at a right angle. A ``model`` of width ``problem.plain_inputs`` goes without them. And whether the
            trial function carries jumps of the data: between the first instant and the sides of a box, and between sides
            of a plane domain.
        knots: Whether the grids of an ``nn.KAN`` get knots where the residual is large, whenever forty steps bring it
            down by too little: up to twice the numbers that the model comes with, or up to ``knots`` numbers. The function
            stays the same when they come. False: never; nor with ``checkpoint``, ``resume`` or ``process_group``.
        process_group: Processes of ``torch.distributed`` that share the points of one solve, such as
            ``torch.distributed.group.WORLD``: each calls ``solve`` with the same arguments and gets the same solution. The
            first one decides; callbacks, checkpoints and the progress bar are its own. It goes without ``windows`` and
            ``polish``.

    A solve that stalls at an estimated error above 1e-3 spends the time and the steps that are left on other attempts. An
    evolution is tried in windows of time first, in half of what is left, unless ``model``, ``optimizer`` or ``dtype`` is
    given. Then come conditions as penalties, even points and, unless ``model`` is given, steeper features, a wider network
    and another start.
    The one with the smallest estimated error is kept; ``solution.stats["attempts"]`` tells. With ``checkpoint`` or
    ``resume``, and for problems with measurements, there is one attempt.

    Returns:
        A ``Solution`` that can be fine-tuned; how it ended is in ``solution.stats["outcome"]``:
        ``"converged"``, ``"max_time"``, ``"max_steps"``, ``"stalled"`` (no more progress), ``"diverged"`` (the last good
        state is kept) or ``"interrupted"`` (Ctrl-C, a callback; the best state is kept).

    Raises:
        ArgumentError, ArgumentTypeError: Before any training, naming the argument, what it needs and what it got.
    """
    settings = Settings(
        problem, points, max_time, max_steps, tol, accuracy, seed, callbacks, progress, metrics
    )
    if dtype not in (torch.float32, torch.float64):
        raise ArgumentError(f"dtype needs torch.float32 or torch.float64, got {dtype!r}.")
    if model is not None and not isinstance(model, torch.nn.Module):
        raise ArgumentTypeError(f"model needs a torch.nn.Module or None, got {type(model).__name__}.")
    for name, value in (("corners", corners), ("polish", polish)):
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"{name} needs True or False, got {value!r}.")
    every, place = number("every", every, least=0), torch_device("device", device)
    most = knots if isinstance(knots, bool) else integer("knots", knots, least=1)
    group = None if process_group is None else Group(process_group)
    if group is not None and (windows or polish):
        got = f"windows={windows!r}" if windows else "polish=True"
        raise ArgumentError(f"process_group needs a solve without windows and polish, got {got}.")
    started = time.perf_counter()
    if isinstance(model, SKAN) and not model.selected:
        for name, value in (("resume", resume), ("checkpoint", checkpoint), ("windows", windows)):
            if value is not None and value is not False:
                raise ArgumentError(
                    f"{name} needs a model that is no SKAN before its selection, got {value!r}."
                )

        def train(network: SKAN, max_time: float, max_steps: int | None) -> Solution:
            network.selected = True
            return solve(
                problem,
                network,
                max_time=max_time,
                max_steps=max_steps,
                optimizer=optimizer,
                points=points,
                tol=tol,
                accuracy=accuracy,
                seed=seed,
                dtype=dtype,
                device=device,
                callbacks=callbacks,
                progress=progress,
                corners=corners,
                knots=knots,
                metrics=metrics,
                process_group=process_group,
            )

        return _polished(solve_selecting(settings, model, train), settings, polish, started)
    if windows is not None and windows is not False:
        with Interruption() as interruption, recording_gradients():
            count = windows_of(windows)
            request = Request(settings, count, model, optimizer, dtype, place, interruption, corners)
            marched = march(request, resume, checkpoint, every)
        return _polished(marched, settings, polish, started)
    with Interruption() as interruption, recording_gradients(), ExitStack() as stack:
        notes = findings(problem) if group is None else group.agree(lambda: findings(problem))
        result = stack.enter_context(leading(group))
        live, coefficients = with_coefficients(problem)
        if accuracy is not None and coefficients:
            raise ArgumentError(
                "accuracy needs a problem without an Unknown, got one whose error is that of its measurements: "
                "solution.std tells it."
            )

        def trial_of(network: torch.nn.Module, penalties: bool) -> Trial:
            network.to(dtype=dtype, device=place)
            seen = None if corners else no_corners(problem)
            return Trial(live, network, Ansatz(live, penalties, corners), corners=seen)

        if group is not None and not group.leads:
            return _followed(problem, follow(group, trial_of), trial_of)

        def attempt(variant: Variant, settings: Settings, age: float = 0.0) -> Attempt:
            began = time.perf_counter() if age > 0 else started  # the checks count, too
            # a copy: what a user passes in stays as it is, and another solve may start from it
            network = (
                _default(problem, settings.seed, dtype, variant, corners) if model is None else copied(model)
            )
            trial = trial_of(network, variant.penalties)
            if model is not None and not trial.offers_jets:
                check_model(live, network, trial.inputs_at)
            parameters = sum(p.numel() for p in network.parameters() if p.requires_grad) + len(coefficients)
            with few_threads(parameters, torch_too=True):
                system = training_system(settings, trial, notes, measure=True, coefficients=coefficients)
                held_out = held_out_system(settings, system)
                if group is not None:
                    system = share(system, group)
                method = method_for(optimizer, settings, system, parameters)
                run = make_run(settings, system, held_out, method, parameters, interruption)
                run.attempt, run.adaptive = variant.words, not variant.even
                if group is None and resume is None and checkpoint is None and not system.points.measured:
                    run.growth = growth_of(settings, run, most)
                took = time.perf_counter() - began
                if age > 0:
                    run.seconds_before = age + took
                else:
                    run.limits = run.limits.shortened(took)
                if resume is not None:
                    restore(run, resume)
                saver = None
                if checkpoint is not None:
                    saver = Saver(run, checkpoint, every)
                    # first, so that what a user's callback does cannot keep it from saving
                    run.callbacks = [saver, *callbacks]
                outcome = carry_out(run, settings)
                if saver is not None:
                    saver.finish(outcome)
                return Attempt(variant, run, report_of(run, outcome, optimizer, run.theta.numel()))

        plain = model is None and optimizer == "auto" and dtype == torch.float64 and device is None
        suits = plain and not coefficients and resume is None and checkpoint is None
        best = placed_attempt(problem, settings, notes, interruption) if suits else None
        before = [] if best is None else [best]
        if best is None or not (best.good(settings.accuracy) or interruption.asked):
            best = attempt(Variant(), settings, 0.0 if best is None else best.run.seconds_before)
        measured = bool(coefficients) or best.run.system.points.measured
        marched, line = None, ""
        if suits and not measured and windows is None and group is None:
            marched, line = windowed_attempt(best, settings, interruption, corners)
        if marched is not None:
            marched.stats.notes = list(dict.fromkeys([*notes, *marched.stats.notes]))
            return _polished(marched, settings, polish, started)
        first = best
        if not measured and resume is None and checkpoint is None:
            best = other_attempts(best, settings, model is not None, attempt, before)
        if line:
            best.stats.attempts = [*(best.stats.attempts or [f"{first.line()} (kept)"]), line]
        run, stats, trial = best.run, best.stats, best.run.system.trial
        found = {c.name: c.number for c in coefficients}
        if coefficients:
            trial = trial.like(with_values(problem, found), trial.network)
        if not measured:
            stats.notes += [] if line else window_advice(problem, stats)
            stats.notes += flux_notes(problem, lambda x: trial(x.to(next(trial.parameters()))).double().cpu())
        else:
            with few_threads(stats.parameters or 0, torch_too=True):
                conclude(problem, trial, stats, found)
        if group is not None:
            stats.notes.append(
                f"{group.size} processes shared the points and sent {group.sent / 1e6:.1f} MB."
            )
        result.take(trial, run, stats, found)
        # made in here, where Ctrl-C still only asks
        solution = Solution(trial.problem, trial, run.history, stats, problem)
    return _polished(solution, settings, polish, started)


def _followed(problem: PDE, result: Result, trial_of: Callable[[torch.nn.Module, bool], Trial]) -> Solution:
    """The solution of the first process, in another one."""
    trial = trial_of(result.network, result.penalties)
    trial.set_scale(result.scale)
    if result.values:
        trial = trial.like(with_values(problem, result.values), trial.network)
    return Solution(trial.problem, trial, result.history, result.stats, problem)


def _polished(solution: Solution, settings: Settings, wanted: bool, started: float) -> Solution:
    """The solution with its correction, where that is wanted and gains."""
    if not wanted:
        return solution
    limit = settings.limits.max_time
    better = solution.polish(max(limit - (time.perf_counter() - started), POLISHING * limit))
    error, accuracy = better.stats.error_estimate, settings.accuracy
    if better.stats.polished is not None and accuracy is not None and error is not None and error <= accuracy:
        better.stats.outcome = "converged"
    return better


def _default(problem: PDE, seed: int, dtype: torch.dtype, variant: Variant, corners: bool) -> torch.nn.Module:
    factor, steepness = WIDER if variant.wider else 1, STEEPER if variant.steeper else 1.0
    return default_network(problem, seed + RESTART * variant.restart, dtype, factor, steepness, corners)
