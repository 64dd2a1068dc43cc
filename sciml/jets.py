"""Jets: a value with directional derivatives and weighted sums of them, pushed through a network in one pass.

A jet is one tensor ``z`` of shape ``(n, C, i)``. Up to second order ``C = 1 + D + S``: channel 0 the value, channels
``1..D`` the derivatives along ``D`` directions ``v_k``, and ``S`` second-order channels, where channel ``s`` holds
``sum_k W[s, k] d2/dv_k2`` for the weights ``W`` of shape ``(S, D)``. For an elementwise map ``y = f(z)`` the chain rule
is the same for every choice of directions and weights:

    y_0 = f(z_0)      y_k = f'(z_0) z_k      y_s = f'(z_0) z_s + f''(z_0) sum_k W[s, k] z_k^2

One row of ones is the forward Laplacian (Li et al. 2023, "Forward Laplacian"); ``W = I`` the Hessian's diagonal; a mixed
derivative is one channel over the directions ``e_i, e_j, e_i + e_j`` with weights ``-1/2, -1/2, 1/2`` (polarisation).
Above second order the weights are a ``ChannelWeights`` (``sciml.kernels.orders``): the same structure, order upon order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sciml.derivatives import AutogradSource, Pairs, Sum
from sciml.directions import Directions, Vector, channels, in_order, power
from sciml.errors import ArgumentError
from sciml.jacobian.along import Along
from sciml.kernels.compose import compose, multiply
from sciml.kernels.orders import ChannelWeights, Weights

Answer = list[tuple[int, float]]  # channels with the weights that they have in it


@dataclass(frozen=True)
class DerivativePlan:
    """The derivatives that a residual asks for, as directions and weights of sums.

    Build it with ``from_requests``.

    Attributes:
        dim: Number of coordinates ``d``.
        firsts: Coordinates whose first derivative is asked for.
        seconds: Sums of second derivatives asked for (see ``sciml.derivatives``).
        highers: Sums of derivatives of order 3 and higher asked for.
        directions: ``(D, d)``.
        weights: ``(S, D)``, or a ``ChannelWeights`` where an order is above 2.
    """

    dim: int
    firsts: tuple[int, ...]
    seconds: tuple[Pairs, ...]
    highers: tuple[Sum, ...]
    directions: Tensor = field(repr=False, compare=False)
    weights: Weights = field(repr=False, compare=False)
    _answers: dict[Sum, Answer] = field(repr=False, compare=False)

    @classmethod
    def from_requests(
        cls, dim: int, firsts: Iterable[int] = (), seconds: Iterable[Pairs] = (), highers: Iterable[Sum] = ()
    ) -> DerivativePlan:
        """Collect requests into few directions, with a channel for each distinct sum that no others give.

        Args:
            dim: Number of coordinates ``d``.
            firsts: Coordinates, from 0.
            seconds: Sums of second derivatives.
            highers: Sums of derivatives of one order each, 3 or higher.
        """
        firsts, seconds = tuple(sorted(set(firsts))), tuple(sorted(set(seconds)))
        highers = tuple(in_order(highers))
        chosen = Directions(dim)
        sums: dict[Sum, dict[int, float]] = {terms: chosen.take(terms) for terms in highers}
        for i in firsts:
            if chosen.free(((i,),)) is None:
                chosen.add(chosen.unit(i), 1)
        for pairs in seconds:
            sums[pairs] = chosen.free(pairs) or chosen.second(pairs)
        return cls(dim, firsts, seconds, highers, *_laid_out(chosen, sums))

    @property
    def channels(self) -> int:
        """``C``."""
        weights = self.weights
        return weights.channels if isinstance(weights, ChannelWeights) else 1 + sum(weights.shape)

    @property
    def order(self) -> int:
        """The highest derivative asked for."""
        return max(
            (len(terms[0]) for terms in (*self.highers, *self.seconds)), default=min(1, len(self.firsts))
        )

    def seed(self, x: Tensor) -> Tensor:
        """The jet of the identity at points ``x (n, d)``: ``(n, C, d)``."""
        n = x.shape[0]
        rows = self.directions.to(x).expand(n, -1, -1)
        rest = self.channels - 1 - rows.shape[1]
        return torch.cat([x[:, None], rows, x.new_zeros(n, rest, self.dim)], dim=1)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """The jet of a pointwise product by Leibniz' rule; ``a`` and ``b`` have shape ``(n, C, m)``."""
        if isinstance(self.weights, ChannelWeights):
            return multiply(a, b, self.weights.to(a))
        D = self.weights.shape[1]
        a0, b0 = a[:, :1], b[:, :1]
        cross = 2.0 * torch.einsum("sk,nkm->nsm", self.weights.to(a), a[:, 1 : 1 + D] * b[:, 1 : 1 + D])
        rest = a[:, 1:] * b0 + a0 * b[:, 1:]
        return torch.cat([a0 * b0, rest[:, :D], rest[:, D:] + cross], dim=1)

    def pushed(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """As ``jet_of``, by forward mode: for functions with many outputs that are made of the operations of ``Along``.

        Above second order it is ``jet_of``.
        """
        if isinstance(self.weights, ChannelWeights):
            return self.jet_of(function, x)
        # all directions in one pass: a pass costs the same for few points as for many, by what each operation sets up
        x, n, D = x.detach(), len(x), len(self.directions)
        if D == 0:
            return function(x)[:, None].detach()
        points, along = x.repeat(D, 1), self.directions.to(x).repeat_interleave(n, 0)

        moved = function(Along.line(points, along))  # type: ignore[arg-type]
        assert isinstance(moved, Along)
        value, first, second = moved.v, moved.d.unflatten(0, (D, n)), moved.dd.unflatten(0, (D, n))
        sums = [torch.einsum("sk,knm->snm", self.weights.to(x), second)] if len(self.weights) else []
        return torch.cat([value[None, :n], first, *sums]).movedim(0, 1).detach()

    @torch.enable_grad()
    def jet_of(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """The jet of a plain function ``(n, d) -> (n, m)`` at ``x``, by nested reverse-mode autograd.

        Meant for functions without trained parameters (boundary values, distances), once a set of points; the result
        carries no graph.
        """
        source = AutogradSource(function, x.detach())
        directions = self.directions.tolist()

        def along(direction: Vector, order: int) -> Tensor:
            parts = []
            for exponents, w in power(tuple(direction), order).items():
                axes = tuple(i for i, a in enumerate(exponents) for _ in range(a))
                parts.append(w * source.higher(axes))
            return torch.stack(parts).sum(0)

        if not isinstance(self.weights, ChannelWeights):
            sums = [source.second(pairs) for pairs in self.seconds]
            return torch.stack([source.value, *(along(v, 1) for v in directions), *sums], dim=1).detach()
        out = [source.value, *(along(v, 1) for v in directions)]
        weights = self.weights.to(x)
        for q, directed in enumerate(weights.kept[:-1], 2):
            rows = [along(v, q) for v in directions[:directed]]
            out += weights.combine(q, torch.stack(rows, 1)).unbind(1)
        return torch.stack(out, dim=1).detach()

    def source(self, jet: Tensor) -> JetSource:
        """Answers for a Field from an output jet ``(n, C, m)``."""
        return JetSource(self, jet)


class JetSource:
    """Looks a jet's channels up for a ``sciml.field.Field``."""

    def __init__(self, plan: DerivativePlan, jet: Tensor):
        self._plan = plan
        self._jet = jet

    @property
    def value(self) -> Tensor:
        return self._jet[:, 0]

    def first(self, i: int) -> Tensor:
        return self.total(((i,),))

    def second(self, pairs: Pairs) -> Tensor:
        return self.total(pairs)

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        return self.total((axes,)) if axes else self.value

    def total(self, terms: Sum) -> Tensor:
        # a residual whose derivatives depend on the data (an ``if`` on values) can ask for what was not recorded
        (channel, weight), *more = self._plan._answers[terms]
        answer = self._jet[:, channel] if weight == 1.0 else weight * self._jet[:, channel]
        for channel, weight in more:
            answer = answer + weight * self._jet[:, channel]
        return answer


def _laid_out(
    chosen: Directions, sums: dict[Sum, dict[int, float]]
) -> tuple[Tensor, Weights, dict[Sum, Answer]]:
    """Directions ``(D, d)``, weights, and where each derivative is found: channels with their weights."""
    own = [channels(order) for order in chosen.order]
    order = sorted(range(len(own)), key=lambda k: -own[k])
    rank = {k: r for r, k in enumerate(order)}
    highest = max([2, *(len(terms[0]) for terms in sums)])
    kept = [sum(p >= q for p in own) for q in range(1, highest + 1)]
    answers: dict[Sum, Answer] = {}
    by_order, first = [], 1
    starts = []  # of the channels of order 1, 2, ...
    for q in range(1, highest + 1):
        starts.append(first)
        first += kept[q - 1]
        rows = []
        for terms, weights in sums.items():
            if len(terms[0]) != q:
                continue
            if max(rank[k] for k in weights) < kept[q - 1]:
                answers[terms] = [(starts[q - 1] + rank[k], w) for k, w in weights.items()]
                continue
            answers[terms] = [(first + len(rows), 1.0)]
            rows.append([weights.get(k, 0.0) for k in order[: kept[q - 2]]])
        first += len(rows)
        if q > 1:
            by_order.append(torch.tensor(rows, dtype=torch.float64).reshape(len(rows), kept[q - 2]))
    for i in range(chosen.dim):
        found = chosen.free(((i,),))
        if found is not None:
            answers[((i,),)] = [(1 + rank[k], w) for k, w in found.items()]
    directions = torch.tensor([chosen.rows[k] for k in order], dtype=torch.float64).reshape(-1, chosen.dim)
    return directions, by_order[0] if highest == 2 else ChannelWeights(tuple(by_order)), answers


def order_of(weights: Weights) -> int:
    """The highest derivative of an elementwise map that ``elementwise`` takes."""
    return weights.order if isinstance(weights, ChannelWeights) else 2


def elementwise(z: Tensor, weights: Weights, *f: Tensor) -> Tensor:
    """The jet of ``y = f(z)`` from ``f, f', f'', ...`` at the value channel.

    Args:
        z: Jet, ``(n, C, i)``.
        weights: ``(S, D)`` or a ``ChannelWeights``, dtype and device of ``z``.
        f: Derivatives from order 0 to ``order_of(weights)`` at least, each ``(n, i)``.

    Raises:
        ArgumentError: There are fewer.
    """
    if len(f) <= order_of(weights):
        raise ArgumentError(f"f needs derivatives up to order {order_of(weights)}, got up to {len(f) - 1}.")
    if isinstance(weights, ChannelWeights):
        return compose(z, weights, f)
    f0, f1, f2, *_ = f
    S, D = weights.shape
    if D == 0:
        return f0[:, None]
    slopes = z[:, 1:] * f1[:, None]
    if S == 0:
        return torch.cat([f0[:, None], slopes], dim=1)
    squares = z[:, 1 : 1 + D].square()
    n, _, i = squares.shape
    if S == 1:
        quadratic = torch.matmul(weights, squares.reshape(n, D, i))  # (n, 1, i)
    else:
        quadratic = torch.matmul(weights, squares)  # (n, S, i)
    return torch.cat([f0[:, None], slopes[:, :D], slopes[:, D:] + f2[:, None] * quadratic], dim=1)
