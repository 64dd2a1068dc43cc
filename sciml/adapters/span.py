"""A span: the next solution as a weighted sum of solutions that are known (reduced bases, with networks as snapshots).

``u = A + sum_k c_k (u_k - A_k)``, where ``A`` holds the exact conditions of the new problem and ``A_k`` those of member
``k``. A trial function is ``A_k + B N_k`` with a factor ``B`` that belongs to the places where conditions hold and not to
their values, so that the sum is ``A + B sum_k c_k N_k``: the conditions of the new problem hold exactly, whatever the
weights are. Reduced bases go back to Noor & Peters (1980) and Prud'homme et al. (2002); networks as snapshots, and the
weights of the rows in ``sciml.solvers.finetuning.span``, are our own design.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from sciml.adapters.adapter import Adapter
from sciml.adapters.base import Factors, PlainConfig, names
from sciml.adapters.fingerprint import fingerprint
from sciml.arguments import integer
from sciml.errors import ArgumentError
from sciml.nn import Combination, JetNetwork

MOST_MEMBERS = 1000


@dataclass(frozen=True, kw_only=True)
class Span(PlainConfig):
    """A weighted sum of the base and of other adapters of it; a few numbers are solved for, in milliseconds.

    Args:
        members: Names of adapters of the same base, at most 1000; None for all that were trained. The base is always among
            the snapshots.
        r: How many of the directions in which the snapshots differ are used, at least 1, strongest first; None for all that
            are more than rounding.
    """

    kind: ClassVar[str] = "span"

    members: tuple[str, ...] | None = None
    r: int | None = None

    def __post_init__(self) -> None:
        if self.members is not None:
            found = names(self.members, "members")
            if len(set(found)) < len(found) or len(found) > MOST_MEMBERS:
                raise ArgumentError(
                    f"members needs at most {MOST_MEMBERS} different names, got {list(found)!r:.200}."
                )
            object.__setattr__(self, "members", found)
        if self.r is not None:
            object.__setattr__(self, "r", integer("r", self.r, least=1))


class SpanAdapter:
    """The weights of one span, with the networks that they weigh.

    Args:
        config: With the names of the members, in the order of ``networks`` after the base.
        networks: The base's and the members', of which nothing is trained; shared with other spans.
        prints: Fingerprint of each member's adapter.
        coefficients: ``c``, ``(n,)``; the base alone unless given.

    Attributes:
        config, networks, prints: As given.
        factors: ``{"span": {"coefficients": c}}``, as an adapter of parameters has its factors.
    """

    def __init__(
        self,
        config: Span,
        networks: Sequence[JetNetwork],
        prints: Sequence[str],
        coefficients: Tensor | None = None,
    ):
        if config.members is None or not len(networks) == len(config.members) + 1 == len(prints) + 1:
            raise ArgumentError(
                f"networks needs the base's and one for each of {config.members}, got {len(networks)}."
            )
        self.config, self.networks, self.prints = config, list(networks), list(prints)
        like = next(networks[0].parameters()).detach()
        if coefficients is None:
            coefficients = torch.eye(1, len(networks))[0]
        self.factors: dict[str, Factors] = {"span": {"coefficients": coefficients.detach().to(like).clone()}}

    @property
    def coefficients(self) -> Tensor:
        """``c``, ``(n,)``."""
        return self.factors["span"]["coefficients"]

    @property
    def size(self) -> int:
        """``n``, the numbers that were solved for."""
        return self.coefficients.numel()

    @property
    def dense_size(self) -> int:
        """Numbers of the base."""
        return sum(p.numel() for p in self.networks[0].parameters())

    def vector(self) -> Tensor:
        """A copy of the weights, ``(n,)``."""
        return self.coefficients.clone()

    def network(self, base: nn.Module) -> Combination:
        """The weighted sum; its members are shared, and not to be trained."""
        return Combination(self.networks, self.coefficients)

    def merge(self, base: nn.Module) -> Combination:
        """The weighted sum as a network of its own, of those members that count."""
        counts = [k for k, c in enumerate(self.coefficients.tolist()) if c != 0.0] or [0]
        own = [copy.deepcopy(self.networks[k]).requires_grad_(True) for k in counts]
        return Combination(own, self.coefficients[counts])

    def deltas(self) -> dict[str, Tensor]:
        """A span is no difference of parameters.

        Raises:
            ArgumentError: Always.
        """
        raise ArgumentError("adapter needs a difference of parameters for this, got a span of solutions.")

    def __repr__(self) -> str:
        return f"SpanAdapter({self.size} coefficients of {', '.join(('base', *(self.config.members or ())))})"


def member_network(adapter: Adapter, base: JetNetwork) -> JetNetwork:
    """The network of a solved member, as a snapshot: its numbers are not to be trained."""
    merged = adapter.merge(base)
    assert isinstance(merged, JetNetwork)
    return merged.requires_grad_(False)


def member_print(adapter: Adapter, base: JetNetwork) -> str:
    """What a span's file remembers of a member: SHA-256 in hex over its base, its configuration and its factors."""
    digest = hashlib.sha256(fingerprint(base).encode())
    digest.update(json.dumps(adapter.config.to_dict(), sort_keys=True).encode())
    for name, factors in adapter.factors.items():
        for key, factor in factors.items():
            digest.update(f"{name}:{key} {tuple(factor.shape)} {factor.dtype};".encode())
            digest.update(factor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
