"""An adapter: small factors by parameter name, and the differences from a base that they stand for.

The base is never changed, and its parameters never carry a hook: a network with an adapter is the base
evaluated with ``{name: base[name] + delta(name)}``. Any number of adapters of one base are as many small
dicts.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sciml.adapters.base import AdapterConfig, Factors, PlainConfig, get_config
from sciml.adapters.full import Full
from sciml.adapters.low_rank import LowRank
from sciml.adapters.parameters import AdaptedParameter, named, resolve
from sciml.errors import ArgumentError

Base = Mapping[str, Tensor] | nn.Module


class Adapter:
    """The factors of one configuration for one base.

    Args:
        config: A configuration, or the name of a kind for its defaults.
        base: The network, or its parameters by name. It is only read.

    Attributes:
        config: The configuration.
        adapted: The adapted parameters, in the order of the base.
        factors: ``{parameter name: {factor name: tensor}}``, leaves that require a gradient.

    The same numbers as one flat vector: ``theta`` (p,), parameter after parameter, factor after factor.

    Raises:
        ArgumentError: A name that matches nothing, a parameter that this kind cannot adapt, a rank that does
            not fit.
    """

    def __init__(self, config: str | PlainConfig, base: Base):
        found = get_config(config)
        if not isinstance(found, AdapterConfig):
            raise ArgumentError(
                f"config needs a kind that is a difference of parameters, got {found.kind!r}."
            )
        self.config = found
        parameters = named(base)
        self.shapes = {name: tuple(p.shape) for name, p in parameters.items()}
        saved = resolve(self.config.modules_to_save, parameters, "modules_to_save")
        targets = resolve(self.config.target_modules, parameters, "target_modules")
        self.adapted: dict[str, AdaptedParameter] = {}
        self.rules: dict[str, AdapterConfig] = {}
        for name, p in parameters.items():
            parameter = AdaptedParameter.of(name, p)
            if name in saved:
                self.adapted[name], self.rules[name] = parameter, Full()
            elif name in targets and self.config.adapts(parameter):
                self.adapted[name], self.rules[name] = parameter, self.config
            elif name in targets and name in self.config.target_modules:
                raise ArgumentError(
                    f"target_modules needs parameters with 2 or 3 axes for {self.config.kind!r}, got {name!r} "
                    f"of shape {parameter.shape}; name it in modules_to_save."
                )
        self._check_targets()
        self.constants = {
            name: rule.constants(self.adapted[name], parameters[name]) for name, rule in self._rules()
        }
        rng = torch.Generator().manual_seed(self.config.seed)
        self.factors: dict[str, Factors] = {}
        for name, rule in self._rules():
            self._set(name, rule.start(self.adapted[name], parameters[name], rng), parameters[name])

    @classmethod
    def fit(cls, config: str | AdapterConfig, base: Base, changes: Mapping[str, Tensor]) -> Adapter:
        """The adapter whose differences come nearest to given ones, parameter by parameter.

        ``changes`` maps names to tensors in the parameters' shapes, such as fine-tuned minus base. A
        parameter that is not among them keeps its start; one among them that the configuration does not adapt
        is refused.
        """
        adapter = cls(config, base)
        parameters = named(base)
        for name, change in changes.items():
            if name not in adapter.adapted or tuple(change.shape) != adapter.adapted[name].shape:
                raise ArgumentError(
                    f"changes needs the shapes of the adapted parameters, "
                    f"{ {n: s.shape for n, s in adapter.adapted.items()} }, got {name!r}: {tuple(change.shape)}."
                )
            weight = parameters[name]
            factors = adapter.rules[name].fit(adapter.adapted[name], weight, change.detach().to(weight))
            adapter._set(name, factors, weight)
        return adapter

    # ---- sizes

    @property
    def size(self) -> int:
        """p, the number of trained entries."""
        return sum(f.numel() for _, _, f in self._leaves())

    @property
    def dense_size(self) -> int:
        """P, the number of entries of the base."""
        return sum(AdaptedParameter(name, shape, ()).numel for name, shape in self.shapes.items())

    def count(self) -> dict[str, int]:
        """Trained entries of each adapted parameter."""
        return {name: rule.count(self.adapted[name]) for name, rule in self._rules()}

    def parameters(self) -> list[Tensor]:
        """The trained tensors, for an optimiser."""
        return [f for _, _, f in self._leaves()]

    def groups(self, lr: float) -> list[dict[str, Any]]:
        """Parameter groups for a ``torch.optim`` optimiser: ``lr`` times each factor's own multiplier."""
        return [{"params": [f], "lr": lr * self._rate(name, key)} for name, key, f in self._leaves()]

    def rates(self) -> Tensor:
        """The learning-rate multiplier of every entry of ``theta``, (p,)."""
        return _flat([torch.full_like(f, self._rate(name, key)) for name, key, f in self._leaves()])

    # ---- the flat vector

    def vector(self) -> Tensor:
        """A copy of all factors as ``theta`` (p,)."""
        return _flat([f.detach() for _, _, f in self._leaves()]).clone()

    @torch.no_grad()
    def load_vector(self, theta: Tensor) -> None:
        """Write ``theta`` (p,) into the factors."""
        for (_, _, f), value in zip(self._leaves(), self._split(theta), strict=True):
            f.copy_(value)

    def project(self, theta: Tensor) -> Tensor:
        """``theta`` after a training step, moved to where the kind allows it (singular values >= 0)."""
        parts = self._nested(theta)
        moved = {name: rule.project(parts[name]) for name, rule in self._rules()}
        return _flat([moved[name][key] for name, key, _ in self._leaves()])

    # ---- differences

    def delta(self, name: str, theta: Tensor | None = None) -> Tensor:
        """The difference of one adapted parameter; differentiable in ``theta``, or else in the factors."""
        if name not in self.adapted:
            raise ArgumentError(
                f"name needs one of the adapted parameters {', '.join(self.adapted)}, got {name!r}."
            )
        return self.deltas(theta)[name]

    def deltas(self, theta: Tensor | None = None) -> dict[str, Tensor]:
        """All differences by parameter name."""
        factors = self.factors if theta is None else self._nested(theta)
        return self.deltas_of(factors)

    def deltas_of(self, factors: Mapping[str, Factors]) -> dict[str, Tensor]:
        """The differences that some other factors of the same structure stand for."""
        return {n: rule.delta(self.adapted[n], factors[n], self.constants[n]) for n, rule in self._rules()}

    def apply(self, base: Base, theta: Tensor | None = None) -> dict[str, Tensor]:
        """Every parameter of the base by name, differences added; the base itself gets no gradient."""
        parameters = self._matching(base)
        deltas = self.deltas(theta)
        return {name: p + deltas[name] if name in deltas else p for name, p in parameters.items()}

    def call(self, module: nn.Module, *args: Any, theta: Tensor | None = None) -> Any:
        """``module(*args)`` with the adapter in place."""
        return torch.func.functional_call(module, self.apply(module, theta), args)

    def network(self, base: nn.Module) -> nn.Module:
        """The network that answers: see ``merge``."""
        return self.merge(base)

    def merge(self, module: nn.Module) -> nn.Module:
        """A copy of the module with the differences added to its parameters."""
        merged = copy.deepcopy(module)
        values = self.apply(module)
        with torch.no_grad():
            for name, p in merged.named_parameters():
                p.copy_(values[name])
        return merged

    # ---- ranks

    def replace_factors(self, config: AdapterConfig, factors: Mapping[str, Factors]) -> Adapter:
        """The same adapter with another configuration of its kind and targets, and factors that fit it."""
        other = copy.copy(self)
        other.config = config
        other.rules = {name: config if rule is self.config else rule for name, rule in self._rules()}
        other.factors = {}
        for name in self.adapted:
            other._set(name, factors[name], next(iter(self.factors[name].values())))
        return other

    def copy(self) -> Adapter:
        """An adapter of its own with the same numbers."""
        return self.replace_factors(self.config, self.factors)

    def __repr__(self) -> str:
        share = 100 * self.size / max(self.dense_size, 1)
        return f"Adapter({self.config.kind}, {self.size} of {self.dense_size} parameters, {share:.1f} %)"

    # ---- inside

    def _rules(self) -> list[tuple[str, AdapterConfig]]:
        return list(self.rules.items())

    def _leaves(self) -> Iterator[tuple[str, str, Tensor]]:
        for name, factors in self.factors.items():
            for key, factor in factors.items():
                yield name, key, factor

    def _rate(self, name: str, key: str) -> float:
        return self.rules[name].rates(self.adapted[name]).get(key, 1.0)

    def _set(self, name: str, factors: Factors, like: Tensor) -> None:
        # contiguous: factors of an SVD come column by column, and L-BFGS refuses those;
        # in the order of the names: theta must not depend on who made the factors
        self.factors[name] = {
            key: factors[key].detach().to(like).clone(memory_format=torch.contiguous_format).requires_grad_()
            for key in sorted(factors)
        }

    def _split(self, theta: Tensor) -> list[Tensor]:
        leaves = self.parameters()
        if theta.shape != (self.size,):
            raise ArgumentError(f"theta needs shape ({self.size},), got {tuple(theta.shape)}.")
        pieces = theta.split([f.numel() for f in leaves])
        return [piece.view(f.shape) for piece, f in zip(pieces, leaves, strict=True)]

    def _nested(self, theta: Tensor) -> dict[str, Factors]:
        nested: dict[str, Factors] = {name: {} for name in self.adapted}
        for (name, key, _), value in zip(self._leaves(), self._split(theta), strict=True):
            nested[name][key] = value
        return nested

    def _matching(self, base: Base) -> dict[str, Tensor]:
        parameters = named(base)
        if {name: tuple(p.shape) for name, p in parameters.items()} != self.shapes:
            raise ArgumentError(
                f"base needs the parameters that the adapter was made for, {self.shapes}, got "
                f"{ {name: tuple(p.shape) for name, p in parameters.items()} }."
            )
        return parameters

    def _check_targets(self) -> None:
        if not self.adapted:
            raise ArgumentError(
                "target_modules and modules_to_save need to leave something to train, got "
                f"{list(self.config.target_modules)} and {list(self.config.modules_to_save)}."
            )
        if isinstance(self.config, LowRank):
            adapted = [name for name, rule in self._rules() if rule is self.config]
            if unknown := sorted(set(self.config.rank_pattern) - set(adapted)):
                raise ArgumentError(f"rank_pattern needs names among the targets {adapted}, got {unknown}.")


def _flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([t.reshape(-1) for t in tensors])
