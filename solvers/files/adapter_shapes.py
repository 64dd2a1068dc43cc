"""Shapes of an adapter's factors, from its configuration and its base by arithmetic: no adapter is built."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciml.adapters import SVD, AdapterConfig, Full, Head, LoRA, LoTRA, PlainConfig, Span
from sciml.adapters.lora import matrix_shape
from sciml.adapters.parameters import AdaptedParameter, named, resolve
from sciml.solvers.files.limits import MAX_PATTERNS

MAX_NAME = 200


def factor_shapes(config: PlainConfig, base: nn.Module) -> dict[str, tuple[int, ...]]:
    """``"parameter:factor"`` -> shape for every factor of an adapter of that configuration.

    Raises:
        ArgumentError: A name that matches nothing, or a rank that does not fit.
        ValueError: Too many names.
    """
    if isinstance(config, Span):
        return {"span:coefficients": (1 + len(config.members or ()),)}
    assert isinstance(config, AdapterConfig)
    patterns = (*config.target_modules, *config.modules_to_save)
    if len(patterns) > MAX_PATTERNS or any(len(p) > MAX_NAME for p in patterns):
        raise ValueError(f"an adapter needs at most {MAX_PATTERNS} names of {MAX_NAME} characters")
    found = named(base)
    saved = resolve(config.modules_to_save, found, "modules_to_save")
    targets = resolve(config.target_modules, found, "target_modules")
    shapes = {}
    for name, p in found.items():
        parameter = AdaptedParameter.of(name, p)
        if name in saved:
            shapes[f"{name}:delta"] = parameter.shape
        elif name in targets and config.adapts(parameter):
            shapes |= {f"{name}:{key}": shape for key, shape in _of_kind(config, parameter, p).items()}
    return shapes


def _of_kind(
    config: AdapterConfig, parameter: AdaptedParameter, weight: Tensor
) -> dict[str, tuple[int, ...]]:
    if isinstance(config, LoRA):
        rows, columns = matrix_shape(parameter)
        r = config.rank(parameter)
        return {"left": (rows, r), "right": (r, columns)}
    if isinstance(config, LoTRA):
        ranks = config.rank(parameter)
        return {
            "core": tuple(ranks.values()),
            **{mode: (parameter.size(mode), r) for mode, r in ranks.items()},
        }
    if isinstance(config, SVD):
        return {"s": (config.count(parameter),)}
    if isinstance(config, (Full, Head)):
        return {"delta": parameter.shape}
    # a kind of a user's own, whose code is the caller's: its factors are made once
    factors = config.start(parameter, weight, torch.Generator().manual_seed(0))
    return {key: tuple(factor.shape) for key, factor in factors.items()}
