"""Families of functions on ``[-1, 1]`` and beyond, with derivatives of every order.

Each has ``m`` functions of one variable ``u``; the first of them is 1, except among B-splines, which add up to it.

* ``"chebyshev"``: ``T_k(tanh u)``, ``k < m``. Polynomials of ``u`` explode outside ``[-1, 1]``, where hidden values lie.
* ``"fourier"``: ``1, sin(pi u / 2), cos(pi u / 2), sin(pi u), ...``, of period 4: ``[-1, 1]`` is not forced periodic.
* ``"rbf"``: 1 and Gaussians ``exp(-((u - c) / h)^2)`` on even centres, 1.2 spacings wide (wider ones are ill-conditioned).
* ``"wavelet"``: 1 and Mexican hats ``(1 - 2 q^2) exp(-q^2)``, ``q = (u - c) / h``, on 1, 2, 4, ... even cells.
* ``"bspline"``: of one degree on even cells of ``[-1, 1]``, zero ``degree`` cells outside it.

Reference: Boyd (2001), Chebyshev and Fourier Spectral Methods; the derivatives of ``T_k(tanh u)`` follow from
``(1 - t^2) T_k' = k (T_(k-1) - T_(k+1)) / 2``.
"""

from __future__ import annotations

import abc
import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from sciml.arguments import integer, one_of
from sciml.errors import ArgumentError
from sciml.kernels.bspline import bspline_basis, uniform_knots

WIDTH = 1.2  # of Gaussians, in spacings of their centres
FAR = 28.0  # exp(-FAR^2) is 0


class Family(abc.ABC):
    """``m`` functions of one variable.

    Attributes:
        name: Its key in ``FAMILIES``.
        nested: Whether the functions of a smaller size are the first ones of a larger size.
        size: ``m``.
    """

    name: ClassVar[str]
    nested: ClassVar[bool] = False

    def __init__(self, size: int):
        self.size = integer("size", size, least=2)

    @property
    def smooth(self) -> int | None:
        """Order of the highest continuous derivative; None for all."""
        return None

    @abc.abstractmethod
    def derivatives(self, u: Tensor, order: int) -> list[Tensor]:
        """The functions and their derivatives up to ``order >= 0`` at ``u (...)``: each ``(..., m)``."""

    def one(self) -> Tensor:
        """Coefficients ``(m,)`` of the function 1."""
        return torch.eye(self.size, dtype=torch.float64)[0]


class Chebyshev(Family):
    """See the module."""

    name, nested = "chebyshev", True

    def derivatives(self, u: Tensor, order: int) -> list[Tensor]:
        t = torch.tanh(u)
        polynomials = [torch.ones_like(t), t]
        for _ in range(2, self.size + order):
            polynomials.append(2 * t * polynomials[-1] - polynomials[-2])
        table = torch.stack(polynomials[: self.size + order], -1)
        step = _chebyshev_slopes(self.size + order).to(table)
        found = [table[..., : self.size]]
        rows = torch.eye(self.size, self.size + order, dtype=table.dtype, device=table.device)
        for _ in range(order):
            rows = rows @ step
            found.append(table @ rows.T)
        return found


def _chebyshev_slopes(size: int) -> Tensor:
    """Row k: ``d/du T_k(tanh u)`` by ``T_0, ..., T_(size-1)``; the last row is cut off and never used."""
    k = torch.arange(size, dtype=torch.float64)
    return torch.diag(k[1:] / 2, -1) - torch.diag(k[:-1] / 2, 1)


class Fourier(Family):
    """See the module."""

    name, nested = "fourier", True

    def derivatives(self, u: Tensor, order: int) -> list[Tensor]:
        count = self.size // 2
        frequencies = torch.arange(1, count + 1, dtype=u.dtype, device=u.device) * (math.pi / 2)
        phase = u.unsqueeze(-1) * frequencies
        s, c = torch.sin(phase), torch.cos(phase)
        cycle = [(s, c), (c, -s), (-s, -c), (-c, s)]
        found = []
        for r in range(order + 1):
            sine, cosine = cycle[r % 4]
            power = frequencies**r
            pairs = torch.stack([power * sine, power * cosine], -1).flatten(-2)
            found.append(torch.cat([_constant(u, r), pairs], -1)[..., : self.size])
        return found


