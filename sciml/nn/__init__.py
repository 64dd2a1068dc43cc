"""Networks: :class:`KAN`, :class:`SlimKAN` and :class:`MLP` offer jets.

Any other ``torch.nn.Module`` works as a model through autograd.
"""

from __future__ import annotations

from typing import Any

from sciml.errors import ArgumentError
from sciml.nn.activation import Activation, FourierFeatures
from sciml.nn.base import JetLayer, JetNetwork, Record
from sciml.nn.kan import KAN, KANLayer
from sciml.nn.linear import Linear
from sciml.nn.mlp import MLP
from sciml.nn.slim_kan import SlimKAN, SlimKANLayer

__all__ = [
    "KAN",
    "MLP",
    "Activation",
    "FourierFeatures",
    "JetLayer",
    "JetNetwork",
    "KANLayer",
    "Linear",
    "Record",
    "SlimKAN",
    "SlimKANLayer",
    "from_config",
]

KINDS: dict[str, type[JetNetwork]] = {"KAN": KAN, "MLP": MLP, "SlimKAN": SlimKAN}


def from_config(config: dict[str, Any]) -> JetNetwork:
    """Build the network that ``network.config()`` describes.

    Raises:
        ArgumentError: An unknown kind or arguments that the kind refuses.
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if kind not in KINDS:
        raise ArgumentError(f"network kind must be one of {', '.join(KINDS)}; got {kind!r}.")
    try:
        return KINDS[kind](**arguments)
    except TypeError as error:
        raise ArgumentError(f"network configuration for {kind} does not fit: {error}.") from error
