"""A weighted sum of networks of equal widths: a span of solutions that are already known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.kernels.orders import Weights
from sciml.nn.base import JetLayer, JetNetwork, Record
from sciml.nn.linear import Coefficients


class Snapshots(JetLayer):
    """The outputs of ``n`` networks side by side, ``(n_points, C, n m)``."""

    def __init__(self, networks: Sequence[JetNetwork]):
        super().__init__()
        self.networks = nn.ModuleList(networks)

    @property
    def any_order(self) -> bool:  # type: ignore[override]
        """Whether every network takes jets above second order."""
        return all(network.any_order for network in self.members)

    @property
    def smooth(self) -> int | None:
        """Order of the highest derivative that is continuous in every network; None for all."""
        orders = [network.smooth for network in self.members]
        return min((order for order in orders if order is not None), default=None)

    @property
    def members(self) -> list[JetNetwork]:
        """The networks."""
        return [network for network in self.networks if isinstance(network, JetNetwork)]

    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, i) -> (n, C, n m)``, network by network."""
        return self.taped(z, weights, None)

    def taped(self, z: Tensor, weights: Weights, tape: list[Record] | None) -> Tensor:
        """The same with a record of every layer of every network."""
        return torch.cat([network.jets(z, weights, tape) for network in self.members], 2)


class Combination(JetNetwork):
    """``N(x) = sum_k c_k N_k(x)``: what ``adapters.Span`` makes of solved members.

    Args:
        members: At least one network with jets; all of the same inputs and outputs. They are used as they are.
        coefficients: ``c``, ``(n,)``; ones over ``n`` unless given.
        terms: As in ``MLP``; unless members have such, whose weighted sum it begins with.

    Raises:
        ArgumentError: No member, other widths, or another number of coefficients.
        ArgumentTypeError: A member that offers no jets.
    """

    def __init__(self, members: Sequence[JetNetwork], coefficients: Tensor | None = None, terms: int = 0):
        super().__init__()
        members = list(members)
        if not members:
            raise ArgumentError("members needs at least one network, got none.")
        for member in members:
            if not isinstance(member, JetNetwork):
                raise ArgumentTypeError(
                    f"members needs networks that offer jets, got a {type(member).__name__}."
                )
        ends = {(member.widths[0], member.widths[-1]) for member in members}
        if len(ends) > 1:
            raise ArgumentError(f"members needs networks of one input and output width, got {sorted(ends)}.")
        (n_in, n_out), n = ends.pop(), len(members)
        like = next(members[0].parameters()).detach()
        if coefficients is None:
            coefficients = torch.full((n,), 1.0 / n)
        if coefficients.shape != (n,):
            raise ArgumentError(f"coefficients needs shape ({n},), got {tuple(coefficients.shape)}.")
        self.widths = [n_in, n * n_out, n_out]
        own = coefficients.detach().to(like).clone()
        given = [k for k, member in enumerate(members) if member.terms is not None]
        if given or terms:
            sums = [own[k] * members[k].terms.coefficients.detach().to(like) for k in given]
            self.multiples = Coefficients(torch.stack(sums).sum(0) if given else like.new_zeros(terms))
        self.layers = nn.ModuleList(
            [Snapshots([member.without_terms() for member in members]), Coefficients(own)]
        )

    @property
    def members(self) -> list[JetNetwork]:
        """The networks."""
        first = self.layers[0]
        assert isinstance(first, Snapshots)
        return first.members

    @property
    def coefficients(self) -> Tensor:
        """``c``, ``(n,)``."""
        last = self.layers[1]
        assert isinstance(last, Coefficients)
        return last.coefficients

    def jets(self, z: Tensor, weights: Weights, tape: list[Record] | None = None) -> Tensor:
        """See ``JetNetwork.jets``; the tape has a record for each layer of each member, and one for the sum."""
        first, last = self.layers
        assert isinstance(first, Snapshots) and isinstance(last, Coefficients)
        y = first.taped(z, weights, tape)
        out = last.jet(y, weights)
        if tape is not None:
            tape.append(Record(last, y, out, weights))
        return out

    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the architecture."""
        members = [member.config() for member in self.members]
        return {"kind": "Combination", "members": members, **self._terms_config()}
