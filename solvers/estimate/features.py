"""Random functions with jets: the space in which the error is looked for."""

from __future__ import annotations

import itertools
from typing import cast

import torch
from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.nn import JetLayer, JetNetwork
from sciml.nn.activation import Activation

INPUTS, OUTPUTS, HIDDEN = "inputs", "outputs", "hidden"
SHARES = {INPUTS: 0.5, OUTPUTS: 0.25, HIDDEN: 0.25}  # of the features that look through each
SCALES = {
    INPUTS: (1.0, 3.0, 10.0),
    OUTPUTS: (1.0, 3.0),
    HIDDEN: (1.0, 3.0),
}  # steepness, in units of the spread


class Planes(nn.Module):
    """``tanh(aᵀ(y - c))`` of what is looked through: the inputs, or what a frozen network makes of them.

    Where a solution is steep its error is, too, and no smooth function of the inputs follows it. A front that stands in
    the wrong place leaves an error that is smooth in place and solution, so features look through the outputs, too, and
    through the last hidden layer.

    Args:
        slopes: ``a``, ``(width, K)``.
        centres: ``c``, ``(K, width)``.
        network: What is looked through; None for the inputs alone.
        through: ``"inputs"``, ``"outputs"`` (beside the inputs) or ``"hidden"``.
    """

    def __init__(self, slopes: Tensor, centres: Tensor, network: JetNetwork | None, through: str):
        super().__init__()
        self.slopes, self.shifts = slopes, -(centres * slopes.T).sum(1)
        self.network, self.through = network, through
        self.activation = Activation("tanh")

    def jets(self, z: Tensor, weights: Tensor) -> Tensor:
        """The features' jets ``(n, C, K)`` at the inputs' jets ``z (n, C, i)``."""
        y = looked_through(z, weights, self.network, self.through) @ self.slopes
        y = y + nn.functional.pad(self.shifts[None], (0, 0, 0, y.shape[1] - 1))
        return self.activation.jet(y, weights)


class Features(nn.Module):
    """A set of random functions ``(n, i) -> (n, K)`` with jets, for one trial function.

    Args:
        trial: Whose inputs, outputs and hidden layer they look through.
        x: Points of the domain, ``(n, d)``, among which the centres are.
        count: How many, ``K``.
        rng: Of slopes and centres.
    """

    def __init__(self, trial: Trial, x: Tensor, count: int, rng: torch.Generator):
        super().__init__()
        network = trial.network if isinstance(trial.network, JetNetwork) else None
        shares = SHARES if network is not None and len(network.layers) > 1 else {INPUTS: 1.0}
        self.inputs = trial.inputs_at
        self.parts = [
            _planes(trial, x, round(count * share), through, rng) for through, share in shares.items()
        ]
        self.count = sum(part.slopes.shape[1] for part in self.parts)

    def jets(self, z: Tensor, weights: Tensor) -> Tensor:
        """``(n, C, K)`` at the inputs' jets ``z (n, C, i)``."""
        return torch.cat([part.jets(z, weights) for part in self.parts], dim=2)

    def values(self, x: Tensor) -> Tensor:
        """``(n, K)`` at points ``x (n, d)``."""
        return self.jets(self.inputs(x)[:, None], x.new_zeros(0, 0))[:, 0]


def looked_through(z: Tensor, weights: Tensor, network: JetNetwork | None, through: str) -> Tensor:
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
    centres = y[torch.randint(len(y), (count,), generator=rng)]
    return Planes(slopes * torch.tensor(steepness).to(y), centres, network, through)
