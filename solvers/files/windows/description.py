"""What a file says about the windows of a solution in windows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sciml.ansatz.march import Chain, chain_of
from sciml.ansatz.window import Span, check_windows
from sciml.errors import ArgumentError
from sciml.nn import KINDS, from_config
from sciml.problem import PDE
from sciml.solvers.files.shapes import check_cost, state_shapes

MOST_WINDOWS = 1000
FIELDS = {"low", "high", "origin", "config", "scale"}


def describe_chain(chain: Chain) -> list[dict[str, Any]]:
    """Plain data: each window's times, its network's configuration and the sizes of its unknowns.

    Raises:
        ArgumentError: A network that is none of ``sciml.nn``.
    """
    out = []
    for trial in chain.windows:
        if type(trial.network) not in KINDS.values():
            raise ArgumentError(
                f"save needs networks of sciml.nn where a solution has windows, got {type(trial.network).__name__}."
            )
        span, scale = trial.span, trial.scale
        config: Any = trial.network.config  # type: ignore[union-attr]
        out.append(
            {
                "low": span.low,
                "high": span.high,
                "origin": span.origin,
                "config": config(),
                "scale": None if scale is None else scale.tolist(),
            }
        )
    return out


def check_chain(windows: Any, network: Mapping[str, Any]) -> None:
    """Refuse windows that do not follow each other, or whose networks do not go with the tensors.

    Raises:
        ValueError: Saying what is wrong.
    """
    if not isinstance(windows, list) or not 0 < len(windows) <= MOST_WINDOWS:
        raise ValueError(f"its windows need a list of 1 to {MOST_WINDOWS}")
    if network["config"] is not None:
        raise ValueError("it has windows and a single network")
    shapes: dict[str, tuple[int, ...]] = {}
    last = None
    for k, window in enumerate(windows):
        if not isinstance(window, dict) or set(window) != FIELDS:
            raise ValueError(f"its window {k} is no description of one")
        low, high, origin = _time(window["low"]), _time(window["high"]), window["origin"]
        if not low < high or (last is not None and low != last):
            raise ValueError(f"its window {k} does not follow the one before")
        if origin is not None and not _time(origin) < low:
            raise ValueError(f"its window {k} has a logarithm from {origin!r:.80}")
        last, scale = high, window["scale"]
        if scale is not None and not (isinstance(scale, list) and all(_size(v) for v in scale)):
            raise ValueError(f"its window {k} has the scale {scale!r:.80}")
        check_cost(window["config"])
        shapes |= {f"{k}.{name}": shape for name, shape in state_shapes(window["config"]).items()}
    if shapes != {name: tuple(shape) for name, (_, shape) in network["tensors"].items()}:
        raise ValueError("its windows do not go with its tensors")


def build_chain(
    problem: PDE,
    windows: list[dict[str, Any]],
    dtype: str,
    arrays: Mapping[str, np.ndarray],
    prefix: str,
    jumps: bool,
) -> Chain:
    """The chain that ``describe_chain`` described.

    Raises:
        ValueError: The windows do not lie in the problem's time, or a scale has another length.
    """
    check_windows(problem)
    low, high = float(problem.domain.lower[0]), float(problem.domain.upper[0])
    if windows[0]["low"] != low or windows[-1]["high"] > high:
        raise ValueError("its windows do not lie in the time of its problem")
    networks, spans, scales = [], [], []
    for k, window in enumerate(windows):
        network = from_config(window["config"]).to(dtype=getattr(torch, dtype))
        weights = {
            name: torch.from_numpy(arrays[f"{prefix}{k}.{name}"].copy()) for name in network.state_dict()
        }
        network.load_state_dict(weights)
        networks.append(network)
        spans.append(Span(window["low"], window["high"], window["origin"]))
        scale = window["scale"]
        if scale is not None and len(scale) != problem.outputs:
            raise ValueError(f"its window {k} has a scale of {len(scale)} unknowns")
        scales.append(None if scale is None else torch.tensor(scale, dtype=torch.float64))
    return chain_of(problem, networks, spans, scales, jumps)


def _time(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"its windows hold the time {value!r:.80}")
    return float(value)


def _size(value: Any) -> bool:
    return type(value) is float and 0 < value < math.inf
