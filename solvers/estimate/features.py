"""Random functions with jets: the space in which the error is looked for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.kernels.orders import Weights
from sciml.nn import JetLayer, JetNetwork
from sciml.nn.activation import ACTIVATIONS, Activation

INPUTS, OUTPUTS, HIDDEN = "inputs", "outputs", "hidden"
SHARES = {INPUTS: 0.5, OUTPUTS: 0.25, HIDDEN: 0.25}  # of the features that look through each
SCALES = {
    INPUTS: (1.0, 3.0, 10.0),
    OUTPUTS: (1.0, 3.0),
    HIDDEN: (1.0, 3.0),
}  # steepness, in units of the spread
SWINGING = 0.5  # of the features are waves, where the residual swings
JITTER = 1.0  # of a wave's vector, so that sums of waves may grow and decay across the domain


class Planes(nn.Module):
    """``f(aᵀ(y - c))`` of what is looked through: the inputs, or what a frozen network makes of them.

    Where a solution is steep its error is, too, and no smooth function of the inputs follows it. A front that stands in
    the wrong place leaves an error that is smooth in place and solution, so features look through the outputs, too, and
    through the last hidden layer.

    Args:
        slopes: ``a``, ``(width, K)``.
        shifts: ``-aᵀc``, ``(K,)``.
        network: What is looked through; None for the inputs alone.
        through: ``"inputs"``, ``"outputs"`` (beside the inputs) or ``"hidden"``.
        activation: Name of ``f``.
    """

    def __init__(
        self,
        slopes: Tensor,
        shifts: Tensor,
        network: JetNetwork | None = None,
        through: str = INPUTS,
        activation: str = "tanh",
    ):
        super().__init__()
        self.slopes, self.shifts = slopes, shifts
        self.network, self.through = network, through
        self.activation = Activation(activation)

    def jets(self, z: Tensor, weights: Weights) -> Tensor:
        """The features' jets ``(n, C, K)`` at the inputs' jets ``z (n, C, i)``."""
        y = looked_through(z, weights, self.network, self.through) @ self.slopes
        y = y + nn.functional.pad(self.shifts[None], (0, 0, 0, y.shape[1] - 1))
        return self.activation.jet(y, weights)

    def contracted(self, z: Tensor, weights: Weights, cotangents: Sequence[Tensor]) -> list[Tensor]:
        """``sum_c g_c phi_c``, ``(n, K)``, for each of some cotangents ``g (n, C)``.

        Up to second order without the jets themselves: the channels hold ``f' y_s + f'' sum_k W[s, k] y_k²``, so that all
        of them together are two sums over directions, whatever their number.
        """
        if not isinstance(weights, Tensor):
            phi = self.jets(z, weights)
            return [(g[:, None] @ phi)[:, 0] for g in cotangents]
        y = looked_through(z, weights, self.network, self.through)
        D = weights.shape[1]
        f0, f1, f2 = ACTIVATIONS[self.activation.name].derivatives(
            torch.addmm(self.shifts, y[:, 0], self.slopes), 2
        )
        bends = [g[:, 1 + D :] @ weights for g in cotangents]  # (n, D)
        used = [k for k in range(D) if any(bool(h[:, k].any()) for h in bends)]
        squares = {k: (y[:, 1 + k] @ self.slopes).square_().mul_(f2) for k in used}
        out = []
        for g, h in zip(cotangents, bends, strict=True):
            total = (g[:, None, 1:] @ y[:, 1:])[:, 0] @ self.slopes
            total.mul_(f1).addcmul_(f0, g[:, :1])
            for k, square in squares.items():
                total.addcmul_(square, h[:, k : k + 1])
            out.append(total)
        return out


class Features(nn.Module):
    """A set of random functions ``(n, i) -> (n, K)`` with jets, for one trial function.

    Args:
        trial: Whose inputs, outputs and hidden layer they look through.
        x: Points of the domain, ``(n, d)``, among which the centres are.
        count: How many, ``K``.
        rng: Of slopes and centres.
        waves: Wave vectors ``(i, w)`` that the residual swings with; a part of the features does, too. None for none.
        plain: Whether all look at the inputs alone, so that they do not depend on the trial function's network.
    """

    def __init__(
        self,
        trial: Trial,
        x: Tensor,
        count: int,
        rng: torch.Generator,
        waves: Tensor | None = None,
        plain: bool = False,
    ):
        super().__init__()
        network = trial.network if isinstance(trial.network, JetNetwork) else None
        deep = not plain and network is not None and len(network.layers) > 1
        shares = SHARES if deep else {INPUTS: 1.0}
        still = count if waves is None else count - round(SWINGING * count)
        self.inputs = trial.inputs_at
        self.parts = [
            _planes(trial, x, round(still * share), through, rng) for through, share in shares.items()
        ]
        if waves is not None:
            self.parts.append(_waves(waves, count - still, rng))
        self.count = sum(part.slopes.shape[1] for part in self.parts)

    def jets(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, K)`` at the inputs' jets ``z (n, C, i)``."""
        return torch.cat([part.jets(z, weights) for part in self.parts], dim=2)

    def contracted(self, z: Tensor, weights: Weights, cotangents: Sequence[Tensor]) -> list[Tensor]:
        """``(n, K)`` for each of the cotangents ``(n, C)``: the jets' channels, weighted and summed."""
        parts = [part.contracted(z, weights, cotangents) for part in self.parts]
        return [torch.cat(found, 1) for found in zip(*parts, strict=True)]

    def values(self, x: Tensor) -> Tensor:
        """``(n, K)`` at points ``x (n, d)``."""
        return self.jets(self.inputs(x)[:, None], x.new_zeros(0, 0))[:, 0]


