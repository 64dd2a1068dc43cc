"""Tensors that remember which operation made them, from the points and the field's answers on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from sciml.derivatives import DerivativeSource, Pairs
from sciml.errors import ArgumentError
from sciml.field import Field, axis_of

Groups = tuple[tuple[int, ...], ...]  # a sum of derivatives, each by its axes; ((),) is the value

IN_PLACE = {"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__", "__idiv__"}
HARMLESS = {"requires_grad_", "retain_grad"}
CUTS = {"detach", "__deepcopy__"}


@dataclass(frozen=True, eq=False)
class Trace:
    """One evaluation of a residual.

    Attributes:
        source: What the field asks.
        x: The points, ``(n, d)``.
        names: Names of the coordinates.
        space: Axes of space.
        derivative: Makes the derivative of a traced expression along an axis.
    """

    source: DerivativeSource
    x: Tensor
    names: tuple[str, ...]
    space: tuple[int, ...]
    derivative: Callable[[Traced, int], Traced]

    def axes(self, coordinates: Sequence[str | int]) -> tuple[int, ...]:
        """Axes of named coordinates.

        Raises:
            ArgumentError: None, or one that the domain does not have.
        """
        if not coordinates:
            raise ArgumentError(
                f"d() needs at least one coordinate out of {', '.join(self.names)}, got none."
            )
        return tuple(axis_of(self.names, c) for c in coordinates)

    def answer(self, groups: Groups) -> Traced:
        """A sum of derivatives of the unknowns, ``(n, m)``."""
        if groups == ((),):
            values = self.source.value
        elif all(len(axes) == 1 for axes in groups):
            values = _sum([self.source.first(axes[0]) for axes in groups])
        elif all(len(axes) == 2 for axes in groups):
            values = self.source.second(tuple((axes[0], axes[1]) for axes in groups))
        else:
            values = _sum([self.source.higher(axes) for axes in groups])
        return traced(values, Answer(self, groups))


@dataclass(frozen=True, eq=False)
class Points:
    """The coordinates themselves."""

    trace: Trace


@dataclass(frozen=True, eq=False)
class Answer:
    """What the field answered."""

    trace: Trace
    groups: Groups


@dataclass(frozen=True, eq=False)
class Call:
    """A function of traced tensors; ``part`` picks one of several results."""

    trace: Trace
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    part: int | None = None
    own: bool = False  # made here, not by the user


@dataclass(frozen=True, eq=False)
class Cut:
    """A value whose origin is lost."""

    trace: Trace
    why: str


class Traced(Tensor):
    """A tensor with the operation that made it, in everything else like a plain one."""

    _node: Points | Answer | Call | Cut
    _version_then: int

    def d(self, *coordinates: str | int) -> Traced:
        """A partial derivative of the expression along the named coordinates, of the same shape."""
        out, trace = self, self._node.trace
        for axis in trace.axes(coordinates):
            out = trace.derivative(out, axis)
        return out

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = _values(args), _values(kwargs or {})
        with torch._C.DisableTorchFunctionSubclass():
            out = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        changed = name in IN_PLACE or (
            name.endswith("_") and not name.endswith("__") and name not in HARMLESS
        )
        if changed and args and is_traced(args[0]):
            args[0]._node = Cut(args[0]._node.trace, f"{name}, which writes into a tensor")
            return out
        made = next((a for a in args if is_traced(a)), None)  # mostly one of the arguments themselves
        if made is None:
            made = next((t for t in tensors((args, kwargs)) if is_traced(t)), None)
        trace = None if made is None else made._node.trace
        if trace is None:
            return out
        if name in CUTS or func == Tensor.data.__get__:  # type: ignore[attr-defined]
            return traced(out, Cut(trace, name if name in CUTS else "data"))
        if is_traced(out):  # one of the arguments, as it came in
            return out
        if isinstance(out, Tensor):
            return traced(out, Call(trace, func, args, kwargs))
        if isinstance(out, (tuple, list)) and any(isinstance(part, Tensor) for part in out):
            parts = [
                traced(part, Call(trace, func, args, kwargs, k)) if isinstance(part, Tensor) else part
                for k, part in enumerate(out)
            ]
            return type(out)(parts) if type(out) in (tuple, list) else tuple(parts)
        return out


class TracedSource:
    """Answers of a trace's source that remember what they are."""

    def __init__(self, trace: Trace):
        self._trace = trace

    @property
    def value(self) -> Tensor:
        return self._trace.answer(((),))

    def first(self, i: int) -> Tensor:
        return self._trace.answer(((i,),))

    def second(self, pairs: Pairs) -> Tensor:
        return self._trace.answer(pairs)

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        return self._trace.answer((axes,))


class TracedField(Field):
    """A field whose answers are traced."""

    def grad(self) -> Tensor:
        """As of a plain field; the columns of one unknown stay apart for ``div``, which needs one derivative of each."""
        columns = [self._pick(self._source.first(i)) for i in self._space]
        if columns[0].shape[1] == 1:
            return torch.cat(columns, dim=-1)
        return torch.stack(columns, dim=-1)


def trace_of(u: Field, x: Tensor, derivative: Callable[[Traced, int], Traced]) -> tuple[TracedField, Traced]:
    """The field and the points of one evaluation, traced; ``derivative`` as in ``Trace``."""
    trace = Trace(u._source, x, u._names, u._space, derivative)
    field = TracedField(TracedSource(trace), u._names, u._space, u._unknowns, u._component)
    return field, traced(x, Points(trace))


def traced(values: Tensor, node: Points | Answer | Call | Cut) -> Traced:
    """Values with the operation that made them."""
    with torch._C.DisableTorchFunctionSubclass():
        out = values.as_subclass(Traced)  # type: ignore[type-var]
    out._node = node
    out._version_then = values._version
    return out


def is_traced(values: Any) -> TypeGuard[Traced]:
    """Whether it remembers what made it."""
    return isinstance(values, Traced) and hasattr(values, "_node")


def plain(values: Tensor) -> Tensor:
    """The values without their origin."""
    with torch._C.DisableTorchFunctionSubclass():
        return values.as_subclass(Tensor) if isinstance(values, Traced) else values


def tensors(tree: Any) -> list[Tensor]:
    """The tensors in nested arguments."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, (tuple, list)):
        return [t for part in tree for t in tensors(part)]
    return (
        [t for t in (tree.start, tree.stop, tree.step) if isinstance(t, Tensor)]
        if isinstance(tree, slice)
        else []
    )


def _values(tree: Any) -> Any:
    if isinstance(tree, Field):
        return tree.value
    if type(tree) in (tuple, list):
        return type(tree)(_values(t) for t in tree)
    if type(tree) is dict:
        return {k: _values(v) for k, v in tree.items()}
    return tree


def _sum(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)
