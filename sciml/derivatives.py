"""Where a ``sciml.field.Field`` gets its derivatives from.

Three sources answer the same questions (value, first derivatives, sums of derivatives of one order):
``AutogradSource`` for any differentiable function, ``JetSource`` for values that a network pushed through in one pass, and
``RecordingSource``, which answers through autograd and writes down what was asked.

A sum is a tuple of derivatives, each by its axes in rising order: ``((1, 1), (2, 2))`` is the Laplacian over coordinates 1
and 2, ``((0, 1),)`` one mixed derivative, ``((0, 0, 1, 1), (0, 0, 1, 1))`` twice a fourth one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

Pairs = tuple[tuple[int, int], ...]
Axes = tuple[int, ...]
Sum = tuple[Axes, ...]


@contextmanager
def recording_gradients() -> Iterator[None]:
    """Gradients are recorded inside, whatever mode of torch the caller is in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def outside_recordings() -> AbstractContextManager[object]:
    """Inside, numbers that depend on no input are computed, where ``torch.export`` would record how."""
    return _disable_current_modes() if torch.compiler.is_compiling() else nullcontext()


class DerivativeSource(Protocol):
    """Answers for one set of points; every answer has shape ``(n, m)``."""

    @property
    def value(self) -> Tensor: ...

    def first(self, i: int) -> Tensor: ...

    def second(self, pairs: Pairs) -> Tensor: ...

    def higher(self, axes: tuple[int, ...]) -> Tensor: ...

    def total(self, terms: Sum) -> Tensor: ...


class AutogradSource:
    """Derivatives of ``function`` at ``x`` by nested reverse-mode autograd, each computed once.

    Args:
        function: Maps ``(n, d)`` to ``(n, m)``; row n of the result may depend on row n of the points only.
        x: Points, ``(n, d)``, floating.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], x: Tensor):
        self.x = x if x.requires_grad else x.detach().requires_grad_(True)
        with torch.enable_grad():
            self._value = function(self.x)
        self._cache: dict[tuple[int, ...], Tensor] = {(): self._value}

    @property
    def value(self) -> Tensor:
        return self._value

    def first(self, i: int) -> Tensor:
        return self.higher((i,))

    def second(self, pairs: Pairs) -> Tensor:
        return self.total(pairs)

    def total(self, terms: Sum) -> Tensor:
        total = self.higher(terms[0])
        for axes in terms[1:]:
            total = total + self.higher(axes)
        return total

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        axes = tuple(sorted(axes))
        if axes not in self._cache:
            inner = self.higher(axes[:-1])
            self._differentiate(inner, axes[:-1])
        return self._cache[axes]

    @torch.enable_grad()  # a caller may be inside no_grad
    def _differentiate(self, inner: Tensor, axes: tuple[int, ...]) -> None:
        columns = []
        for j in range(inner.shape[1]):
            if inner.requires_grad:
                (g,) = torch.autograd.grad(
                    inner[:, j].sum(), self.x, create_graph=True, allow_unused=True, materialize_grads=True
                )
            else:
                g = torch.zeros_like(self.x)
            columns.append(g)
        gradient = torch.stack(columns, dim=1)  # (n, m, d)
        for i in range(self.x.shape[1]):
            self._cache.setdefault(tuple(sorted((*axes, i))), gradient[:, :, i])


class DetachedSource:
    """Answers of ``inner`` as plain numbers, without the graph that made them: for looking, not for training."""

    def __init__(self, inner: DerivativeSource):
        self._inner = inner

    @property
    def value(self) -> Tensor:
        return self._inner.value.detach()

    def first(self, i: int) -> Tensor:
        return self._inner.first(i).detach()

    def second(self, pairs: Pairs) -> Tensor:
        return self._inner.second(pairs).detach()

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        return self._inner.higher(axes).detach()

    def total(self, terms: Sum) -> Tensor:
        return self._inner.total(terms).detach()


class RecordingSource:
    """Answers through ``inner`` and keeps the questions, to make a ``sciml.jets.DerivativePlan`` from them."""

    def __init__(self, inner: DerivativeSource):
        self._inner = inner
        self.firsts: set[int] = set()
        self.seconds: set[Pairs] = set()
        self.highers: set[Sum] = set()  # of order 3 and higher

    @property
    def value(self) -> Tensor:
        return self._inner.value

    def first(self, i: int) -> Tensor:
        self.firsts.add(i)
        return self._inner.first(i)

    def second(self, pairs: Pairs) -> Tensor:
        self.seconds.add(pairs)
        return self._inner.second(pairs)

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        self.highers.add((axes,))
        return self._inner.higher(axes)

    def total(self, terms: Sum) -> Tensor:
        self.highers.add(terms)
        return self._inner.total(terms)


class LinearisedSource:
    """Answers of ``inner`` as leaves of a graph, one for each derivative: what a residual is differentiated by.

    Args:
        inner: Answers.
        leaves: Answers that are known already, by their axes.
    """

    def __init__(self, inner: DerivativeSource, leaves: Mapping[Axes, Tensor] | None = None):
        self._inner = inner
        self.leaves: dict[Axes, Tensor] = dict(leaves or {})

    @property
    def value(self) -> Tensor:
        return self.higher(())

    def first(self, i: int) -> Tensor:
        return self.higher((i,))

    def second(self, pairs: Pairs) -> Tensor:
        return self.total(pairs)

    def total(self, terms: Sum) -> Tensor:
        return torch.stack([self.higher(axes) for axes in terms]).sum(0)

    def higher(self, axes: Axes) -> Tensor:
        axes = tuple(sorted(axes))
        if axes not in self.leaves:
            answer = self._inner.higher(axes) if axes else self._inner.value
            self.leaves[axes] = answer.detach().clone().requires_grad_(True)
        return self.leaves[axes]


class PerturbedSource:
    """Answers of ``inner``, each off by a relative error of its own: what a residual makes of rounding in them.

    Args:
        inner: The right answers.
        size: The relative error; its sign is random.
        lengths: Of the domain along each coordinate: a derivative is then off by as much as the largest value over these
            lengths, too, which is what rounding in the values does to it.
        seed: Of the signs.
    """

    def __init__(
        self, inner: DerivativeSource, size: float, lengths: Sequence[float] | None = None, seed: int = 0
    ):
        self._inner, self._size, self._lengths = inner, size, lengths
        self._rng = torch.Generator().manual_seed(seed)
        self._known: dict[tuple[int, ...], Tensor] = {}

    @property
    def value(self) -> Tensor:
        return self._off((), self._inner.value)

    def first(self, i: int) -> Tensor:
        return self._off((i,), self._inner.first(i))

    def second(self, pairs: Pairs) -> Tensor:
        return self.total(pairs)

    def total(self, terms: Sum) -> Tensor:
        # each summand by itself: a sum may vanish where its terms are large
        return torch.stack([self._off(axes, self._inner.higher(axes)) for axes in terms]).sum(0)

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        return self._off(axes, self._inner.higher(axes))

    def _off(self, key: tuple[int, ...], values: Tensor) -> Tensor:
        if key not in self._known:
            signs = torch.randint(2, values.shape, generator=self._rng) * 2 - 1
            room = values.detach()
            if self._lengths is not None:
                largest = self._inner.value.detach().abs().max()
                room = room.abs() + largest / math.prod(self._lengths[i] for i in key)
            self._known[key] = values.detach() + self._size * signs.to(values) * room
        return self._known[key]