def looked_through(z: Tensor, weights: Weights, network: JetNetwork | None, through: str) -> Tensor:
    """What a kind of features is a function of, as jets."""
    if through == INPUTS or network is None:
        return z
    if through == OUTPUTS:
        return torch.cat([z, network.jets(z, weights)], dim=2)
    for layer in list(network.layers)[:-1]:
        z = cast("JetLayer", layer).jet(z, weights)
    return z


@torch.no_grad()
def _planes(trial: Trial, x: Tensor, count: int, through: str, rng: torch.Generator) -> Planes:
    network = trial.network if isinstance(trial.network, JetNetwork) else None
    none = x.new_zeros(0, 0)
    y = looked_through(trial.inputs_at(x)[:, None], none, network, through)[:, 0]
    slopes = torch.randn(y.shape[1], count, generator=rng, dtype=torch.float64).to(y)
    slopes = slopes / slopes.norm(dim=0)
    inputs = y.shape[1] - trial.problem.outputs if through == OUTPUTS else y.shape[1]
    if through == OUTPUTS:  # the inputs run from -1 to 1, and so shall the outputs
        spread = y[:, inputs:].std(0).clamp(min=1e-300) * 3**0.5
        slopes[inputs:] = slopes[inputs:] / spread[:, None]
    if through == HIDDEN:
        slopes = slopes / (y @ slopes).std(0).clamp(min=1e-300) / 3**0.5
    steepness = list(itertools.islice(itertools.cycle(SCALES[through]), count))
    slopes = slopes * torch.tensor(steepness).to(y)
    centres = y[torch.randint(len(y), (count,), generator=rng)]
    return Planes(slopes, -(centres * slopes.T).sum(1), network, through)


def _waves(vectors: Tensor, count: int, rng: torch.Generator) -> Planes:
    """Sines with some of the wave vectors ``(i, w)``, each a little off, and phases of their own."""
    chosen = vectors[:, torch.randint(vectors.shape[1], (count,), generator=rng)]
    off = torch.randn(chosen.shape, generator=rng, dtype=torch.float64).to(vectors)
    phases = 2 * torch.pi * torch.rand(count, generator=rng, dtype=torch.float64).to(vectors)
    return Planes(chosen + JITTER * off, phases, activation="sine")
