"""A KAN layer of any family of functions, on jets of any order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sciml.jets import order_of
from sciml.kernels.compose import compose
from sciml.kernels.orders import ChannelWeights, Weights
from sciml.kernels.reference import silu_derivatives
from sciml.nn.base import JetLayer
from sciml.nn.bases.families import Family

Slot = tuple[int, int]  # an input, and the family of functions that it passes through


class BasisLayer(JetLayer):
    """``y_o = sum_i base[i, o] silu(x_i) + sum_s sum_k coef[s, k, o] f_k(x_s)``, ``f`` the family of slot ``s``.

    A slot is an input together with a family. In a ``KAN`` every input has one slot, all of one family; in a ``SKAN`` an
    input may have several, or none. The layer is linear in its parameters, so its Jacobian is made of the jets of the
    functions.

    Args:
        coef: ``(slots, m, n_out)``.
        base: Weights of ``silu``, ``(n_in, n_out)``, or None.
        families: All of size ``m``.
        slots: In the order of their families; None for one an input, all of the first family.
        domain: Interval that is mapped to the ``[-1, 1]`` of the families.
    """

    by_output = True
    shared_functions = True
    any_order = True
    inputs: Tensor

    def __init__(
        self,
        coef: Tensor,
        base: Tensor | None,
        families: Sequence[Family],
        slots: Sequence[Slot] | None = None,
        domain: tuple[float, float] = (-1.0, 1.0),
    ):
        super().__init__()
        self.coef = nn.Parameter(coef)
        self.base = nn.Parameter(base) if base is not None else None
        self.families = list(families)
        self.slots = [(i, 0) for i in range(coef.shape[0])] if slots is None else list(slots)
        self.domain = domain
        inputs = torch.tensor([i for i, _ in self.slots], dtype=torch.long)
        self.register_buffer("inputs", inputs, persistent=False)  # told by the configuration

    @property
    def smooth(self) -> int | None:
        """Of the least smooth family in use."""
        orders = [self.families[f].smooth for f in {f for _, f in self.slots}]
        return min((order for order in orders if order is not None), default=None)

    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, n_in) -> (n, C, n_out)``."""
        return self.functions(z, weights) @ self._stacked(self.coef, self.base)

    def jacobian(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """Rows ``(n, P)``: coefficients flattened, then the base's weights."""
        return torch.bmm(self.functions(z, weights).transpose(1, 2), cotangent).flatten(1)

    def tangent(self, z: Tensor, direction: Tensor, weights: Weights) -> Tensor:
        """The same map with ``direction`` in the place of the parameters."""
        return self.functions(z, weights) @ direction.view(-1, self.coef.shape[2])

    def cotangent(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """One matrix product instead of n outer ones."""
        functions = self.functions(z, weights)
        return (functions.flatten(0, 1).T @ cotangent.flatten(0, 1)).flatten()

    def functions(self, z: Tensor, weights: Weights) -> Tensor:
        """The jets ``(n, C, F)`` of all functions: those of each slot in turn, then ``silu`` of each input.

        ``F = slots m + n_in``, without ``n_in`` where there is no base.
        """
        order = min(1, z.shape[1] - 1) if not isinstance(weights, ChannelWeights) and not len(weights) else 0
        order = order or (order_of(weights) if z.shape[1] > 1 else 0)
        low, high = self.domain
        scale = 2.0 / (high - low)
        seen = z[:, :, self.inputs] if self._several else z
        u = (seen[:, 0] - low) * scale - 1.0
        parts, start = [], 0
        for f, family in enumerate(self.families):
            count = sum(1 for _, own in self.slots if own == f)
            if count:
                own = slice(start, start + count)
                found = family.derivatives(u[:, own], order)
                found = [v * scale**r for r, v in enumerate(found)] if scale != 1.0 else found
                parts.append(_jets(seen[:, :, own], weights, found).flatten(2))
                start += count
        if self.base is not None:
            silu = [v.unsqueeze(-1) for v in silu_derivatives(z[:, 0], order)]
            parts.append(_jets(z, weights, silu).flatten(2))
        return parts[0] if len(parts) == 1 else torch.cat(parts, 2)

    def edges(self, z: Tensor) -> Tensor:
        """Values of the function on every edge at ``z (n, n_in)``: ``(n, n_in, n_out)``."""
        m, n_in = self.coef.shape[1], z.shape[1]
        functions = self.functions(z[:, None], z.new_zeros(0, 0))[:, 0]
        size = len(self.slots) * m
        of_slots = torch.einsum("nsk,sko->nso", functions[:, :size].unflatten(1, (-1, m)), self.coef)
        edges = z.new_zeros(len(z), n_in, self.coef.shape[2]).index_add(1, self.inputs, of_slots)
        return edges if self.base is None else edges + functions[:, size:, None] * self.base

    def one(self) -> Tensor:
        """Coefficients ``(slots, m)`` with which a slot's function is 1."""
        return torch.stack([self.families[f].one() for _, f in self.slots]).to(self.coef)

    @property
    def _several(self) -> bool:
        return [i for i, _ in self.slots] != list(range(len(self.slots)))

    def _stacked(self, coef: Tensor, base: Tensor | None) -> Tensor:
        flat = coef.flatten(0, 1)
        return flat if base is None else torch.cat([flat, base])

    def extra_repr(self) -> str:
        """Sizes and families."""
        slots, m, n_out = self.coef.shape
        names = ", ".join(sorted({self.families[f].name for _, f in self.slots}))
        return f"{slots} -> {n_out}, {names}, size={m}, base={self.base is not None}"


def _jets(z: Tensor, weights: Weights, f: Sequence[Tensor]) -> Tensor:
    """Jets ``(n, C, s, m)`` of functions of the inputs ``z (n, C, s)``, from their derivatives ``(n, s, m)``."""
    z = z.unsqueeze(-1)
    if z.shape[1] == 1:
        return f[0][:, None]
    if isinstance(weights, ChannelWeights):
        return compose(z, weights.to(z), f)
    S, D = weights.shape
    slopes = z[:, 1:] * f[1][:, None]
    if S == 0:
        return torch.cat([f[0][:, None], slopes], 1)
    squares = torch.einsum("sk,nkim->nsim", weights.to(z), z[:, 1 : 1 + D].square())
    return torch.cat([f[0][:, None], slopes[:, :D], slopes[:, D:] + f[2][:, None] * squares], 1)
