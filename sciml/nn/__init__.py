"""Networks: ``KAN``, ``SKAN``, ``SlimKAN``, ``MLP`` and weighted sums of them offer jets.

Any other ``torch.nn.Module`` works as a model through autograd.
"""

from __future__ import annotations

from typing import Any

from sciml.arguments import one_of
from sciml.errors import ArgumentError
from sciml.nn.activation import Activation, FourierFeatures
from sciml.nn.base import JetLayer, JetNetwork, Record
from sciml.nn.combination import Combination
from sciml.nn.kan import KAN, KANLayer
from sciml.nn.linear import Linear
from sciml.nn.mlp import MLP
from sciml.nn.skan import SKAN
from sciml.nn.slim_kan import SlimKAN, SlimKANLayer

__all__ = [
    "KAN",
    "MLP",
    "SKAN",
    "Activation",
    "Combination",
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

KINDS: dict[str, type[JetNetwork]] = {
    "KAN": KAN,
    "MLP": MLP,
    "SKAN": SKAN,
    "SlimKAN": SlimKAN,
    "Combination": Combination,
}


def from_config(config: dict[str, Any]) -> JetNetwork:
    """Build the network that ``network.config()`` describes.

    Raises:
        ArgumentError: An unknown kind or arguments that the kind refuses.
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    one_of("network kind", kind, KINDS)
    try:
        if kind == "Combination":
            arguments["members"] = [from_config(member) for member in arguments["members"]]
        return KINDS[kind](**arguments)
    except (TypeError, KeyError) as error:
        raise ArgumentError(f"config needs the arguments of {kind}, got others: {error}") from error
