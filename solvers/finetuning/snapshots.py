"""Solved members as snapshots, with their jets at points kept from one problem to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.adapters import Adapter, Span, SpanAdapter, member_network, member_print
from sciml.ansatz import Trial
from sciml.errors import ArgumentError
from sciml.jets import DerivativePlan
from sciml.linalg import divisor
from sciml.nn import JetNetwork
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.terms.term import Term

PROBES = 16  # points at which the factors of exact conditions are compared
PROBE_SEED = 5077
AGREE = 1e-9  # largest relative difference of two factors that are the same
POOL = 4  # candidates for each point
DRAWN = 0.5  # of the points are drawn towards large gradients
MOST = 40  # snapshots that are taken where nobody names any


@dataclass(frozen=True)
class Sampled:
    """A term at points, as a function of the weights of snapshots.

    Attributes:
        term: The term, at its points.
        offset: Jets of ``A``, ``(n, C, m)``.
        snapshots: Jets of ``B N_k``, ``(n, C, m, K)``.
    """

    term: Term
    offset: Tensor
    snapshots: Tensor

    @property
    def plan(self) -> DerivativePlan:
        """The derivatives that the term asks for."""
        assert self.term.plan is not None
        return self.term.plan


@dataclass(frozen=True)
class _Kept:
    plan: DerivativePlan
    x: Tensor
    factor: Tensor
    snapshots: Tensor


class SnapshotSpace:
    """The base and solved members of its family.

    Args:
        base: A solved problem whose network offers jets.
        members: Name -> adapted answer of this base.

    Attributes:
        base: As given.
        names: Of the members; the base comes before them.
        networks: Of the base and the members, with numbers that are not to be trained.
        prints: Fingerprint of each member.

    Raises:
        ArgumentError: A network without jets, a member that is a span, or one whose exact conditions hold on other places.
    """

    def __init__(self, base: Answer, members: Mapping[str, AdaptedAnswer]):
        if not isinstance(base.network, JetNetwork):
            raise ArgumentError(
                f"adapter 'span' needs a base whose network offers jets, got a {type(base.network).__name__}."
            )
        self.base = base
        self.names: list[str] = []
        self.networks: list[JetNetwork] = [base.network]
        self.prints: list[str] = []
        self.probes = base.problem.sample(PROBES, seed=PROBE_SEED).to(next(base.network.parameters()))
        self._factor = factor_at(base.trial, self.probes)
        self._kept: dict[str, _Kept] = {}
        self._points: tuple[Tensor, Tensor] | None = None
        for name, member in members.items():
            self.add(name, member)

    def add(self, name: str, member: AdaptedAnswer) -> None:
        """Take another member; jets that are kept become those of one more snapshot when they are asked for."""
        if not isinstance(member.adapter, Adapter) or member.base is not self.base:
            raise ArgumentError(
                f"members needs adapters of this base that were trained, got {name!r}: {member.adapter!r}."
            )
        if not same_factor(factor_at(member.trial, self.probes), self._factor):
            raise ArgumentError(
                "members needs solutions whose exact conditions hold on the same places as the base's, got "
                f"{name!r}, whose do not."
            )
        base = self.networks[0]
        self.networks.append(member_network(member.adapter, base))
        self.prints.append(member_print(member.adapter, base))
        self.names.append(name)

    def config(self, r: int | None) -> Span:
        """What describes a span of these."""
        return Span(members=tuple(self.names), r=r)

    def adapter(self, r: int | None, coefficients: Tensor | None = None) -> SpanAdapter:
        """A span of these with the weights ``(n,)``."""
        return SpanAdapter(self.config(r), self.networks, self.prints, coefficients)

    def trial(self, problem: PDE) -> Trial:
        """The base's trial function with the conditions of another problem.

        Raises:
            ArgumentError: Its exact conditions hold on other places.
        """
        trial = self.base.trial.like(problem, self.networks[0])
        if not same_factor(factor_at(trial, self.probes), self._factor):
            raise ArgumentError(
                "problem needs exact conditions on the same places as the base's for a span, got others."
            )
        return trial

    def points(self, problem: PDE, count: int, seed: int) -> Tensor:
        """Points for the equations, ``(n, d)``: half of them evenly, half towards large gradients of the base."""
        like, even = self.probes, count - round(DRAWN * count)
        pool = problem.sample(POOL * count, seed=seed).to(like)
        if self._points is not None and torch.equal(pool, self._points[0]):
            return self._points[1]
        trial, d = self.base.trial, problem.domain.dim
        plan = DerivativePlan.from_requests(d, range(d))
        with torch.no_grad():
            jets = trial.jets(trial.frozen_jets(pool, plan), plan)
        steep = jets[:, 1 : 1 + d].square().sum((1, 2)).sqrt()
        density = (steep / divisor(steep.mean())).double().cpu()[even:]
        if not bool(torch.isfinite(density).all()) or float(density.max()) <= 0.0:
            density = torch.ones_like(density)
        rng = torch.Generator().manual_seed(seed)
        drawn = even + torch.multinomial(density + 1e-3, count - even, generator=rng)
        x = torch.cat([pool[:even], pool[drawn.to(pool.device)]])
        self._points = pool, x
        return x

    @torch.no_grad()
    def sampled(self, term: Term, trial: Trial, x: Tensor) -> Sampled:
        """A recorded term at points ``x``, with the jets of the snapshots there."""
        assert term.plan is not None
        term.place(trial, x)
        assert term.frozen is not None
        seed, offset, factor, _ = term.frozen
        kept = self._kept.get(term.label)
        if kept is None or not (
            kept.plan == term.plan and torch.equal(kept.x, x) and torch.equal(kept.factor, factor)
        ):
            kept = _Kept(term.plan, x, factor, seed.new_zeros(0))
        done = kept.snapshots.shape[3] if kept.snapshots.ndim == 4 else 0
        if done < len(self.networks):
            new = [self._jets(network, trial, term) for network in self.networks[done:]]
            snapshots = torch.stack(new, 3)
            if done:
                snapshots = torch.cat([kept.snapshots, snapshots], 3)
            kept = _Kept(term.plan, x, factor, snapshots)
            self._kept[term.label] = kept
        if not len(offset):
            offset = torch.zeros_like(kept.snapshots[..., 0])
        return Sampled(term, offset, kept.snapshots)

    def _jets(self, network: JetNetwork, trial: Trial, term: Term) -> Tensor:
        """Jets ``(n, C, m)`` of ``B N`` and of what the network has multiples of."""
        assert term.plan is not None and term.frozen is not None
        seed, _, factor, terms = term.frozen
        weights = term.plan.weights.to(seed)
        out = network.jets(seed, weights)
        total = trial.scaled(out) if trial.ansatz.trivial else term.plan.product(factor, out)
        return total if network.terms is None else total + network.terms.jet(terms, weights)


def usable(base: Answer, members: Mapping[str, AdaptedAnswer]) -> dict[str, AdaptedAnswer]:
    """Those of the members that a span of this base can be made of, the last ``MOST`` of them."""
    if not isinstance(base.network, JetNetwork):
        return {}
    x = base.problem.sample(PROBES, seed=PROBE_SEED).to(next(base.network.parameters()))
    factor = factor_at(base.trial, x)
    found = {
        name: member
        for name, member in members.items()
        if isinstance(member.adapter, Adapter)
        and member.base is base
        and same_factor(factor_at(member.trial, x), factor)
    }
    return dict(list(found.items())[-MOST:])


@torch.no_grad()
def factor_at(trial: Trial, x: Tensor) -> Tensor:
    """What the outputs of a network are multiplied by, ``(n, m)``."""
    if trial.ansatz.trivial:
        return trial.scaled(x.new_ones(len(x), trial.problem.outputs))
    return trial.factor(x)


def same_factor(one: Tensor, other: Tensor) -> bool:
    """Whether conditions hold exactly on the same places."""
    slack = AGREE if one.dtype == torch.float64 else 1e-4
    return one.shape == other.shape and float((one - other).norm()) <= slack * float(other.norm())


def chosen(config: Span, members: Mapping[str, AdaptedAnswer], base: Answer) -> dict[str, AdaptedAnswer]:
    """The members that a configuration names, or all that can be used.

    Raises:
        ArgumentError: A name that the host does not have.
    """
    if config.members is None:
        return usable(base, members)
    if missing := [name for name in config.members if name not in members]:
        known: Sequence[str] = list(members)
        raise ArgumentError(
            f"members needs names of adapters of this solution ({', '.join(known) or 'none yet'}), got "
            f"{', '.join(missing)}."
        )
    return {name: members[name] for name in config.members}
