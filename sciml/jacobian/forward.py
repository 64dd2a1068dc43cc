"""Forward-mode derivatives by torch's rules, quiet under a filter that turns warnings into errors."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def pushforward(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], tangents: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Value of ``function(*inputs)`` and its derivative along ``tangents``, one for each input and of its shape."""
    _load_rules()
    value, tangent, *_ = torch.func.jvp(function, tuple(inputs), tuple(tangents))
    return value, tangent


@functools.cache
def _load_rules() -> None:
    """The first derivative of a process makes torch load its rules through torch.jit, which it warns of itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit", DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))
