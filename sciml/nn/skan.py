"""S-KAN: several families of functions on every input, of which those that help are kept.

After the idea of Yang, Zhang, Luo, Lu and Shen (arXiv 2408.08338): a pool of families, trained together, selected,
pruned. Their selection rule and the lengths of their phases are not known here; both are our own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sciml.arguments import integer, one_of, vector
from sciml.errors import ArgumentError
from sciml.nn.base import JetNetwork, generator, layer_widths
from sciml.nn.bases.families import FAMILIES, make_family
from sciml.nn.bases.layer import BasisLayer, Slot
from sciml.nn.bases.start import random_layer
from sciml.nn.kan import KAN
from sciml.nn.splines import with_parameter

Chosen = list[list[tuple[int, str]]]  # for each layer, the inputs with the family that each passes through


class SKAN(JetNetwork):
    """A KAN whose inputs pass through several families of functions until it is told which to keep.

    ``sciml.solve`` trains each family alone, as a ``KAN``, and all of them together, of which it keeps one for each input of
    each layer by the second-order score of SubLoRA (``sciml.rank``). The two with the smallest residuals after a third of
    the steps run on, and the better of these is kept: a ``KAN``, or an ``SKAN`` of its size. ``chosen`` of both tells which
    families it has. All trainings share the time of the solve.

    Args:
        widths: Layer widths, input and output included.
        bases: Two families or more, of ``"bspline"``, ``"chebyshev"``, ``"fourier"``, ``"rbf"`` and ``"wavelet"``.
        size: Functions of each family, ``>= 2``, and more than ``degree``.
        degree: Of the B-splines, 1 to 7.
        base: Whether ``silu`` is added on every edge.
        domain: Interval of the inputs of every layer, as for ``KAN``.
        chosen: For each layer the pairs ``(input, family)`` that it has; None for all.
        seed: Of the initial weights.
        dtype: Floating dtype.

    Raises:
        ArgumentError: Bad widths, families or sizes, or a choice of what there is not.
    """

    def __init__(
        self,
        widths: list[int],
        bases: Sequence[str] = ("bspline", "chebyshev", "fourier"),
        size: int = 8,
        degree: int = 5,
        *,
        base: bool = True,
        domain: tuple[float, float] = (-1.0, 1.0),
        chosen: Sequence[Sequence[Sequence[Any]]] | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ):
        super().__init__()
        self.widths = layer_widths(widths)
        if isinstance(bases, str) or len(set(bases)) != len(bases) or len(bases) < 2:
            raise ArgumentError(f"bases needs two or more different families, got {bases!r}.")
        self.bases = [one_of("bases", name, FAMILIES) for name in bases]
        self.families = [make_family(name, size, degree) for name in self.bases]
        self.size, self.degree, self.base, self.seed = size, degree, base, integer("seed", seed)
        lower, upper = vector("domain", domain, 2)
        if not lower < upper:
            raise ArgumentError(f"domain needs (lower, upper) with lower < upper, got {domain!r}.")
        self.domain = lower, upper
        layers = list(itertools.pairwise(self.widths))
        if chosen is not None and len(chosen) != len(layers):
            raise ArgumentError(f"chosen needs {len(layers)} lists, one a layer, got {len(chosen)}.")
        rng = generator(self.seed)
        chain = []
        for k, (n_in, n_out) in enumerate(layers):
            slots = self._slots(n_in, None if chosen is None else chosen[k])
            layer = random_layer(self.families, slots, n_in, n_out, self.domain, base, rng)
            chain.append(layer.to(dtype))
        self.layers = nn.ModuleList(chain)
        self.selected = chosen is not None

    @property
    def chosen(self) -> Chosen:
        """For each layer the pairs of an input and a family that it has."""
        return [[(i, self.bases[f]) for i, f in layer.slots] for layer in self._basis_layers()]

    @property
    def slots(self) -> int:
        """Pairs of an input and a family in all layers."""
        return sum(len(layer.slots) for layer in self._basis_layers())

    def strengths(self) -> Tensor:
        """A vector of ones ``(slots,)``: the factors of the pairs, in which the score is second order."""
        return torch.ones(self.slots, dtype=next(self.parameters()).dtype)

    def slopes(self, jacobian: Mapping[str, Tensor]) -> Tensor:
        """The Jacobian by the pairs' factors, ``(M, slots)``, from that by the coefficients.

        Args:
            jacobian: Columns ``(M, coef.numel())`` of each layer's coefficients, by the parameter's name.
        """
        columns = []
        for k, layer in enumerate(self._basis_layers()):
            rows = jacobian[f"layers.{k}.coef"].unflatten(1, layer.coef.shape)
            columns.append(torch.einsum("nsko,sko->ns", rows, layer.coef.detach()))
        return torch.cat(columns, 1)

    @torch.no_grad()
    def keep(self, mask: Tensor) -> SKAN:
        """Keep the pairs of a boolean ``mask (slots,)``, in place; every layer keeps one at least.

        Raises:
            ArgumentError: Another shape, or a layer that would have none.
        """
        if mask.shape != (self.slots,) or mask.dtype != torch.bool:
            raise ArgumentError(
                f"mask needs {self.slots} booleans, got {mask.dtype} of shape {tuple(mask.shape)}."
            )
        parts = mask.split([len(layer.slots) for layer in self._basis_layers()])
        if not all(bool(part.any()) for part in parts):
            raise ArgumentError("mask needs one pair of every layer at least, got none for some.")
        for layer, part in zip(self._basis_layers(), parts, strict=True):
            rows = part.nonzero()[:, 0]
            layer.slots = [layer.slots[r] for r in rows.tolist()]
            layer.inputs = layer.inputs[rows]
            layer.coef = with_parameter(layer.coef, layer.coef.detach()[rows].clone())
        self.selected = True
        return self

    def alone(self, basis: str) -> KAN:
        """A ``KAN`` of one of the families, with as many functions an edge, at the start that it has with this seed.

        Raises:
            ArgumentError: A family that this one does not have.
        """
        one_of("basis", basis, self.bases)
        sizes: dict[str, Any] = (
            {"grid": self.size - self.degree, "degree": self.degree}
            if basis == "bspline"
            else {"basis": basis, "size": self.size}
        )
        network = KAN(self.widths, base=self.base, domain=self.domain, seed=self.seed, **sizes)
        return network.to(next(self.parameters()))

    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the architecture."""
        chosen = [[list(pair) for pair in layer] for layer in self.chosen] if self.selected else None
        return {
            "kind": "SKAN",
            "widths": self.widths,
            "bases": self.bases,
            "size": self.size,
            "degree": self.degree,
            "base": self.base,
            "domain": list(self.domain),
            "chosen": chosen,
            "seed": self.seed,
        }

    def _slots(self, n_in: int, chosen: Sequence[Sequence[Any]] | None) -> list[Slot]:
        every = [(i, f) for f in range(len(self.bases)) for i in range(n_in)]
        if chosen is None:
            return every
        wanted = {(pair[0], self.bases.index(one_of("chosen", pair[1], self.bases))) for pair in chosen}
        found = [slot for slot in every if slot in wanted]
        if len(found) != len(chosen) or not found:
            raise ArgumentError(
                f"chosen needs different pairs of an input below {n_in} and a family, got {chosen!r}."
            )
        return found

    def _basis_layers(self) -> list[BasisLayer]:
        return [layer for layer in self.layers if isinstance(layer, BasisLayer)]
