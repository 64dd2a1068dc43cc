"""What a checkpoint of a given march may hold: shapes before any array is read, values before any is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sciml.solvers.files.expected import Expected
from sciml.solvers.files.history import PREFIX, expected_columns
from sciml.solvers.files.identity import PROBES, check_identity, describe_network, describe_problem
from sciml.solvers.files.limits import MAX_LINES, MAX_STEPS
from sciml.solvers.windows.window import Request

COUNTERS = ("steps", "rejected", "tries", "tried", "worse", "settled")
REALS = ("scale", "worst", "residual", "closest", "best", "last", "last_scale", "seconds", "length")
RUN, NETWORK, SPANS, SCALES = "run.", "network.", "windows.span", "windows.scale"
MOST_WINDOWS = 1000
PARTS = {"identity", "count", "counters", "notes", "points", "weights", "sizes", "log", "log_failed"}
PARTS |= {"history", "rows", "equations", "run", "allow_nan"}


def identity(request: Request) -> dict[str, Any]:
    """What must be the same for a march to be continued."""
    settings = request.settings
    optimizer = request.optimizer
    return {
        "problem": describe_problem(request.problem),
        "network": describe_network(request.network(0)),
        "optimizer": optimizer if isinstance(optimizer, str) else repr(optimizer),
        "run_seed": settings.seed,
        "dtype": str(request.dtype).removeprefix("torch."),
        "windows": "auto" if request.count is None else request.count,
        "tol": request.tol,
        "points": settings.points,
    }


class ExpectedMarch:
    """The ``expect`` of a checkpoint that a march wants to go on from.

    Args:
        request: What the march is asked for.
        table: The file's arrays: name -> (shape, dtype name). Those of a run in a window are checked when that window's run
            is made, and bounded by the file's size until then.
    """

    def __init__(self, request: Request, table: Mapping[str, tuple[tuple[int, ...], str]]):
        self.request, self.table = request, table
        tensors = describe_network(request.network(0))["tensors"]
        self.tensors = {name: (tuple(shape), dtype) for name, (dtype, shape) in tensors.items()}

    def __call__(self, config: dict[str, Any]) -> Expected:
        """Shapes and types of all arrays, once the configuration belongs to this march and is in range.

        Raises:
            Mismatch: It belongs to another solve; the message says in what it differs.
            ValueError, LookupError, TypeError: It cannot be the configuration of a checkpoint.
        """
        check_identity(config["identity"], identity(self.request))
        if set(config) != PARTS:
            raise ValueError(f"its configuration needs to be {', '.join(sorted(PARTS))}")
        count = _whole("count", config["count"], MOST_WINDOWS)
        if not isinstance(config["counters"], dict) or set(config["counters"]) != set(COUNTERS):
            raise ValueError(f"its counters need to be {', '.join(COUNTERS)}")
        for name, value in config["counters"].items():
            _whole(name, value, MAX_STEPS)
        for name in ("log", "log_failed"):
            if type(config[name]) is not bool or (config[name] and not self.request.may_be_logarithmic):
                raise ValueError(f"{name} is {config[name]!r:.80}")
        notes = config["notes"]
        if not isinstance(notes, list) or len(notes) > MAX_LINES or not all(type(n) is str for n in notes):
            raise ValueError("its notes are no short list of texts")
        if config["points"] is not None:
            _whole("points", config["points"], MAX_STEPS)
        _positive("weights", config["weights"])
        self._check_sizes(config["sizes"], count)
        return self._arrays(config, count)

    def _check_sizes(self, sizes: Any, count: int) -> None:
        if (sizes is None) != (count == 0):
            raise ValueError("its sizes are missing, or there without a window")
        if sizes is None:
            return
        if not isinstance(sizes, dict) or set(sizes) != {"unknowns", "equations"}:
            raise ValueError("its sizes need to be those of unknowns and equations")
        unknowns = sizes["unknowns"]
        if not isinstance(unknowns, list) or len(unknowns) != self.request.problem.outputs:
            raise ValueError("its sizes need one number an unknown")
        _positive("sizes", dict(enumerate(unknowns)))
        _positive("sizes", sizes["equations"])

    def _arrays(self, config: dict[str, Any], count: int) -> Expected:
        problem = self.request.problem
        rows = _whole("rows", config["rows"], MAX_STEPS)
        history = expected_columns(config["history"], rows)
        if count and not {"step", "held_out"} <= set(config["history"]):
            raise ValueError("its history has no steps or no held-out losses")
        run = config["run"]
        inside = {} if run is None else {n: a for n, a in self.table.items() if n.startswith(RUN)}
        infinite = [] if run is None else [RUN + name for name in run["allow_nan"]]
        if not set(config["allow_nan"]) <= {"reals", SPANS, SCALES, "probe.equation", *history, *infinite}:
            raise ValueError("its networks are allowed not to be finite")
        equations = _whole("equations", config["equations"], MAX_LINES)
        return {
            "reals": ((len(REALS),), "float64"),
            "entered": ((), "float64"),
            SPANS: ((count, 3), "float64"),
            SCALES: ((count, problem.outputs), "float64"),
            "probe.points": ((PROBES, problem.domain.dim), "float64"),
            "probe.values": ((PROBES if count else 0, problem.outputs), "float64"),
            "probe.equation": ((PROBES, equations), "float64"),
            **{f"{NETWORK}{name}": ((count, *shape), dtype) for name, (shape, dtype) in self.tensors.items()},
            **history,
            **inside,
        }

    def check_values(self, config: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Whether the numbers can be a state of this march.

        Raises:
            ValueError: The message says which cannot.
        """
        reals = dict(zip(REALS, arrays["reals"].tolist(), strict=True))
        for name, value in reals.items():
            if not value >= 0 or (value == math.inf and name not in ("worst", "closest")):
                raise ValueError(f"{name} is {value!r}")
        if not reals["length"] > 0:
            raise ValueError(f"the next window has the length {reals['length']!r}")
        if not 0 <= float(arrays["entered"]) <= reals["seconds"]:
            raise ValueError("its seconds are out of range")
        self._check_spans(arrays[SPANS])
        scales = arrays[SCALES]
        if not bool(((scales > 0) & np.isfinite(scales) | np.isnan(scales)).all()):
            raise ValueError("the scale of a window is out of range")
        steps = arrays.get(f"{PREFIX}step", np.zeros(0))
        if not bool((np.diff(steps) >= 0).all()) or (len(steps) and steps[-1] > config["counters"]["steps"]):
            raise ValueError("the steps of its history do not rise to its own")

    def _check_spans(self, spans: np.ndarray) -> None:
        domain = self.request.problem.domain
        t, high = float(domain.lower[0]), float(domain.upper[0])
        origin = t if self.request.may_be_logarithmic else math.nan
        for k, (start, end, log) in enumerate(spans.tolist()):
            if not (start == t < end <= high):
                raise ValueError(f"its window {k} does not follow the one before")
            if not math.isnan(log) and not (log == origin and log < start):
                raise ValueError(f"its window {k} has a logarithm from {log!r}")
            t = end


def _whole(name: str, value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} needs a whole number from 0 to {most}, got {value!r:.80}")
    return value


def _positive(name: str, values: Any) -> None:
    if not isinstance(values, dict) or not all(
        type(v) is float and 0 < v < math.inf for v in values.values()
    ):
        raise ValueError(f"its {name} need finite numbers above 0")
