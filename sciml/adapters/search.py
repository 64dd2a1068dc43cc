"""Which components of a trained adapter to keep under a budget (SubLoRA, Gao & Tan, arXiv 2507.01841).

Every component gets a gate: 1 keeps it, 0 removes it. The loss as a function of the gates is what the
second-order rules of ``sciml.rank`` work on; it equals their loss in the strengths ``sigma`` up to the
scaling ``sigma_i H_ij sigma_j``, and it also makes sense for the modes of a Tucker tensor, where SubLoRA's
diagonal form does not exist. That extension is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sciml import rank
from sciml.adapters.adapter import Adapter
from sciml.adapters.base import Factors
from sciml.adapters.low_rank import LowRank
from sciml.arguments import one_of
from sciml.errors import ArgumentError
from sciml.jacobian.factors import AdaptedProblem
from sciml.rank.greedy import BRUTE_FORCE_LIMIT

CURVATURES = ("hessian", "gauss_newton")


class Gates:
    """The gates of an adapter's components, all parameters end to end: a vector (R,) that starts at one.

    The components are made orthogonal first, so that strengths are singular values.

    Args:
        adapter: Of a low-rank kind.

    Attributes:
        sizes: Components of each mode of each parameter, ``{"name/mode": rank}``.
        parameter_of_mode: For each entry of ``sizes``, the number of its parameter.
        adapter: The adapter with orthogonal components.
    """

    def __init__(self, adapter: Adapter):
        config = adapter.config
        if not isinstance(config, LowRank):
            raise ArgumentError(
                f"adapter needs a low-rank kind with components to choose, got {config.kind!r}."
            )
        self.config = config
        self._names = [name for name, rule in adapter.rules.items() if rule is config]
        factors = {
            name: config.canonical(adapter.adapted[name], detached(f)) if name in self._names else detached(f)
            for name, f in adapter.factors.items()
        }
        self.adapter = adapter.replace_factors(config, factors)
        self.shapes = adapter.shapes
        modes = {name: config.modes(adapter.adapted[name]) for name in self._names}
        self.sizes = {f"{name}/{mode}": r for name in self._names for mode, r in modes[name].items()}
        self.parameter_of_mode = torch.tensor([k for k, own in enumerate(modes.values()) for _ in own])

    @property
    def size(self) -> int:
        """Number R of components over all parameters and modes."""
        return sum(self.sizes.values())

    @property
    def dense_size(self) -> int:
        """P, as the adapter's."""
        return self.adapter.dense_size

    def vector(self) -> Tensor:
        """All gates open."""
        return torch.ones(self.size, dtype=self._like.dtype, device=self._like.device)

    def deltas(self, theta: Tensor) -> dict[str, Tensor]:
        """The differences with the components multiplied by gates ``theta`` (R,)."""
        factors = {name: detached(f) for name, f in self.adapter.factors.items()}
        for name, modes in self._by_parameter(theta).items():
            factors[name] = self.config.gated(self.adapter.adapted[name], factors[name], modes)
        return self.adapter.deltas_of(factors)

    def strengths(self) -> Tensor:
        """Singular values of the components, (R,)."""
        parts = []
        for name in self._names:
            parameter = self.adapter.adapted[name]
            parts += self.config.strengths(parameter, detached(self.adapter.factors[name])).values()
        return torch.cat(parts) if parts else self.vector()

    def prune(self, keep: Tensor) -> Adapter:
        """A smaller adapter with the components of a mask (R,); its ``rank_pattern`` says what was kept."""
        pattern = rank.rank_pattern(keep, self.sizes)
        factors = dict(self.adapter.factors)
        ranks = {}
        for name in self._names:
            parameter = self.adapter.adapted[name]
            kept = {mode: pattern[f"{name}/{mode}"] for mode in self.config.modes(parameter)}
            factors[name] = self.config.keep(parameter, factors[name], kept)
            ranks[name] = self.config.rank_of(kept)
        return self.adapter.replace_factors(self.config.with_ranks(ranks), factors)

    def silence(self, keep: Tensor) -> Adapter:
        """The adapter at full size, the other components at zero but able to come back in training."""
        factors = dict(self.adapter.factors)
        for name, modes in self._by_parameter(keep).items():
            factors[name] = self.config.silence(self.adapter.adapted[name], factors[name], modes)
        return self.adapter.replace_factors(self.config, factors)

    @property
    def _like(self) -> Tensor:
        return self.adapter.parameters()[0]

    def _by_parameter(self, values: Tensor) -> dict[str, Mapping[str, Tensor]]:
        pieces = dict(zip(self.sizes, values.split(list(self.sizes.values())), strict=True))
        return {
            name: {mode: pieces[f"{name}/{mode}"] for mode in self.config.modes(self.adapter.adapted[name])}
            for name in self._names
        }


