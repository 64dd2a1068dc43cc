"""What a file says about the problem and the network it belongs to, and whether others are the same."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sciml.nn import KINDS
from sciml.problem import PDE
from sciml.solvers.files import canonical_json


def describe_problem(problem: PDE) -> dict[str, Any]:
    """Plain data: the registry's name and parameters where there are such, and what can be compared.

    ``custom`` tells that a Python function of the user is part of it, so that it has to be given again.
    """
    parameters: dict[str, Any] | None = problem.parameters()
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


def differences(saved: Any, given: Any, ignore: tuple[str, ...] = ()) -> list[str]:
    """Sentences ``key: saved, not given`` for what differs between two descriptions."""
    if not isinstance(saved, dict) or not isinstance(given, dict):
        return [] if saved == given else [f"{saved!r}, not {given!r}"]
    out = []
    for key in [*given, *(k for k in saved if k not in given)]:
        if key not in ignore:
            out += [f"{key}: {text}" for text in differences(saved.get(key), given.get(key), ignore)]
    return out


def equation_probe(problem: PDE, x: torch.Tensor) -> torch.Tensor:
    """The residual ``(n, k)`` of a fixed smooth function at ``x (n, d)``: tells equations apart."""
    from sciml.derivatives import AutogradSource

    def smooth(y: torch.Tensor) -> torch.Tensor:
        phase = y @ torch.linspace(0.7, 1.9, y.shape[1], dtype=y.dtype)
        return torch.stack([1.5 + 0.25 * torch.sin(phase + j) for j in range(problem.outputs)], dim=1)

    terms = problem.residual_terms(problem.field(AutogradSource(smooth, x)), x)
    return torch.cat([t.detach() for t in terms.values()], dim=1)
