"""Slim KAN: KAN layers whose coefficients are a Tucker tensor, trained from scratch or cut from a KAN.

Our design, after the abstract of Gao, Ng & Tan (arXiv 2502.06153). The coefficients of the splines and the weights of
``silu`` form one tensor ``A (n_in, m + 1, n_out)``, the base as one more row of the basis mode, and:

    A[i, k, o] = sum_abc core[a, b, c] U[i, a] V[o, b] W[k, c]
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sciml import kernels
from sciml.arguments import count
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.kernels.orders import Weights
from sciml.nn.base import generator
from sciml.nn.kan import KAN, KANLayer
from sciml.nn.splines import SplineLayer, SplineNetwork, layer_grids, with_parameter
from sciml.tensors import hosvd

Ranks = tuple[int, int, int]  # in, out, basis: the order of LoTRA


class SlimKANLayer(SplineLayer):
    """A KAN layer with Tucker coefficients; ``r1 r2 r3 + n_in r1 + n_out r2 + (m + 1) r3`` numbers.

    Attributes:
        core: ``(r1, r2, r3)``.
        U, V, W: ``(n_in, r1)``, ``(n_out, r2)``, ``(m + 1, r3)``; the last row of ``W`` is ``silu``'s where there is a base.
        knots: ``(n_in, m + degree + 1)``, a buffer.
    """

    def __init__(self, core: Tensor, U: Tensor, V: Tensor, W: Tensor, knots: Tensor, degree: int, base: bool):
        super().__init__(knots, degree)
        self.core, self.U, self.V, self.W = (nn.Parameter(t.contiguous()) for t in (core, U, V, W))
        self.has_base = base

    def arguments(self) -> kernels.LayerWeights:
        """The dense coefficients, formed from the factors: at these sizes quicker than to contract the factors."""
        return self._split(self._tensor(self.core, self.U, self.V, self.W))

    def sets(self) -> list[Tensor]:
        """One set, since one ``W`` serves all inputs.

        Raises:
            ArgumentError: The inputs' knots differ, as after ``SlimKAN.from_kan`` of a KAN with such knots.
        """
        if bool((self.knots != self.knots[:1]).any()):
            raise ArgumentError(
                "knots needs one set for all inputs of a Slim KAN's layer, got sets that differ."
            )
        return super().sets()[:1]

    def seen(self, x: Tensor) -> Tensor:
        """Values of all inputs in one column."""
        return super().seen(x).reshape(-1, 1)

    def insert(self, knots: Tensor) -> None:
        """See ``SplineLayer.insert``; all rows are the same."""
        m = self.W.shape[0] - self.has_base
        splines = kernels.insert_knots(self.W[None, :m], self.knots[:1], knots[:1], self.degree)[0]
        self.W = with_parameter(self.W, torch.cat([splines, self.W.detach()[m:]]))
        self.knots = knots

    def jacobian(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """The dense layer's rows, pulled back to the factors."""
        n_in, n_out, m = self.U.shape[0], self.V.shape[0], self.W.shape[0] - self.has_base
        rows = kernels.kan_layer_jacobian(
            z, cotangent, (n_in, m, n_out), self.has_base, self.knots, self.degree, weights
        )
        dense = rows[:, : n_in * m * n_out].view(-1, n_in, m, n_out)
        if self.has_base:
            dense = torch.cat([dense, rows[:, n_in * m * n_out :].view(-1, n_in, 1, n_out)], dim=2)
        core, U, V, W = (p.detach() for p in (self.core, self.U, self.V, self.W))
        # one product a factor: contract the dense rows with all the others
        by_out = torch.einsum("niko,ob->nikb", dense, V)
        by_basis = torch.einsum("nikb,kc->nibc", by_out, W)
        parts = [
            torch.einsum("nibc,ia->nabc", by_basis, U),
            torch.einsum("nibc,abc->nia", by_basis, core),
            torch.einsum("niko,ibk->nob", dense, torch.einsum("abc,ia,kc->ibk", core, U, W)),
            torch.einsum("nikb,ibc->nkc", by_out, torch.einsum("abc,ia->ibc", core, U)),
        ]
        return torch.cat([part.flatten(1) for part in parts], dim=1)

    def tangent(self, z: Tensor, direction: Tensor, weights: Weights) -> Tensor:
        """The change of the dense coefficients along ``direction``, in their place."""
        factors = [p.detach() for p in (self.core, self.U, self.V, self.W)]
        pieces = direction.split([f.numel() for f in factors])
        steps = [piece.view_as(f) for piece, f in zip(pieces, factors, strict=True)]
        total = torch.zeros(
            self.U.shape[0], self.W.shape[0], self.V.shape[0], dtype=direction.dtype, device=direction.device
        )
        for k, step in enumerate(steps):
            total += self._tensor(*(step if j == k else f for j, f in enumerate(factors)))
        return kernels.kan_jets(z, [self._split(total)], weights)

    def _split(self, tensor: Tensor) -> kernels.LayerWeights:
        if not self.has_base:
            return kernels.LayerWeights(tensor, None, self.knots, self.degree)
        return kernels.LayerWeights(
            tensor[:, :-1].contiguous(), tensor[:, -1].contiguous(), self.knots, self.degree
        )

    @staticmethod
    def _tensor(core: Tensor, U: Tensor, V: Tensor, W: Tensor) -> Tensor:
        """``A (n_in, m + 1, n_out)``."""
        r1, r2, r3 = core.shape
        inner = (U @ core.reshape(r1, r2 * r3)).view(-1, r2, r3)
        return (inner @ W.T).transpose(1, 2) @ V.T

    def extra_repr(self) -> str:
        """Sizes and ranks."""
        return f"{self.U.shape[0]} -> {self.V.shape[0]}, r={tuple(self.core.shape)}, grid={self.grid}"


