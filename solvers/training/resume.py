"""Go on with a broken run: everything that a solve's next step depends on, to a file and back.

The state is taken when the loop looks at the run, before it decides anything
(``Run``), so the continued run makes the same decisions from the same numbers and
ends with the same bits as an unbroken one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.solvers.files import atomic, container
from sciml.solvers.files.checkpoint import Checkpoint, load_checkpoint
from sciml.solvers.files.expected import Mismatch
from sciml.solvers.files.history import history_arrays, history_rows
from sciml.solvers.files.refusal import reason, refusal, shown
from sciml.solvers.training.expected_state import (
    COUNTERS,
    IMPORTANCE,
    LIST,
    METHOD,
    POINTS,
    REALS,
    ExpectedState,
    identity,
    real,
)
from sciml.solvers.training.loop import Run, System
from sciml.solvers.training.run_state import Counters, Estimates, Event

# A residual at the saved parameters that differs relatively by more than SAME, and by more than ROUNDING of
# the problem's size, which another machine may do, belongs to another problem.
SAME, ROUNDING = 1e-6, 1e-10
SAME_SCALE = 1e-4  # also for sums in float32


class Saver:
    """A callback that writes a run's state: at its first look, then every so many seconds, and at the end.

    Raises:
        ArgumentError: ``every`` is negative or no number.
        FileWriteError: Nothing can be written at ``path``; later failures only warn.
    """

    def __init__(self, run: Run, path: str | os.PathLike, every: float):
        if isinstance(every, bool) or not isinstance(every, (int, float)):
            raise ArgumentError(f"every needs a number of seconds >= 0, got {every!r}.")
        atomic.checked_target(path)
        self.run = run
        self._later, self._at_once = Checkpoint(path, every), Checkpoint(path, 0.0)
        self._next = self._at_once

    def __call__(self, event: Event) -> None:
        """Save if it is time."""
        now, self._next = self._next, self._later
        now(lambda: capture(self.run, event.seconds))

    def finish(self, outcome: str) -> None:
        """Save the last state, unless the run was interrupted, perhaps in the middle of a step."""
        if outcome != "interrupted":
            self._at_once(lambda: capture(self.run, self.run.seconds_before))


def capture(run: Run, seconds: float) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The state of a run as plain data and arrays; ``seconds`` is its age."""
    numbers, tensors = {}, {}
    for name, value in run.method_state.state_dict().items():
        if isinstance(value, Tensor):
            tensors[METHOD + name.replace("[]", LIST)] = value
        else:
            numbers[name] = value
    tensors["theta"] = run.theta
    if run.best_theta is not None:
        tensors["best_theta"] = run.best_theta
    if run.told.least is not None:
        tensors["told_theta"] = run.told.least[0]
    points, counters = run.system.points, asdict(run.counters)
    for k, term in enumerate(points.terms):
        tensors[f"{POINTS}{k}"] = term.x
        if term.importance is not None:
            tensors[f"{IMPORTANCE}{k}"] = term.importance[:, 0]
    arrays = {name: container.array_of(t) for name, t in tensors.items()}
    estimates = run.estimates
    arrays["estimates"] = np.array([estimates.held, estimates.look, estimates.work], dtype=np.float64)
    if run.told.least is not None:
        arrays["told"] = np.array([run.told.least[1]], dtype=np.float64)
    reals = counters | {"seconds_before": seconds, "scale": run.scale}
    columns, rows = history_arrays(run.history)
    arrays |= rows | {"reals": np.array([reals[name] for name in REALS], dtype=np.float64)}
    config = {
        "identity": identity(run),
        "counters": {name: counters[name] for name in COUNTERS},
        "counts": [term.count for term in points.terms],
        "rows": [len(term.x) for term in points.terms],
        "weighted": [k for k, term in enumerate(points.terms) if term.importance is not None],
        "weights": dict(points.weights),
        "held_out_weights": dict(run.held_out.points.weights),
        "method": {name: _json_number(value) for name, value in numbers.items()},
        "history": columns,
        "held_out": str(run.history[-1]["held_out"]),
        "selection": run.selection.points.count,
        "allow_nan": sorted(
            name for name, a in arrays.items() if a.dtype.kind == "f" and not np.isfinite(a).all()
        ),
    }
    return config, arrays


def restore(run: Run, path: str | os.PathLike) -> None:
    """Put a fresh run of the same problem, network, optimiser and seed into the state that ``path`` holds.

    Raises:
        FileFormatError: The file is missing, damaged or no checkpoint, or its state cannot be one of this run.
        ArgumentError: It belongs to another problem, network, optimiser, seed or dtype; the message says
            which.
    """
    expected = ExpectedState(run)
    try:
        config, arrays = load_checkpoint(path, expected, expected.optional)
    except Mismatch as error:
        raise another_run(path, error) from None
    take_up(run, config, arrays, path, expected)


def another_run(path: str | os.PathLike, why: object) -> ArgumentError:
    """The error for a good checkpoint of something else."""
    return ArgumentError(f"resume={shown(path)!r} belongs to another run: {why}.")


