"""Go on with a march that was broken off: between two windows, or within one.

A checkpoint holds what is solved and all that the next window depends on; written within a window it holds the state of the
run there, too. So the continued march ends with the same numbers as an unbroken one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sciml.ansatz.march import Chain, next_window
from sciml.ansatz.window import Span
from sciml.errors import ArgumentError
from sciml.solvers.files import atomic, container
from sciml.solvers.files.checkpoint import KIND, Checkpoint
from sciml.solvers.files.expected import Mismatch, check_expected
from sciml.solvers.files.history import history_arrays, history_rows
from sciml.solvers.files.identity import (
    PROBE_SEED,
    PROBES,
    equation_probe,
    same,
    same_values,
    solved_points,
    value_probe,
)
from sciml.solvers.files.limits import MAX_LINE
from sciml.solvers.files.printable import printable
from sciml.solvers.files.refusal import reason, refusal, refusals, shown
from sciml.solvers.training.expected_state import ExpectedState
from sciml.solvers.training.loop import Run
from sciml.solvers.training.resume import another_run, check_loss
from sciml.solvers.training.resume import capture as capture_run
from sciml.solvers.training.resume import take_up as take_up_run
from sciml.solvers.training.run_state import Event
from sciml.solvers.windows.expected_march import (
    COUNTERS,
    NETWORK,
    REALS,
    RUN,
    SCALES,
    SPANS,
    ExpectedMarch,
    identity,
)
from sciml.solvers.windows.state import State
from sciml.solvers.windows.window import Request, held_out_residual

Saved = tuple[dict[str, Any], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Within:
    """A run in a window that was broken off.

    Attributes:
        config, arrays: Its state.
        entered: Seconds of the march at the window's start.
        path: The file.
    """

    config: dict[str, Any]
    arrays: Mapping[str, np.ndarray]
    entered: float
    path: Any


class Saver:
    """Writes the state of a march: at its start, then every so many seconds, and at its end.

    Args:
        request, state: Of the march.
        path, every: The file, and the seconds.

    Raises:
        FileWriteError: Nothing can be written at ``path``; later failures only warn.
    """

    def __init__(self, request: Request, state: State, path: Any, every: float):
        atomic.checked_target(path)
        self.request, self.state = request, state
        self._later, self._at_once = Checkpoint(path, every), Checkpoint(path, 0.0)
        self._kept = False

    def __call__(self, seconds: float) -> None:
        """Between two windows: save if it is time."""
        self._later(lambda: capture(self.request, self.state, seconds))

    def save(self, seconds: float) -> None:
        """Between two windows: save now."""
        self._at_once(lambda: capture(self.request, self.state, seconds))

    def enter(self, run: Run, entered: float) -> None:
        """Save within a window, too, at the looks at its run."""

        def look(event: Event) -> None:
            self._later(lambda: self._inside(run, entered, event.seconds))

        run.callbacks = [look]

    def keep(self, seconds: float, run: Run | None) -> None:
        """Save a state that is not the march's last: a run that a limit cut short, or what was there before the end."""
        self._kept = True
        if run is None:
            self.save(seconds)
        else:
            age = run.seconds_before
            self._at_once(lambda: self._inside(run, seconds - age, age))

    def finish(self, seconds: float) -> None:
        """Save the last state."""
        if not self._kept:
            self.save(seconds)

    def _inside(self, run: Run, entered: float, age: float) -> Saved:
        return capture(self.request, self.state, entered + age, capture_run(run, age), entered)


def capture(
    request: Request, state: State, seconds: float, run: Saved | None = None, entered: float = 0.0
) -> Saved:
    """The state of a march as plain data and arrays; ``run`` is that of a run in the next window."""
    windows, pace = state.windows, state.pace
    columns, rows = history_arrays(state.history)
    prototype = request.network(0).state_dict()
    arrays = {
        f"{NETWORK}{name}": np.stack([container.array_of(w.network.state_dict()[name]) for w in windows])
        if windows
        else np.zeros((0, *tensor.shape), container.array_of(tensor).dtype)
        for name, tensor in prototype.items()
    }
    m = request.problem.outputs
    spans = [(w.span.low, w.span.high, math.nan if w.span.origin is None else w.span.origin) for w in windows]
    scales = [[math.nan] * m if w.scale is None else w.scale.double().tolist() for w in windows]
    reals = vars(state) | {"seconds": seconds, "length": pace.length}
    arrays |= _probes(request, state) | rows
    arrays |= {
        SPANS: np.array(spans, dtype=np.float64).reshape(len(windows), 3),
        SCALES: np.array(scales, dtype=np.float64).reshape(len(windows), m),
        "reals": np.array([reals[name] for name in REALS], dtype=np.float64),
        "entered": np.array(entered, dtype=np.float64),
    }
    inside = {} if run is None else {RUN + name: array for name, array in run[1].items()}
    sizes = state.sizes
    config = {
        "identity": identity(request),
        "count": len(windows),
        "counters": {name: getattr(state, name) for name in COUNTERS},
        "log": pace.log,
        "log_failed": pace.log_failed,
        "notes": list(state.notes),
        "points": state.points,
        "weights": dict(state.weights),
        "sizes": None if sizes is None else {"unknowns": sizes[0].tolist(), "equations": dict(sizes[1])},
        "history": columns,
        "rows": len(next(iter(rows.values()), ())),
        "equations": len(arrays["probe.equation"][0]),
        "run": None if run is None else run[0],
        "allow_nan": ["reals", SPANS, SCALES, "probe.equation", *rows]
        + ([] if run is None else [RUN + name for name in run[0]["allow_nan"]]),
    }
    return config, arrays | inside


