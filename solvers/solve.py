"""``sciml.solve``: from a problem to a solution."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from sciml.arguments import integer, number, torch_device
from sciml.derivatives import recording_gradients
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.nn.base import JetNetwork
from sciml.nn.skan import SKAN
from sciml.problem import PDE
from sciml.solvers.attempts.at_once import AtOnce
from sciml.solvers.bases.selection import solve_selecting
from sciml.solvers.sharing.group import Group
from sciml.solvers.solution import Solution
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.run_state import Callback, Metric
from sciml.solvers.training.settings import (
    Settings,
)
from sciml.solvers.windowed import march
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
    in_windows = windows is not None and windows is not False
    asked = AtOnce(
        settings,
        model,
        optimizer,
        dtype,
        place,
        corners,
        most,
        resume,
        checkpoint,
        every,
        windows=windows is None,
        group=group,
        began=started,
    )
    if isinstance(model, SKAN) and not model.selected:
        for name, value in (("resume", resume), ("checkpoint", checkpoint), ("windows", windows)):
            if value is not None and value is not False:
                raise ArgumentError(
                    f"{name} needs a model that is no SKAN before its selection, got {value!r}."
                )
        solution = solve_selecting(settings, model, partial(_with_families, asked))
    else:
        with Interruption() as interruption, recording_gradients():
            if in_windows:
                count = windows_of(windows)
                request = Request(settings, count, model, optimizer, dtype, place, interruption, corners)
                solution = march(request, resume, checkpoint, every)
            else:
                solution = asked.solution(interruption)
    return _polished(solution, settings, polish, started)


def _with_families(asked: AtOnce, network: JetNetwork, max_time: float, max_steps: int | None) -> Solution:
    """The solution of a network with the families that it has now, within its own time and steps."""
    if isinstance(network, SKAN):
        network.selected = True
    settings = replace(asked.settings, max_time=max_time, max_steps=max_steps)
    with Interruption() as interruption, recording_gradients():
        return replace(asked, settings=settings, model=network, began=time.perf_counter()).solution(
            interruption
        )


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
