"""Adapters of a solution in windows of time, whose networks are numbered in one ``torch.nn.ModuleList``.

One adapter holds the differences of all windows, ``"window.parameter"`` each. Which windows are solved is what it names:
the answer ends with the last window of which a parameter is adapted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from sciml.adapters.adapter import Adapter
from sciml.adapters.base import AdapterConfig, Factors
from sciml.adapters.full import Full
from sciml.adapters.low_rank import LowRank
from sciml.adapters.parameters import named
from sciml.errors import ArgumentError


class WindowsAdapter(Adapter):
    """As ``Adapter``, for a base of one network a window."""

    @property
    def count(self) -> int:
        """Windows of the answer."""
        return 1 + max(_window(name) for name in self.adapted)

    def merge(self, module: nn.Module) -> nn.ModuleList:
        """Copies of the networks with the differences added, as far as there are such."""
        return nn.ModuleList(list(super().merge(module).children())[: self.count])

    def window(self, k: int, network: nn.Module) -> Adapter:
        """The adapter of the ``k``-th window's network alone, with the same numbers."""
        own = {name.removeprefix(f"{k}."): name for name in self.adapted if _window(name) == k}
        full = tuple(n for n, name in own.items() if isinstance(self.rules[name], Full))
        low = tuple(n for n in own if n not in full)
        config: AdapterConfig = self.config if low else Full()
        config = replace(config, target_modules=low or full, modules_to_save=full if low else ())
        if isinstance(config, LowRank):
            ranks = {n: config.rank_pattern[name] for n, name in own.items() if name in config.rank_pattern}
            config = config.with_ranks(ranks)
        adapter = Adapter(config, network)
        return adapter.replace_factors(config, {n: self.factors[name] for n, name in own.items()})


def spread(config: AdapterConfig, networks: nn.Module) -> AdapterConfig:
    """A configuration for one network as that for several: its groups of parameters are those of each network.

    Raises:
        ArgumentError: A rank budget.
    """
    check_windowed(config)
    assert isinstance(networks, nn.ModuleList)
    return _config([Adapter(config, network) for network in networks], networks)


def joined(adapters: Sequence[Adapter], networks: nn.ModuleList) -> WindowsAdapter:
    """The adapters of the first windows as one: of the kind of them all, or of the one kind that is not full."""
    config = _config(adapters, networks)
    factors: dict[str, Factors] = {
        f"{k}.{name}": own for k, adapter in enumerate(adapters) for name, own in adapter.factors.items()
    }
    return WindowsAdapter(config, networks).replace_factors(config, factors)  # type: ignore[return-value]


def check_windowed(config: AdapterConfig) -> None:
    """Refuse what cannot be meant in windows.

    Raises:
        ArgumentError: A rank budget.
    """
    if isinstance(config, LowRank) and config.rank_budget is not None:
        raise ArgumentError(
            "rank_budget needs a base without windows, whose components it weighs against each other, got "
            f"{config.rank_budget}: give the rank itself."
        )


def _config(adapters: Sequence[Adapter], networks: nn.ModuleList) -> AdapterConfig:
    """What describes the adapters of the first windows together."""
    kinds = {type(a.config): a.config for a in adapters}
    low = next((config for kind, config in kinds.items() if not issubclass(kind, Full)), None)
    config = low or (next(iter(kinds.values())) if len(kinds) == 1 else Full())
    targets: list[str] = []
    saved: list[str] = []
    pattern: dict[str, Any] = {}
    for k, (adapter, network) in enumerate(zip(adapters, networks, strict=False)):
        full = [name for name, rule in adapter.rules.items() if isinstance(rule, Full)]
        own = [name for name in adapter.rules if name not in full]
        (saved if low else targets).extend(_patterns(k, full, network))
        targets += _patterns(k, own, network)
        if isinstance(adapter.config, LowRank):
            pattern |= {f"{k}.{name}": rank for name, rank in adapter.config.rank_pattern.items()}
    config = replace(config, target_modules=tuple(targets), modules_to_save=tuple(saved))
    return config.with_ranks(pattern) if isinstance(config, LowRank) else config


def _patterns(k: int, names: Iterable[str], network: nn.Module) -> list[str]:
    """The parameters of the ``k``-th network in few words: all of it, or whole layers, where it may be said so."""
    left = list(names)
    every = list(named(network))
    if left == every:
        return [f"{k}.*"]
    out: list[str] = []
    for layer in dict.fromkeys(name.rpartition(".")[0] for name in left):
        inside = [name for name in every if name.rpartition(".")[0] == layer]
        mine = [name for name in left if name in inside]
        out += [f"{k}.{layer}"] if layer and mine == inside else [f"{k}.{name}" for name in mine]
    return out


def _window(name: str) -> int:
    """Of which window a parameter is."""
    return int(name.partition(".")[0])