class Gaussians(Family):
    """See the module."""

    name = "rbf"

    def __init__(self, size: int):
        super().__init__(size)
        count = self.size - 1
        self.centres = torch.linspace(-1, 1, count, dtype=torch.float64) if count > 1 else torch.zeros(1)
        self.width = WIDTH * (2.0 / (count - 1) if count > 1 else 1.0)

    def derivatives(self, u: Tensor, order: int) -> list[Tensor]:
        q = (u.unsqueeze(-1) - self.centres.to(u)) / self.width
        values = gaussian_derivatives(q, order)
        return [torch.cat([_constant(u, r), v / self.width**r], -1) for r, v in enumerate(values)]


class Wavelets(Family):
    """See the module. The last level takes what is left of the size, so that no level occurs twice."""

    name = "wavelet"

    def __init__(self, size: int):
        super().__init__(size)
        centres, widths = [], []
        for cells in _levels(self.size - 1):
            centres += [(2 * k + 1) / cells - 1 for k in range(cells)]
            widths += [2.0 / cells] * cells
        self.centres, self.widths = (torch.tensor(v, dtype=torch.float64) for v in (centres, widths))

    def derivatives(self, u: Tensor, order: int) -> list[Tensor]:
        widths = self.widths.to(u)
        q = (u.unsqueeze(-1) - self.centres.to(u)) / widths
        values = gaussian_derivatives(q, order + 2)[2:]  # the hat is -1/2 of the second derivative
        return [torch.cat([_constant(u, r), -0.5 * v / widths**r], -1) for r, v in enumerate(values)]


def _levels(count: int) -> list[int]:
    """Cells of each level: 1, 2, 4, ..., the last one as many as are left, all different."""
    levels, cells = [], 1
    while count > 0:
        last = count - cells <= cells
        levels.append(count if last else cells)
        count, cells = 0 if last else count - cells, 2 * cells
    return levels


def gaussian_derivatives(q: Tensor, order: int) -> list[Tensor]:
    """``exp(-q^2)`` and its derivatives up to ``order``, ``(-1)^r H_r(q) exp(-q^2)``, each of the shape of ``q``."""
    q = q.clamp(-FAR, FAR)  # beyond it all of them are 0, where the polynomial could be infinite
    bell = torch.exp(-q * q)
    hermite = [torch.ones_like(q), 2 * q]
    for r in range(1, order):
        hermite.append(2 * q * hermite[r] - 2 * r * hermite[r - 1])
    return [(-1) ** r * hermite[r] * bell for r in range(order + 1)]


class BSplines(Family):
    """See the module.

    Args:
        size: More than ``degree``.
        degree: At least 1.
    """

    name = "bspline"

    def __init__(self, size: int, degree: int):
        super().__init__(size)
        self.degree = integer("degree", degree, 1, 7)
        if self.size <= self.degree:
            raise ArgumentError(
                f"size needs more than degree={self.degree} functions for B-splines, got {size}."
            )
        self.knots = uniform_knots(-1.0, 1.0, self.size - self.degree, self.degree)

    @property
    def smooth(self) -> int:
        """``degree - 1``."""
        return self.degree - 1

    def derivatives(self, u: Tensor, order: int) -> list[Tensor]:
        knots = self.knots.to(u)
        return [bspline_basis(u, knots, self.degree, r) for r in range(order + 1)]

    def one(self) -> Tensor:
        return torch.ones(self.size, dtype=torch.float64)


FAMILIES: dict[str, type[Family]] = {
    kind.name: kind for kind in (BSplines, Chebyshev, Fourier, Gaussians, Wavelets)
}


def make_family(name: str, size: int, degree: int) -> Family:
    """The family of that name; ``degree`` is that of B-splines.

    Raises:
        ArgumentError: An unknown name, or a size that it cannot have.
    """
    kind = FAMILIES[one_of("basis", name, FAMILIES)]
    return BSplines(size, degree) if kind is BSplines else kind(size)


def layer_sizes(size: Any, layers: int) -> list[int]:
    """Functions an edge of each layer, from one int or one a layer, all ``>= 2``."""
    if not isinstance(size, (list, tuple)):
        return [integer("size", size, least=2)] * layers
    if len(size) != layers:
        raise ArgumentError(f"size needs one int or {layers} of them (one a layer), got {size!r}.")
    return [integer(f"size[{k}]", m, least=2) for k, m in enumerate(size)]


def _constant(u: Tensor, r: int) -> Tensor:
    return torch.full_like(u, 1.0 if r == 0 else 0.0).unsqueeze(-1)
