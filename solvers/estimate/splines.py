"""The space in which the error of a spline on uneven knots is looked for: splines on its cells' halves.

Smooth functions of the inputs do not see a layer that the spline resolves, nor its error there.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.kernels.orders import Weights
from sciml.nn import KAN
from sciml.nn.kan import KANLayer
from sciml.solvers.terms.places import cells_of, felt


class SplineFeatures(nn.Module):
    """The B-splines of the coordinate on finer knots than a trial function's: ``(n, i) -> (n, K)``, with jets.

    Args:
        trial: Whose network is a KAN of one layer, on uneven knots.
        most: Functions at most: as many cells are halved as that allows.
    """

    def __init__(self, trial: Trial, most: int):
        super().__init__()
        ends = cells_of(trial)
        assert ends is not None
        network = copy.deepcopy(cast(KAN, trial.network))
        self._own = cast(KANLayer, copy.deepcopy(network).layers[0])
        functions = int(felt(cast(KANLayer, network.layers[0])).sum())
        middles = (ends[:-1] + ends[1:]) / 2
        room = max(1, min(len(middles), most - functions))
        chosen = torch.linspace(0, len(middles) - 1, room).round().long().unique()
        network.insert(0, middles[chosen].tolist(), axis=0)
        layer = cast(KANLayer, network.layers[0])
        inputs, functions, _ = layer.coef.shape
        chosen = felt(layer).nonzero()[:, 0]
        self.count = len(chosen)
        basis = layer.coef.new_zeros(inputs, functions, self.count)
        basis[0, chosen, torch.arange(self.count)] = 1.0
        self.layer = KANLayer(basis, None, layer.knots, layer.degree)
        self.inputs = trial.inputs_at

    def jets(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, K)`` at the inputs' jets ``z (n, C, i)``."""
        with torch.no_grad():
            return self.layer.jet(z, weights)

    def contracted(self, z: Tensor, weights: Weights, cotangents: Sequence[Tensor]) -> list[Tensor]:
        """``(n, K)`` for each of the cotangents ``(n, C)``: the jets' channels, weighted and summed."""
        phi = self.jets(z, weights)
        return [(g[:, None] @ phi)[:, 0] for g in cotangents]

    def values(self, x: Tensor) -> Tensor:
        """``(n, K)`` at points ``x (n, d)``."""
        return self.layer.jet(self.inputs(x)[:, None], x.new_zeros(0, 0))[:, 0]

    @torch.no_grad()
    def coarse(self, x: Tensor) -> Tensor:
        """The trial function's own B-splines at points ``x (n, d)``, ``(n, k)``: each is a sum of the finer ones."""
        layer = self._own
        chosen = felt(layer).nonzero()[:, 0]
        basis = layer.coef.new_zeros(layer.coef.shape[0], layer.coef.shape[1], len(chosen))
        basis[0, chosen, torch.arange(len(chosen))] = 1.0
        own = KANLayer(basis, None, layer.knots, layer.degree)
        return own.jet(self.inputs(x)[:, None], x.new_zeros(0, 0))[:, 0]