def choose(
    gates: Gates,
    problem: Any,
    base: Tensor,
    budget: int,
    selector: str = "sublora",
    curvature: str = "hessian",
) -> Tensor:
    """Mask (R,) of the components that a selector keeps.

    Args:
        gates: Of the adapter.
        problem: A problem of the base's flat parameters (P,), over its full set of points.
        base: Those parameters, (P,).
        budget: Most components to keep.
        selector: One of ``sciml.rank.SELECTORS``.
        curvature: ``"hessian"``, by differences of 2 R gradients, or ``"gauss_newton"``, from one Jacobian.
    """
    one_of("curvature", curvature, CURVATURES)
    ones = gates.vector()
    gated = AdaptedProblem(problem, gates, base)
    if curvature == "hessian":
        found = rank.hessian_by_differences(gated.value_and_grad, ones)
    else:
        system = gated.linearize(ones)
        found = rank.gauss_newton(system.residual, system.dense())
    return _select(gates, found, budget, selector)


def check_searchable(adapter: Adapter) -> None:
    """Refuse before any training what a rank search would refuse after it: brute force over too many."""
    config = adapter.config
    if not isinstance(config, LowRank) or config.rank_budget is None or config.rank_search != "brute_force":
        return
    if (size := Gates(adapter).size) > BRUTE_FORCE_LIMIT:
        raise ArgumentError(
            f"rank_search 'brute_force' needs at most {BRUTE_FORCE_LIMIT} components, got {size}."
        )


def search_ranks(adapter: Adapter, problem: Any, base: Tensor, curvature: str = "hessian") -> Adapter:
    """The adapter cut to its ``rank_budget`` by its ``rank_search``; arguments as for ``choose``."""
    gates = Gates(adapter)
    if gates.config.rank_budget is None:
        raise ArgumentError("adapter needs a rank_budget to search ranks for, got None.")
    keep = choose(gates, problem, base, gates.config.rank_budget, gates.config.rank_search, curvature)
    return gates.prune(keep)


def _select(gates: Gates, found: rank.Derivatives, budget: int, selector: str) -> Tensor:
    """A selector's choice in which every parameter keeps something in each of its modes, or nothing at all.

    A Tucker tensor vanishes with any one of its modes, which no second-order model can see. Parameters left
    so are closed for good, the model is expanded about that point, and the budget goes to the others.
    """
    strength, ones = gates.strengths(), gates.vector()
    lengths = torch.tensor(list(gates.sizes.values()), device=ones.device)
    mode = torch.arange(len(lengths), device=ones.device).repeat_interleave(lengths)  # of each component
    owner = gates.parameter_of_mode.to(ones.device)
    room = torch.ones_like(mode, dtype=torch.bool)  # components that may be kept
    while True:
        counts = torch.bincount(mode[room], minlength=len(lengths)).tolist()
        known = rank.Components(
            ones[room],
            dict(zip(gates.sizes, counts, strict=True)),
            found.g[room] - found.H[room][:, ~room].sum(1),
            found.H[room][:, room],
            strength=strength[room],
        )
        keep = torch.zeros_like(room)
        keep[room] = rank.select(selector, known, budget)
        filled = torch.bincount(mode[keep], minlength=len(lengths)) > 0
        broken = [k for k in owner[filled].unique() if not bool(filled[owner == k].all())]
        if not broken:
            return keep
        for k in broken:
            room &= owner[mode] != k


def detached(factors: Mapping[str, Tensor]) -> Factors:
    """The same numbers without a graph."""
    return {key: f.detach() for key, f in factors.items()}