def read(request: Request, state: State, path: str | os.PathLike) -> tuple[float, Within | None]:
    """Put a fresh state into the one that a file holds; its age in seconds, and the run that was broken off in a window.

    Raises:
        FileFormatError: The file is missing, damaged or no checkpoint, or its state cannot be one of this march.
        ArgumentError: It belongs to another problem, network, optimiser, seed, dtype or to other windows.
    """
    with refusals(path):
        table = container.peek(path).arrays
    expected = ExpectedMarch(request, table)
    try:
        config, arrays = container.read(path, KIND, expected)
    except Mismatch as error:
        raise another_run(path, error) from None
    try:
        expected.check_values(config, arrays)
        _put(request, state, config, arrays)
    except Exception as error:  # the problem has been looked at before, so it is the state
        raise refusal(path, f"its state cannot be used: {reason(error)}") from None
    _compare(request, state, arrays, path)
    reals, entered = dict(zip(REALS, arrays["reals"].tolist(), strict=True)), float(arrays["entered"])
    if config["run"] is None:
        return reals["seconds"], None
    inside = {name.removeprefix(RUN): a for name, a in arrays.items() if name.startswith(RUN)}
    return reals["seconds"], Within(config["run"], inside, entered, path)


def take_up(run: Run, within: Within) -> None:
    """Put the fresh run of a window into the state in which it was broken off.

    Raises:
        FileFormatError, ArgumentError: As in ``read``.
    """
    expected = ExpectedState(run)
    table = {name: (array.shape, array.dtype.name) for name, array in within.arrays.items()}
    try:
        with refusals(within.path):
            check_expected(within.config, table, expected, expected.optional)
    except Mismatch as error:
        raise another_run(within.path, error) from None
    take_up_run(run, within.config, within.arrays, within.path, expected)


def _put(request: Request, state: State, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    problem = request.problem
    for k, (low, high, origin) in enumerate(arrays[SPANS].tolist()):
        network = request.network(0)
        weights = {
            name: torch.from_numpy(arrays[f"{NETWORK}{name}"][k].copy()) for name in network.state_dict()
        }
        network.load_state_dict(weights)
        scale = torch.from_numpy(arrays[SCALES][k].copy())
        known = None if bool(torch.isnan(scale).any()) else scale
        span = Span(low, high, None if math.isnan(origin) else origin)
        state.windows.append(next_window(problem, state.windows, span, network, known, jumps=request.corners))
    reals = dict(zip(REALS, arrays["reals"].tolist(), strict=True))
    for name in REALS[:-2]:
        setattr(state, name, reals[name])
    for name in COUNTERS:
        setattr(state, name, config["counters"][name])
    state.pace.length, state.pace.log, state.pace.log_failed = (
        reals["length"],
        config["log"],
        config["log_failed"],
    )
    state.notes = [printable(note, MAX_LINE) for note in config["notes"]]
    state.points, state.weights = config["points"], dict(config["weights"])
    state.history = history_rows(config["history"], arrays)
    sizes = config["sizes"]
    if sizes is not None:
        unknowns = torch.tensor(sizes["unknowns"], dtype=torch.float64)
        state.sizes = unknowns, dict(sizes["equations"])


def _probes(request: Request, state: State) -> dict[str, np.ndarray]:
    """Values at a few points, of what is solved and of the equation at a fixed function."""
    problem = request.problem
    x = problem.sample(PROBES, seed=PROBE_SEED).double().cpu()
    values = np.zeros((0, problem.outputs))
    if state.windows:
        chain = Chain(problem, state.windows)
        x = solved_points(problem, chain)
        values = value_probe(chain, x)  # type: ignore[arg-type]
    return {
        "probe.points": container.array_of(x),
        "probe.values": values,
        "probe.equation": equation_probe(problem, x),
    }


def _compare(request: Request, state: State, arrays: Mapping[str, np.ndarray], path: Any) -> None:
    """Whether the solution, the equation and the last window's residual are what they were.

    Raises:
        ArgumentError: The file belongs to another problem.
    """
    here, name = _probes(request, state), shown(path)
    other = f"resume={name!r} belongs to another problem: "
    advice = ". Give the same equation, source, conditions and model."
    if not same(here["probe.equation"], arrays["probe.equation"]):
        raise ArgumentError(f"{other}its equation has other values{advice}")
    if not state.windows:
        return
    if not same_values(here["probe.values"], arrays["probe.values"], request.dtype):
        raise ArgumentError(f"{other}its solution has other values{advice}")
    held = held_out_residual(request, state)
    check_loss(name, "", 0.5 * state.last**2, 0.5 * held**2, max(state.last_scale, 1e-300))
