"""Forward-mode derivatives by torch's rules, quiet under a filter that turns warnings into errors."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def pushforward(
    function: Callable[..., T], inputs: Sequence[Tensor], tangents: Sequence[Tensor]
) -> tuple[T, T]:
    """Value of ``function(*inputs)`` and its derivative along ``tangents``, one for each input and of its shape.

    The value is a tensor or a tuple of them.
    """
    _load_rules()
    value, tangent, *_ = torch.func.jvp(function, tuple(inputs), tuple(tangents))
    return value, tangent


@functools.cache
def _load_rules() -> None:
    """The first derivative of a process makes torch load its rules through torch.jit, which it warns of itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit", DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))
