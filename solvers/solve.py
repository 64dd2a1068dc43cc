"""``sciml.solve``: from a problem to a solution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from sciml import optim
from sciml.ansatz import Trial
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.problem import PDE
from sciml.solvers.collocation import Collocation
from sciml.solvers.defaults import default_method, default_network, default_points
from sciml.solvers.loop import FIRST_ORDER_REDRAW, REDRAW_EVERY, Callback, Limits, Run
from sciml.solvers.progress import ProgressBar
from sciml.solvers.solution import Solution

TOLERANCE = 1e-8  # relative held-out residual at which a solve counts as converged
MAX_TIME = 300.0  # seconds, so that a first try always comes back
HELD_OUT = 500


def solve(
    problem: PDE,
    model: torch.nn.Module | None = None,
    *,
    optimizer: Any = "auto",
    points: int | None = None,
    max_time: float | None = None,
    max_steps: int | None = None,
    tol: float | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: Any = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    resume: Any = None,
    checkpoint: Any = None,
    every: float = 30.0,
) -> Solution:
    """Solve a problem.

    Args:
        problem: From :mod:`sciml.pdes` or a subclass of :class:`sciml.PDE`.
        model: ``nn.KAN``, ``nn.MLP`` or any module that maps ``(n, problem.inputs)`` to ``(n, problem.outputs)``; it is
            trained in place. None takes a small sine or tanh MLP made for the problem.
        optimizer: ``"auto"``, a name (see :func:`sciml.optim.method`), a step method, or a ``torch.optim`` class.
        points: Interior points to begin with; fixed unless None, else more are added when the held-out residual parts
            from the training residual.
        max_time: Seconds; 300 unless given.
        max_steps: Steps of the optimiser; unlimited unless given.
        tol: Residual on held-out points, relative to that of the trial function without a network, at which the solve
            is ``"converged"``; 1e-8 unless given.
        seed: Of weights, points and everything random. The same seed gives the same numbers on the same machine.
        dtype: ``torch.float64`` (right for second-order training) or ``torch.float32``.
        device: Where to compute; the CPU unless given.
        callbacks: Called with an :class:`~sciml.solvers.loop.Event` at every look; returning True ends the run. An
            exception ends it, too: as ``"interrupted"``, with the best state, a warning and a note.
        progress: Whether to draw a progress bar.
        resume: A checkpoint's file name, to continue the run that wrote it as if it had not been broken.
        checkpoint: File name to write checkpoints to; one is written at the start, then every so many seconds, and at
            the end. ``max_time`` and ``max_steps`` of a continued run count from the very first start.
        every: Seconds between checkpoints.

    Returns:
        A :class:`~sciml.solvers.solution.Solution`; how it ended is in ``solution.stats["outcome"]``:
        ``"converged"``, ``"max_time"``, ``"max_steps"``, ``"stalled"`` (no more progress), ``"diverged"`` (the last good
        state is kept) or ``"interrupted"`` (Ctrl-C, a callback; the best state is kept).

    Raises:
        ArgumentError, ArgumentTypeError: Before any training, naming the argument, what it needs and what it got.
    """
    _check(problem, points, max_time, max_steps, tol, dtype, callbacks)
    problem.validate()
    network = default_network(problem, seed, dtype) if model is None else model
    if not isinstance(network, torch.nn.Module):
        raise ArgumentTypeError(f"model must be a torch.nn.Module or None; got {type(network).__name__}.")
    network.to(dtype=dtype, device=device)
    trial = Trial(problem, network)
    parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)
    count = points or default_points(problem, parameters)
    boundary = max(40, count // 4)
    system = Collocation(problem, trial, count, boundary, seed=seed)
    held_out = Collocation(problem, trial, HELD_OUT, max(40, HELD_OUT // 4), seed=seed + 104_729)
    method = _method(optimizer, parameters, system)
    second = not isinstance(method, optim.TorchMethod)
    run = Run(
        problem,
        system,
        held_out,
        method,
        Limits(
            MAX_TIME if max_time is None else float(max_time), max_steps, TOLERANCE if tol is None else float(tol)
        ),
        seed,
        second_order=second,
        redraw_every=REDRAW_EVERY if second else FIRST_ORDER_REDRAW,
        max_points=count if points else max(count, min(20_000, 4 * parameters)),
        look_every=10 if second else 100,
        callbacks=callbacks,
    )
    if resume is not None:
        from sciml.solvers.resume import restore

        restore(run, resume)
    saver = None
    if checkpoint is not None:
        from sciml.solvers.resume import Saver

        saver = Saver(run, checkpoint, every)
        run.callbacks = [saver, *callbacks]  # first, so that what a user's callback does cannot keep it from saving
    with ProgressBar(progress, run.limits) as bar:
        outcome = run.run(bar.update)
    if saver is not None:
        saver.finish(outcome)
    stats = {
        "outcome": outcome,
        "seconds": run.seconds_before,
        "steps": run.step,
        "rejected": run.rejected,
        "parameters": parameters,
        "points": system.sites[0].x.shape[0],
        "optimizer": _name(optimizer, method),
        "residual": run._relative(run.best),
        "weights": dict(system.weights),
        "hard": [c.label for c in trial.ansatz.hard],
        "notes": [*system.notes, *run.notes, *_advice(outcome)],
        "seed": seed,
        "dtype": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }
    return Solution(problem, trial, run.history, stats)


def _method(optimizer: Any, parameters: int, system: Collocation) -> optim.StepMethod:
    if optimizer == "auto":
        return default_method(parameters, system.pointwise)
    return optim.as_method(optimizer)


def _name(optimizer: Any, method: Any) -> str:
    if isinstance(optimizer, str) and optimizer != "auto":
        return optimizer
    return optimizer.__name__ if isinstance(optimizer, type) else repr(method)


def _check(
    problem: Any, points: Any, max_time: Any, max_steps: Any, tol: Any, dtype: Any, callbacks: Any
) -> None:
    if not isinstance(problem, PDE):
        hint = " Write Poisson(), not Poisson." if isinstance(problem, type) else ""
        raise ArgumentTypeError(f"problem must be a sciml.PDE; got {problem!r}.{hint}")
    if dtype not in (torch.float32, torch.float64):
        raise ArgumentError(f"dtype must be torch.float32 or torch.float64; got {dtype!r}.")
    for name, value in (("points", points), ("max_steps", max_steps)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ArgumentError(f"{name} must be an int >= 1 or None; got {value!r}.")
    for name, value in (("max_time", max_time), ("tol", tol)):
        if value is not None and not (isinstance(value, (int, float)) and value >= 0 and not math.isnan(value)):
            raise ArgumentError(f"{name} must be a number >= 0 or None; got {value!r}.")
    if callable(callbacks) or not all(callable(c) for c in callbacks):
        raise ArgumentTypeError(f"callbacks must be a sequence of functions of one event; got {callbacks!r}.")


def _advice(outcome: str) -> list[str]:
    if outcome == "diverged":
        return [
            "the loss stopped being finite; the last good state is kept. Try dtype=torch.float64, a smaller network, "
            "or optimizer='lm'."
        ]
    if outcome == "stalled":
        return ["no more progress: a wider network, a larger first-layer scale or more points may help."]
    return []