def take_up(
    run: Run,
    config: dict[str, Any],
    arrays: Mapping[str, np.ndarray],
    path: str | os.PathLike,
    expected: ExpectedState,
) -> None:
    """Put a fresh run into a state whose shapes and types are those that ``expected``.

    Raises:
        FileFormatError, ArgumentError: As in ``restore``; ``path`` is named in them.
    """
    name = shown(path)
    fresh = run.scale, run.held_out.silent_value()
    try:
        expected.check_values(config, arrays)
        _put(run, config, arrays)
        here, saved = run.held_out.value(run.theta), float(config["held_out"])
        chosen = math.inf if run.best_theta is None else run.selection.value(run.best_theta)
        by = _chosen_by(run, config)
        best = chosen if by is None or run.best_theta is None else by.value(run.best_theta)
    except Exception as error:  # problem and network have been evaluated before, so it is the state
        raise refusal(path, f"its state cannot be used: {reason(error)}") from None
    _check_scale(run, name, *fresh)
    check_loss(name, "", saved, here, run.scale)
    if run.counters.best < math.inf:
        if by is not None:
            check_loss(name, "best ", run.counters.best, best, run.scale)
        if by is not run.selection:
            run.count(best=chosen)
    run.system.load(run.theta)


def _chosen_by(run: Run, config: Mapping[str, Any]) -> System | None:
    """The points by which the saved state was chosen: those of this run, the held-out ones, or None for others."""
    count = config.get("selection")
    if count is None:  # written before there were others
        return run.held_out
    return run.selection if count == run.selection.points.count else None


def check_loss(name: str, which: str, saved: float, here: float, scale: float) -> None:
    """Whether the loss at saved parameters is the saved one: it tells one problem from another.

    Args:
        name: Of the file.
        which: Of the parameters, for the message.
        saved, here: The two losses ``1/2 |r|^2``.
        scale: What residuals are relative to.

    Raises:
        ArgumentError: It is another one.
    """
    before, now = math.sqrt(2 * max(saved, 0.0)) / scale, math.sqrt(2 * max(here, 0.0)) / scale
    # one that was not finite has to be that again
    if not (
        abs(now - before) <= SAME * before + ROUNDING if math.isfinite(saved) else not math.isfinite(here)
    ):
        raise ArgumentError(
            f"resume={name!r} belongs to another problem: with the saved {which}parameters its relative residual "
            f"was {before:.3e}, here it is {now:.3e}. Give the same equation, source, conditions and model."
        )


def _check_scale(run: Run, name: str, fresh: float, silent: float) -> None:
    """Whether residuals are relative to the same size, where that does not depend on a network's first weights."""
    if 0 < silent < math.inf and not abs(run.scale - fresh) <= SAME_SCALE * fresh:
        raise ArgumentError(
            f"resume={name!r} belongs to another problem: its residuals are relative to {run.scale:.3e}, here they are "
            f"to {fresh:.3e}. Give the same equation, source and conditions."
        )


def _put(run: Run, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    system, points, held_out = run.system, run.system.points, run.held_out.points

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(arrays[name].copy()).to(points.like.device)

    for k, term in enumerate(points.terms):
        term.count = config["counts"][k]
        importance = f"{IMPORTANCE}{k}"
        factors = tensor(importance).to(points.like)[:, None] if importance in arrays else None
        points.place(term, tensor(f"{POINTS}{k}"), factors)
    for weights, saved in ((points.weights, "weights"), (held_out.weights, "held_out_weights")):
        for name in weights:
            weights[name] = real(name, config[saved][name])
    run.selection.points.weights = dict(held_out.weights)
    reals = dict(zip(REALS, arrays["reals"].tolist(), strict=True))
    run.counters = Counters(**config["counters"], best=reals["best"], mark=reals["mark"])
    if "estimates" in arrays:
        held, look, work = arrays["estimates"].tolist()
        run.estimates = Estimates(held, int(look), work)
    run.seconds_before, run.scale = reals["seconds_before"], reals["scale"]
    theta = tensor("theta").to(points.like)
    run.best_theta = tensor("best_theta").to(points.like) if "best_theta" in arrays else None
    if "told" in arrays and "told_theta" in arrays:
        run.told.least = tensor("told_theta").to(points.like), float(arrays["told"][0])
    run.history = history_rows(config["history"], arrays)
    saved_state = {
        name: real(name, value) if isinstance(value, dict) else value
        for name, value in config["method"].items()
    }
    for name in arrays:
        if name.startswith(METHOD):
            saved_state[name.removeprefix(METHOD).replace(LIST, "[]")] = tensor(name)
    system.load(theta)
    run.begin(theta, run.method.init(system, theta).load_state_dict(saved_state))


def _json_number(value: Any) -> Any:
    """JSON has no inf and nan: these go as text."""
    return value if isinstance(value, (bool, int)) or math.isfinite(value) else {"float": str(value)}
