"""Go on with a broken run: everything that a solve's next step depends on, to a file and back.

The state is taken when the loop looks at the run, before it decides anything
(:class:`~sciml.solvers.training.loop.Run`), so the continued run makes the same decisions from the same numbers and
ends with the same bits as an unbroken one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml.errors import ArgumentError, FileFormatError
from sciml.solvers.files import atomic
from sciml.solvers.files.checkpoint import Checkpoint, load_checkpoint
from sciml.solvers.files.history import history_arrays, history_rows
from sciml.solvers.files.identity import describe_network, describe_problem, differences
from sciml.solvers.training.loop import Counters, Event, Run

COUNTERS = tuple(f.name for f in fields(Counters) if f.type in ("int", "bool"))
REALS = ("best", "mark", "seconds_before", "scale")  # may be inf: kept as an array
METHOD, LIST = "method.", ":list"
IRRELEVANT = ("tensors", "seed")  # initial weights are replaced; the seed of the run has another name
MAX_ROWS = 10_000  # of anything that a method keeps besides the parameters: pairs of L-BFGS, ...
# A residual at the saved parameters that differs relatively by more than SAME, and by more than ROUNDING of
# the problem's size, which another machine may do, belongs to another problem.
SAME, ROUNDING = 1e-6, 1e-10


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
    points, counters = run.system.points, asdict(run.counters)
    for k, term in enumerate(points.terms):
        tensors[f"points.{k}"] = term.x
        if term.importance is not None:
            tensors[f"importance.{k}"] = term.importance[:, 0]
    arrays = {name: _array(t) for name, t in tensors.items()}
    reals = counters | {"seconds_before": seconds, "scale": run.scale}
    columns, rows = history_arrays(run.history)
    arrays |= rows | {"reals": np.array([reals[name] for name in REALS], dtype=np.float64)}
    config = {
        "identity": identity(run),
        "counters": {name: counters[name] for name in COUNTERS},
        "counts": [term.count for term in points.terms],
        "weights": dict(points.weights),
        "held_out_weights": dict(run.held_out.points.weights),
        "method": {name: _plain(value) for name, value in numbers.items()},
        "history": columns,
        "held_out": str(run.history[-1]["held_out"]),
        "allow_nan": sorted(
            name for name, a in arrays.items() if a.dtype.kind == "f" and not np.isfinite(a).all()
        ),
    }
    return config, arrays


def restore(run: Run, path: str | os.PathLike) -> None:
    """Put a fresh run of the same problem, network, optimiser and seed into the state that ``path`` holds.

    Raises:
        FileFormatError: The file is missing, damaged or no checkpoint.
        ArgumentError: It belongs to another problem, network, optimiser, seed or dtype; the message says
            which.
    """
    config, arrays = load_checkpoint(path)
    name = os.fsdecode(path)
    other = differences(config.get("identity"), identity(run), ignore=IRRELEVANT)
    if other:
        raise ArgumentError(f"resume={name!r} belongs to another run: {'; '.join(other)}.")
    try:
        _check_shapes(run, arrays)
        _put(run, config, arrays)
        here, saved = run.held_out.value(run.theta), float(config["held_out"])
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise FileFormatError(f"{name}: refused: its state cannot be used: {error}.") from None
    before, now = math.sqrt(2 * max(saved, 0.0)) / run.scale, math.sqrt(2 * max(here, 0.0)) / run.scale
    if math.isfinite(saved) and not abs(now - before) <= SAME * before + ROUNDING:
        raise ArgumentError(
            f"resume={name!r} belongs to another problem: with the saved parameters its relative residual "
            f"was {before:.3e}, here it is {now:.3e}. Give the same equation, source, conditions and model."
        )


def identity(run: Run) -> dict[str, Any]:
    """What must be the same for a run to be continued."""
    return {
        "problem": describe_problem(run.problem),
        "network": describe_network(run.system.trial.network),
        "optimizer": repr(run.method),
        "run_seed": run.seed,
        "dtype": str(run.theta.dtype).removeprefix("torch."),
    }


def _check_shapes(run: Run, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse arrays that cannot be the state of this run."""
    P, d = run.theta.numel(), run.problem.domain.dim
    for name, array in arrays.items():
        if name in ("theta", "best_theta"):
            fits = array.shape == (P,)
        elif name.startswith("points."):
            fits = array.ndim == 2 and array.shape[1] == d and array.shape[0] > 0
        elif name.startswith(METHOD):
            fits = array.ndim <= 2 and all(n == P or n <= MAX_ROWS for n in array.shape)
        else:
            fits = array.ndim == 1
        if not fits:
            raise ValueError(f"the array {name!r} has shape {array.shape}")


def _put(run: Run, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    system, points, held_out = run.system, run.system.points, run.held_out.points

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(arrays[name].copy()).to(points.like.device)

    for k, term in enumerate(points.terms):
        term.count = int(config["counts"][k])
        importance = f"importance.{k}"
        factors = tensor(importance).to(points.like)[:, None] if importance in arrays else None
        term.place(system.trial, tensor(f"points.{k}").to(points.like), factors)
    for weights, saved in ((points.weights, "weights"), (held_out.weights, "held_out_weights")):
        for name in weights:
            weights[name] = float(config[saved][name])
    reals = dict(zip(REALS, arrays["reals"].tolist(), strict=True))
    whole = {name: type(getattr(run.counters, name))(config["counters"][name]) for name in COUNTERS}
    run.counters = Counters(**whole, best=reals["best"], mark=reals["mark"])
    run.seconds_before, run.scale = reals["seconds_before"], reals["scale"]
    theta = tensor("theta").to(points.like)
    run.best_theta = tensor("best_theta").to(points.like) if "best_theta" in arrays else None
    run.history = history_rows(config["history"], arrays)
    saved_state = {name: _from_text(value) for name, value in config["method"].items()}
    for name in arrays:
        if name.startswith(METHOD):
            saved_state[name.removeprefix(METHOD).replace(LIST, "[]")] = tensor(name)
    system.load(theta)
    run.begin(theta, run.method.init(system, theta).load_state_dict(saved_state))


def _array(t: Tensor) -> np.ndarray:
    return t.detach().cpu().contiguous().numpy()


def _plain(value: Any) -> Any:
    """JSON has no inf and nan: these go as text."""
    return value if isinstance(value, (bool, int)) or math.isfinite(value) else {"float": str(value)}


def _from_text(value: Any) -> Any:
    return float(value["float"]) if isinstance(value, dict) else value