class SlimKAN(SplineNetwork):
    """A KAN with Tucker coefficients in every layer.

    Args:
        widths: Layer widths, input and output included.
        r: Ranks ``(r_in, r_out, r_basis)`` or one for all; each is cut to the length of its axis.
        grid, degree, base, domain, seed, dtype: As for ``KAN``.

    Starts with ``U ~ N(0, 1/n_in)``, ``core ~ N(0, 1/(r1 r3))``, ``V ~ N(0, 1/r2)``. A column of ``W`` is an edge of a
    ``KAN`` at its start, a random polynomial of degree <= 3 (plus ``silu``): smooth whatever the grid, and scaled so
    that a hidden value has the variance of an input that is uniform on ``domain``.

    Raises:
        ArgumentError: Bad widths, ranks, grid or degree.
    """

    def __init__(
        self,
        widths: list[int],
        r: int | Sequence[int] = 4,
        grid: int | Sequence[int] = 5,
        degree: int = 3,
        *,
        base: bool = True,
        domain: tuple[float, float] = (-1.0, 1.0),
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ):
        super().__init__(widths, degree, base, domain, seed)
        self.r, grids = _ranks(r), layer_grids(grid, len(self.widths) - 1)
        rng = generator(self.seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=rng, dtype=torch.float64)

        chain: list[nn.Module] = []
        for g, n_in, n_out in zip(grids, self.widths[:-1], self.widths[1:], strict=True):
            knots = self._start_knots(g, n_in)
            r1, r2, r3 = _fitting(self.r, n_in, n_out, g + self.degree + base)
            core = normal(r1, r2, r3) / math.sqrt(r1 * r3)
            U, V = normal(n_in, r1) / math.sqrt(n_in), normal(n_out, r2) / math.sqrt(r2)
            # white noise in W would put the noise's second derivatives into a PDE's residual
            edges, weight = self._random_edges(1, r3, self._start_basis(knots), rng)
            W = edges[0] if weight is None else torch.cat([edges[0], weight])
            core, U, V, W, knots = (t.to(dtype) for t in (core, U, V, W, knots))
            chain.append(SlimKANLayer(core, U, V, W, knots, self.degree, base))
        self.layers = nn.ModuleList(chain)

    @classmethod
    def from_kan(cls, kan: KAN, r: int | Sequence[int]) -> SlimKAN:
        """Cut a KAN to ranks ``r`` by a truncated HOSVD of every layer; full ranks keep it exactly."""
        if not isinstance(kan, KAN):
            raise ArgumentTypeError(f"kan needs a KAN, got {type(kan).__name__}.")
        kan.check_splines("from_kan")
        like = next(kan.parameters())
        slim = cls(
            kan.widths,
            r,
            kan.grids,
            kan.degree,
            base=kan.base,
            domain=kan.domain,
            dtype=like.dtype,
        ).to(like.device)
        slim.layers = nn.ModuleList(
            [_cut(layer, slim.r) for layer in kan.layers if isinstance(layer, KANLayer)]
        )
        return slim

    def config(self) -> dict:
        """Plain data that rebuilds the architecture (the knots are stored with the weights).

        Raises:
            ArgumentError: Layers whose ranks no one triple implies.
        """
        grids, r = self.grids, list(self.r)
        found = [len(layer.W[0]) for layer in self.layers if isinstance(layer, SlimKANLayer)]
        rows = [g + self.degree + self.base for g in grids]
        if any(r3 != min(r[2], m) for r3, m in zip(found, rows, strict=True)):
            r[2] = max(found)  # ranks that the grid had cut, before it was refined
        if any(r3 != min(r[2], m) for r3, m in zip(found, rows, strict=True)):
            raise ArgumentError(f"config() needs one basis rank for all layers, got {found}.")
        one = grids[0] if len(set(grids)) == 1 else grids
        return {"kind": "SlimKAN", "r": r, "grid": one, **self._spline_config()}


def _cut(layer: KANLayer, r: Ranks) -> SlimKANLayer:
    coef = layer.coef.detach()
    base = layer.base is not None
    tensor = torch.cat([coef, layer.base.detach()[:, None]], dim=1) if base else coef  # type: ignore[union-attr]
    ranks = _fitting(r, tensor.shape[0], tensor.shape[2], tensor.shape[1])
    core, (U, V, W) = hosvd(tensor.permute(0, 2, 1).contiguous(), ranks)
    return SlimKANLayer(core, U, V, W, layer.knots.clone(), layer.degree, base)


def _ranks(r: int | Sequence[int]) -> Ranks:
    ranks = tuple(r) if isinstance(r, Sequence) else (r, r, r)
    if len(ranks) != 3:
        raise ArgumentError(f"r needs an int or three, (r_in, r_out, r_basis), got {r!r}.")
    a, b, c = (count("r", k) for k in ranks)
    return a, b, c


def _fitting(r: Ranks, n_in: int, n_out: int, rows: int) -> Ranks:
    return min(r[0], n_in), min(r[1], n_out), min(r[2], rows)
