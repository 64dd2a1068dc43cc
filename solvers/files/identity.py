"""What a file says about the problem and the network it belongs to, and whether others are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from sciml.ansatz import Trial
from sciml.ansatz.march import Chain
from sciml.derivatives import AutogradSource
from sciml.nn import KINDS
from sciml.problem import PDE
from sciml.solvers.files import canonical_json
from sciml.solvers.files.expected import Mismatch
from sciml.solvers.files.printable import printable
from sciml.unknown import Unknown

REPLACED = (
    "tensors",
    "seed",
)  # of a checkpoint: initial weights are replaced, the solve's seed has another name


def describe_problem(problem: PDE) -> dict[str, Any]:
    """Plain data: the registry's name and parameters where there are such, and what can be compared.

    ``custom`` tells that a Python function of the user is part of it, so that it has to be given again.
    """
    parameters: dict[str, Any] | None = {
        name: {"unknown": value.to_json()} if isinstance(value, Unknown) else value
        for name, value in problem.parameters().items()
    }
    try:
        canonical_json.encode(parameters)
    except (TypeError, ValueError):
        parameters = None
    return {
        "name": getattr(type(problem), "registry_name", None),
        "parameters": parameters,
        "custom": bool(problem.is_custom or parameters is None),
        "class": type(problem).__name__,
        "coordinates": [str(n) for n in problem.domain.names],
        "lower": problem.domain.lower.tolist(),
        "upper": problem.domain.upper.tolist(),
        "unknowns": list(problem.unknowns),
        "conditions": [c.label for c in problem.conditions],
    }


def describe_network(network: nn.Module) -> dict[str, Any]:
    """Plain data: its class, its tensors' types and shapes, and a ``config`` to build it from, or None."""
    return {
        "config": network.config() if type(network) in KINDS.values() else None,  # type: ignore[operator]
        "class": type(network).__name__,
        "tensors": {
            name: [str(t.dtype).removeprefix("torch."), list(t.shape)]
            for name, t in network.state_dict().items()
        },
    }


PROBES = 8  # points at which a file keeps values, to recognise another problem or network
PROBE_SEED = 20_011
FLOAT32_SLACK = 1e4  # factor on the difference of values that were computed in float32
AGREE = 1e-6  # largest relative difference of two probes that are the same; another machine rounds otherwise


def differences(saved: Any, given: Any, ignore: tuple[str, ...] = ()) -> list[str]:
    """Sentences ``key: saved, not given`` for what differs between two descriptions; printable."""
    if not isinstance(saved, dict) or not isinstance(given, dict):
        return [] if saved == given else [f"{printable(repr(saved), 100)}, not {given!r}"]
    out = []
    for key in [*given, *(k for k in saved if k not in given)]:
        if key not in ignore:
            out += [
                f"{printable(key, 100)}: {text}"
                for text in differences(saved.get(key), given.get(key), ignore)
            ]
    return out


def check_identity(saved: Any, given: dict[str, Any]) -> None:
    """Whether a checkpoint belongs to the solve that goes on from it.

    Args:
        saved: What the file says of its solve.
        given: The same of this one.

    Raises:
        Mismatch: It belongs to another solve; the message says in what it differs.
        ValueError: It says nothing.
    """
    if not isinstance(saved, dict):
        raise ValueError("its identity is no dictionary")
    if other := differences(saved, given, ignore=REPLACED):
        raise Mismatch("; ".join(other))


def equation_probe(problem: PDE, x: torch.Tensor) -> np.ndarray:
    """The residual ``(n, k)`` of a fixed smooth function at ``x (n, d)``: tells equations and right-hand sides apart.

    One column of nan where the problem's own code fails at a function that it was not written for.
    """

    def smooth(y: torch.Tensor) -> torch.Tensor:
        phase = y @ torch.linspace(0.7, 1.9, y.shape[1], dtype=y.dtype)
        return torch.stack([1.5 + 0.25 * torch.sin(phase + j) for j in range(problem.outputs)], dim=1)

    try:
        terms = problem.residual_terms(problem.field(AutogradSource(smooth, x)), x)
    except Exception:  # the user's code may raise anything
        return np.full((len(x), 1), np.nan)
    return torch.cat([t.detach() for t in terms.values()], dim=1).double().cpu().contiguous().numpy()


def solved_points(problem: PDE, trial: Trial | Chain) -> torch.Tensor:
    """The points at which values are compared, ``(PROBES, d)``; of windows, within what they have solved of the time."""
    x = problem.sample(PROBES, seed=PROBE_SEED).double().cpu()
    if isinstance(trial, Chain):
        low = problem.domain.lower[0]
        x[:, 0] = low + (x[:, 0] - low) * (trial.until - low) / (problem.domain.upper[0] - low)
    return x


def value_probe(trial: Trial, x: torch.Tensor) -> np.ndarray:
    """The trial function's values ``(n, m)`` at ``x (n, d)``, as float64."""
    like = next(trial.network.parameters())
    with torch.no_grad():
        return trial(x.to(like)).double().cpu().contiguous().numpy()


def same_values(here: np.ndarray, saved: np.ndarray, dtype: torch.dtype) -> bool:
    """Whether values of a solution are the saved ones, as far as another machine computes them alike in that dtype."""
    return same(here, saved, 1.0 if dtype == torch.float64 else FLOAT32_SLACK)


def same(here: np.ndarray, saved: np.ndarray, slack: float = 1.0) -> bool:
    """Whether two probes agree, relative to the largest saved value, where the saved one is finite.

    Args:
        here, saved: The probes.
        slack: Factor on the difference that is accepted; more for values computed in float32.
    """
    if here.shape != saved.shape:
        return False
    known = np.isfinite(saved)
    size = max(float(np.abs(saved[known]).max(initial=0.0)), 1e-300)
    return bool((np.abs(here - saved)[known] <= AGREE * slack * size).all())  # a nan here is no agreement
