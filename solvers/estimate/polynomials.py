"""The space in which the error of a window of ordinary differential equations is looked for: polynomials of time.

Within a window the solution is smooth, so a few dozen polynomials hold its error to rounding, where random functions are one
another's sums.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.polynomial import chebyshev
from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.jets import elementwise, order_of
from sciml.kernels.orders import Weights

COUNT = 48


class TimePolynomials(nn.Module):
    """Chebyshev polynomials of a network's one input, ``(n, 1) -> (n, K)``, with jets of any order.

    Args:
        trial: Whose input it is; it runs from -1 to 1.
        count: How many, ``K``: degrees 0 to ``K - 1``.
    """

    def __init__(self, trial: Trial, count: int = COUNT):
        super().__init__()
        self.inputs, self.count = trial.inputs_at, count
        slopes = np.zeros((count, count))
        for j in range(1, count):
            slopes[:j, j] = chebyshev.chebder(np.eye(count)[j])[:j]
        self.slopes = torch.from_numpy(slopes)  # column j: coefficients of the derivative of the j-th

    def derivatives(self, z: Tensor, order: int) -> list[Tensor]:
        """Derivatives of the orders 0 to ``order`` at ``z (n,)``, each ``(n, K)``."""
        powers = [torch.ones_like(z), z]
        for _ in range(2, self.count):
            powers.append(2 * z * powers[-1] - powers[-2])
        found, slopes = [torch.stack(powers[: self.count], 1)], self.slopes.to(z)
        coefficients = torch.eye(self.count).to(z)
        for _ in range(order):
            coefficients = slopes @ coefficients
            found.append(found[0] @ coefficients)
        return found

    def jets(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, K)`` at the input's jets ``z (n, C, 1)``."""
        # second derivatives are asked for in any case by jets of second order
        f = self.derivatives(z[:, 0, 0], max(2, order_of(weights)))
        return elementwise(z.expand(-1, -1, self.count), weights, *f)

    def contracted(self, z: Tensor, weights: Weights, cotangents: Sequence[Tensor]) -> list[Tensor]:
        """``(n, K)`` for each of the cotangents ``(n, C)``: the jets' channels, weighted and summed."""
        phi = self.jets(z, weights)
        return [(g[:, None] @ phi)[:, 0] for g in cotangents]

    def values(self, x: Tensor) -> Tensor:
        """``(n, K)`` at points ``x (n, d)``."""
        return self.derivatives(self.inputs(x)[:, 0], 0)[0]
