"""What a checkpoint of a given run may hold: shapes before any array is read, values before any is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml.optim import TorchMethod
from sciml.solvers.files.expected import Expected
from sciml.solvers.files.history import PREFIX, expected_columns
from sciml.solvers.files.identity import check_identity, describe_network, describe_problem
from sciml.solvers.files.limits import MAX_PAIRS, MAX_POINT_CHANNELS, MAX_STEPS
from sciml.solvers.training.loop import Run
from sciml.solvers.training.run_state import Counters, Estimates

COUNTERS = tuple(f.name for f in fields(Counters) if f.type in ("int", "bool"))
REALS = ("best", "mark", "seconds_before", "scale")  # may be inf: kept as an array
METHOD, POINTS, IMPORTANCE, LIST = "method.", "points.", "importance.", ":list"
VECTORS = ("gradient", "anchor", "previous")  # fields of a method's state that have the shape of theta
PAIRS = ("steps", "changes")  # of L-BFGS, (k, P)
STRIDES = ("weight", "sigma", "nu", "rate")  # damping, and factors on it or on a learning rate
SLACK = 1e-6  # of the domain's size, by which rounding may put a point outside


def identity(run: Run) -> dict[str, Any]:
    """What must be the same for a run to be continued."""
    return {
        "problem": describe_problem(run.problem),
        "network": describe_network(run.system.trial.network),
        "optimizer": repr(run.method),
        "run_seed": run.seed,
        "dtype": str(run.theta.dtype).removeprefix("torch."),
    }


class ExpectedState:
    """The ``expect`` of a checkpoint that a run wants to go on from.

    Args:
        run: A fresh run of the same problem, network, optimiser and seed.

    Attributes:
        optional: Names of arrays that a state may lack.
    """

    def __init__(self, run: Run):
        self.run = run
        self.dtype = str(run.theta.dtype).removeprefix("torch.")
        fresh = run.method.init(run.system, run.theta)
        self.fields, self.state = {f.name for f in fields(fresh)}, fresh.state_dict()
        self.renamed = fresh.RENAMED  # names that earlier versions wrote
        self.inner = _torch_state(run.method, run.theta.dtype) if isinstance(run.method, TorchMethod) else {}
        self.method_arrays = self._method_arrays()
        # every method that keeps a gradient has one from its start on
        self.optional = {"best_theta", "estimates", "told", "told_theta", *self.method_arrays} - {
            f"{METHOD}gradient"
        }

    def __call__(self, config: dict[str, Any]) -> Expected:
        """Shapes and types of all arrays, once the configuration belongs to this run and is in range.

        Raises:
            Mismatch: It belongs to another run; the message says in what it differs.
            ValueError, LookupError, TypeError: It cannot be the configuration of a checkpoint.
        """
        check_identity(config["identity"], identity(self.run))
        self._check_counters(config["counters"])
        self._check_method(config["method"])
        points, held_out = self.run.system.points, self.run.held_out.points
        _check_weights(config["weights"], points.weights)
        _check_weights(config["held_out_weights"], held_out.weights)
        history = expected_columns(config["history"])
        if not {"step", "held_out"} <= set(config["history"]):
            raise ValueError("its history has no steps or no held-out losses")
        if not isinstance(config["held_out"], str) or math.isnan(float(config["held_out"])):
            raise ValueError(f"held_out needs a number as text, got {config['held_out']!r:.80}")
        if config.get("selection") is not None:  # version 0.1.0 had none
            _whole("selection", config["selection"], 1, MAX_POINT_CHANNELS)
        if not set(config["allow_nan"]) <= {"reals", "estimates", *history}:
            raise ValueError("its parameters are allowed not to be finite")
        theta = ((self.run.theta.numel(),), self.dtype)
        return {
            "theta": theta,
            "best_theta": theta,
            "told_theta": theta,
            "told": ((1,), "float64"),
            "reals": ((len(REALS),), "float64"),
            "estimates": ((len(fields(Estimates)),), "float64"),
            **self._points(config),
            **history,
            **self.method_arrays,
        }

    def check_values(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Whether the numbers can be a state of this run.

        Raises:
            ValueError: The message says which cannot.
        """
        reals = dict(zip(REALS, arrays["reals"].tolist(), strict=True))
        if not (0 < reals["scale"] < math.inf and 0 <= reals["seconds_before"] < math.inf):
            raise ValueError("its scale or its seconds are out of range")
        if not (reals["best"] >= 0 and reals["mark"] >= 0):
            raise ValueError("its best losses are out of range")
        if ("told" in arrays) != ("told_theta" in arrays) or not float(arrays.get("told", [1.0])[0]) >= 0:
            raise ValueError("its least estimate is out of range, or has no state")
        if "estimates" in arrays:
            held, look, work = arrays["estimates"].tolist()
            if not (held >= 0 and 0 <= look <= MAX_STEPS and work >= 0):
                raise ValueError("its estimates are out of range")
        domain = self.run.problem.domain
        low, high = (np.asarray(bound.tolist()) for bound in (domain.lower, domain.upper))
        room = SLACK * (high - low)
        for name, x in arrays.items():
            if name.startswith(POINTS) and not bool(((x >= low - room) & (x <= high + room)).all()):
                raise ValueError(f"the array {name!r} holds points outside the domain")
            if name.startswith(IMPORTANCE) and not bool(((x > 0) & (x <= len(x) ** 0.5)).all()):
                raise ValueError(f"the array {name!r} holds weights out of range")
        steps = arrays[f"{PREFIX}step"]
        if not bool((np.diff(steps) > 0).all()) or not steps[-1] <= config["counters"]["step"]:
            raise ValueError("the steps of its history do not rise to its own")
        if len({getattr(arrays.get(METHOD + name), "shape", None) for name in PAIRS}) > 1:
            raise ValueError("its pairs of steps and changes differ in number")
        self._check_inner(config["method"], arrays)

    def _points(self, config: dict[str, Any]) -> Expected:
        """Shapes of the points; more than the run may have, or memory allows for, are refused."""
        terms, dim = self.run.system.points.terms, self.run.problem.domain.dim
        counts = config["counts"]
        rows = config.get("rows", counts)  # version 0.1.0 kept the counts alone
        most = max(self.run.max_points, *(len(t.x) for t in terms), MAX_POINT_CHANNELS // (1 + 2 * dim))
        for given in (counts, rows):
            if not isinstance(given, list) or len(given) != len(terms):
                raise ValueError(f"its points need {len(terms)} counts, one a term")
            for n in given:
                _whole("a count of points", n, 1, most)
        weighted = config.get("weighted", [])  # version 0.1.0 had no weights of points
        if not isinstance(weighted, list) or not all(type(k) is int and 0 <= k < len(rows) for k in weighted):
            raise ValueError(f"its weighted terms are {weighted!r:.80}")
        return {
            **{f"{POINTS}{k}": ((n, dim), self.dtype) for k, n in enumerate(rows)},
            **{f"{IMPORTANCE}{k}": ((rows[k],), self.dtype) for k in weighted},
        }

    def _check_counters(self, counters: Any) -> None:
        known = asdict(self.run.counters)
        if not isinstance(counters, dict) or set(counters) != set(COUNTERS):
            raise ValueError(f"its counters need to be {', '.join(COUNTERS)}")
        for name, value in counters.items():
            if isinstance(known[name], bool):
                _flag(name, value)
            else:
                _whole(name, value, -1 if name == "decided" else 0, MAX_STEPS)
        step = counters["step"]
        for name in ("decided", "rejected", "since_redraw"):
            if counters[name] > step:
                raise ValueError(f"{name} is {counters[name]}, beyond the step {step}")
        if counters["draws"] > 2 * (step + 1):
            raise ValueError(f"draws is {counters['draws']}, too many for {step} steps")

    def _check_method(self, numbers: Any) -> None:
        """The numbers of the method's state, each of the type that a fresh state has there."""
        if not isinstance(numbers, dict):
            raise ValueError("its method is no dictionary")
        for written, value in numbers.items():
            name = self.renamed.get(written, written)
            if name not in self.state:
                if name.removeprefix("torch.") not in self.inner:
                    raise ValueError(f"{name!r:.80} is no part of the method's state")
                real(name, value)
            elif isinstance(self.state[name], bool):
                _flag(name, value)
            elif isinstance(self.state[name], int):
                _whole(name, value, 0, MAX_STEPS)
            elif name in STRIDES and not 0 <= real(name, value) < math.inf:
                raise ValueError(f"{name} needs a finite number of at least 0, got {value!r:.80}")
            else:
                real(name, value)

    def _check_inner(self, numbers: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """A torch optimiser's own state: all of it, or nothing before the first step."""
        here = {n.removeprefix("torch.") for n in numbers if n.startswith("torch.")}
        prefix = f"{METHOD}torch."
        here |= {n.removeprefix(prefix).replace(LIST, "[]") for n in arrays if n.startswith(prefix)}
        missing = sorted(name for name in self.inner if not name.endswith("[]") and name not in here)
        if here and missing:
            raise ValueError(f"its method lacks {', '.join(missing)}")

    def _method_arrays(self) -> dict[str, Any]:
        """Every array that the method's state may hold; a list gives alternatives."""
        P, pairs = self.run.theta.numel(), getattr(self.run.method, "history", MAX_PAIRS)
        shapes: dict[str, Any] = dict.fromkeys(VECTORS, (P,))
        shapes |= {"inverse": (P, P), **{name: (range(pairs + 1), P) for name in PAIRS}}
        found: dict[str, Any] = {
            METHOD + name: (shape, self.dtype) for name, shape in shapes.items() if name in self.fields
        }
        for name, value in self.state.items():
            if isinstance(value, Tensor):
                found[METHOD + name] = (tuple(value.shape), _dtype(value))
        for name, value in self.inner.items():
            found[f"{METHOD}torch.{name.replace('[]', LIST)}"] = _alternatives(value, P, self.dtype)
        return found


INNER = 7  # parameters of the small problem on which a torch optimiser shows what it keeps


def _torch_state(method: TorchMethod, dtype: torch.dtype) -> dict[str, Any]:
    """What a torch optimiser keeps for one parameter, by name; ``[]`` marks lists. Learnt from one small step."""
    x = torch.nn.Parameter(torch.linspace(-1, 1, INNER, dtype=dtype))
    optimizer = method.make([x], **method.options)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (x.exp() - x).sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType]
    kept = optimizer.state_dict()["state"].get(0, {})
    return {f"{k}[]" if isinstance(v, list) else k: v for k, v in kept.items() if v is not None}


def _alternatives(value: Any, P: int, dtype: str) -> list[tuple[tuple[int | range, ...], str]]:
    """Shapes that a torch optimiser's entry may have for ``P`` parameters, from its value for ``INNER``."""
    if isinstance(value, list):
        many = range(MAX_PAIRS)
        return [((many, P), dtype), ((many,), dtype), ((many, 1), dtype), ((0,), "float32")]
    if isinstance(value, Tensor):
        shape = tuple(P if n == INNER else n for n in value.shape)
        return [(shape, _dtype(value)), ((), dtype)] if not shape else [(shape, _dtype(value))]
    return [((), dtype), ((), "float64")]  # a number that a line search may have made a tensor


def _dtype(t: Tensor) -> str:
    return str(t.dtype).removeprefix("torch.")


def _check_weights(saved: Any, known: Mapping[str, float]) -> None:
    if not isinstance(saved, dict) or set(saved) != set(known):
        raise ValueError(f"its weights need to be those of {', '.join(known)}")
    for name, value in saved.items():
        if not 0 < real(name, value) < math.inf:
            raise ValueError(f"the weight of {name} needs a finite number above 0, got {value!r:.80}")


SPECIAL: dict[Any, float] = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def real(name: str, value: Any) -> float:
    """A number of a checkpoint's JSON, in which infinity and nan stand as ``{"float": "inf"}``."""
    if isinstance(value, dict) and list(value) == ["float"] and value["float"] in list(SPECIAL):
        return SPECIAL[value["float"]]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} needs a number, got {value!r:.80}")
    return float(value)


def _whole(name: str, value: Any, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} needs a whole number from {least} to {most}, got {value!r:.80}")


def _flag(name: str, value: Any) -> None:
    if type(value) is not bool:
        raise ValueError(f"{name} needs true or false, got {value!r:.80}")
