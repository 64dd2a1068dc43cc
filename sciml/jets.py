"""Jets: value, directional first derivatives and second-order channels, pushed through a network in one pass.

A jet is one tensor ``z`` of shape ``(n, C, i)`` with ``C = 1 + D + S``: channel 0 the value, channels ``1..D`` the
derivatives along ``D`` directions ``v_k``, and ``S`` second-order channels, where channel ``s`` holds
``sum_k W[s, k] d2/dv_k2`` for the weights ``W`` of shape ``(S, D)``. For an elementwise map ``y = f(z)`` the chain rule
is the same for every choice of directions and weights:

    y_0 = f(z_0)      y_k = f'(z_0) z_k      y_s = f'(z_0) z_s + f''(z_0) sum_k W[s, k] z_k^2

One row of ones is the forward Laplacian (Li et al. 2023, "Forward Laplacian"); ``W = I`` the Hessian's diagonal; a mixed
derivative is one channel over the directions ``e_i, e_j, e_i + e_j`` with weights ``-1/2, -1/2, 1/2`` (polarisation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sciml.derivatives import AutogradSource, Pairs


@dataclass(frozen=True)
class DerivativePlan:
    """The derivatives that a residual asks for, as directions and second-order weights.

    Build it with ``from_requests``.

    Attributes:
        dim: Number of coordinates ``d``.
        firsts: Coordinates whose first derivative is asked for.
        seconds: Sums of second derivatives asked for (see ``sciml.derivatives``).
    """

    dim: int
    firsts: tuple[int, ...]
    seconds: tuple[Pairs, ...]
    directions: Tensor = field(repr=False, compare=False)  # (D, d)
    weights: Tensor = field(repr=False, compare=False)  # (S, D)
    _channel: dict = field(repr=False, compare=False)

    @classmethod
    def from_requests(
        cls, dim: int, firsts: Iterable[int] = (), seconds: Iterable[Pairs] = ()
    ) -> DerivativePlan:
        """Collect requests into the fewest directions, one second-order channel for each distinct sum."""
        firsts, seconds = tuple(sorted(set(firsts))), tuple(sorted(set(seconds)))
        axes: dict[tuple[int, ...], int] = {}  # direction (sum of unit vectors) -> row

        def row(*key: int) -> int:
            return axes.setdefault(key, len(axes))

        for i in firsts:
            row(i)
        entries: list[dict[int, float]] = []
        for pairs in seconds:
            weight: dict[int, float] = {}
            for i, j in pairs:
                parts = [(row(i), 1.0)] if i == j else [(row(i), -0.5), (row(j), -0.5), (row(i, j), 0.5)]
                for k, w in parts:
                    weight[k] = weight.get(k, 0.0) + w
            entries.append(weight)
        directions = torch.zeros(len(axes), dim, dtype=torch.float64)
        for key, k in axes.items():
            directions[k, list(key)] = 1.0
        weights = torch.zeros(len(seconds), len(axes), dtype=torch.float64)
        for s, weight in enumerate(entries):
            for k, w in weight.items():
                weights[s, k] = w
        channel: dict = {("first", key[0]): 1 + k for key, k in axes.items() if len(key) == 1}
        channel.update({("second", pairs): 1 + len(axes) + s for s, pairs in enumerate(seconds)})
        return cls(dim, firsts, seconds, directions, weights, channel)

    @property
    def channels(self) -> int:
        """``C = 1 + D + S``."""
        return 1 + self.weights.shape[0] + self.weights.shape[1]

    def seed(self, x: Tensor) -> Tensor:
        """The jet of the identity at points ``x (n, d)``: ``(n, C, d)``."""
        n = x.shape[0]
        rows = self.directions.to(x).expand(n, -1, -1)
        return torch.cat([x[:, None], rows, x.new_zeros(n, self.weights.shape[0], self.dim)], dim=1)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """The jet of a pointwise product by Leibniz' rule; ``a`` and ``b`` have shape ``(n, C, m)``."""
        D = self.weights.shape[1]
        a0, b0 = a[:, :1], b[:, :1]
        cross = 2.0 * torch.einsum("sk,nkm->nsm", self.weights.to(a), a[:, 1 : 1 + D] * b[:, 1 : 1 + D])
        rest = a[:, 1:] * b0 + a0 * b[:, 1:]
        return torch.cat([a0 * b0, rest[:, :D], rest[:, D:] + cross], dim=1)

    @torch.enable_grad()
    def jet_of(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """The jet of a plain function ``(n, d) -> (n, m)`` at ``x``, by nested reverse-mode autograd.

        Meant for functions without trained parameters (boundary values, distances), once a set of points; the result
        carries no graph.
        """
        source = AutogradSource(function, x.detach())
        value = source.value
        along = []
        for direction in self.directions.tolist():
            parts = [w * source.first(i) for i, w in enumerate(direction) if w != 0]
            along.append(torch.stack(parts).sum(0))
        sums = [source.second(pairs) for pairs in self.seconds]
        return torch.stack([value, *along, *sums], dim=1).detach()

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
        return self._jet[:, self._lookup(("first", i))]

    def second(self, pairs: Pairs) -> Tensor:
        return self._jet[:, self._lookup(("second", pairs))]

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        raise KeyError(f"a jet holds derivatives up to order 2; asked for {axes}")

    def _lookup(self, key: tuple) -> int:
        # a residual whose derivatives depend on the data (an ``if`` on values) can ask for what was not recorded
        return self._plan._channel[key]


def elementwise(z: Tensor, weights: Tensor, f0: Tensor, f1: Tensor, f2: Tensor | None) -> Tensor:
    """The jet of ``y = f(z)`` from ``f, f', f''`` at the value channel.

    Args:
        z: Jet, ``(n, C, i)``.
        weights: ``(S, D)``, dtype and device of ``z``.
        f0, f1, f2: ``(n, i)``; ``f2`` may be None where ``S = 0``.
    """
    S, D = weights.shape
    if D == 0:
        return f0[:, None]
    slopes = z[:, 1:] * f1[:, None]
    if S == 0:
        return torch.cat([f0[:, None], slopes], dim=1)
    assert f2 is not None
    squares = z[:, 1 : 1 + D].square()
    n, _, i = squares.shape
    if S == 1:
        quadratic = torch.matmul(weights, squares.reshape(n, D, i))  # (n, 1, i)
    else:
        quadratic = torch.matmul(weights, squares)  # (n, S, i)
    return torch.cat([f0[:, None], slopes[:, :D], slopes[:, D:] + f2[:, None] * quadratic], dim=1)
