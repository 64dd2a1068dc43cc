"""Tangents of the operations that expressions are mostly made of; any other goes through torch's forward mode.

A rule takes the call, its result and the tangents of its arguments by identity (absent for zero), and returns the tangent of
the result or None for zero. It is written in traced tensors, so its result can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sciml.expressions.traced import Call, Traced

Tangents = dict[int, Tensor]
Rule = Callable[[Call, Traced, Tangents], Tensor | None]


def _of(argument: Any, tangents: Tangents) -> Tensor | None:
    return tangents.get(id(argument)) if isinstance(argument, Tensor) else None


def _widened(tangent: Tensor | None, out: Tensor) -> Tensor | None:
    return tangent if tangent is None or tangent.shape == out.shape else tangent.expand(out.shape)


def _added(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    a, b = (_widened(_of(arg, tangents), out) for arg in call.args)
    return b if a is None else a if b is None else a + b


def _subtracted(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    a, b = (_widened(_of(arg, tangents), out) for arg in call.args)
    if b is None:
        return a
    return -b if a is None else a - b


def _subtracted_from(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    a, b = (_widened(_of(arg, tangents), out) for arg in call.args)
    if a is None:
        return b
    return -a if b is None else b - a


def _multiplied(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    a, b = call.args
    da, db = _of(a, tangents), _of(b, tangents)
    if da is None:
        return None if db is None else a * db
    return da * b if db is None else da * b + a * db


def _divided(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    return _ratio(call.args[0], call.args[1], out, tangents)


def _divided_into(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    return _ratio(call.args[1], call.args[0], out, tangents)


def _ratio(a: Any, b: Any, out: Traced, tangents: Tangents) -> Tensor | None:
    da, db = _of(a, tangents), _of(b, tangents)
    if db is None:
        return None if da is None else da / b
    return -(out * db) / b if da is None else (da - out * db) / b


def _negated(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    a = _of(call.args[0], tangents)
    return None if a is None else -a


def _power(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    a, exponent = call.args
    da = _of(a, tangents)
    if da is None or exponent == 0:
        return None
    if exponent == 1:
        return da
    return exponent * (a if exponent == 2 else a ** (exponent - 1)) * da


def _chain(slope: Callable[[Any, Any], Any]) -> Rule:
    """The rule of a function with the derivative ``slope(argument, result)``."""

    def rule(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
        a = call.args[0]
        da = _of(a, tangents)
        return None if da is None else slope(a, out) * da

    return rule


def _linear(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    """A linear function of its first argument, such as a column of it."""
    a = _of(call.args[0], tangents)
    return None if a is None else call.function(a, *call.args[1:], **call.kwargs)


def _joined(call: Call, out: Traced, tangents: Tangents) -> Tensor | None:
    parts = [_of(part, tangents) for part in call.args[0]]
    if all(part is None for part in parts):
        return None
    filled = [
        torch.zeros_like(whole) if part is None else part
        for part, whole in zip(parts, call.args[0], strict=True)
    ]
    return call.function(filled, *call.args[1:], **call.kwargs)


LINEAR = ("__getitem__", "unsqueeze", "squeeze", "reshape", "view", "expand", "clone", "contiguous", "double")
RULES: dict[str, Rule] = {
    **dict.fromkeys(("add", "__add__", "__radd__"), _added),
    **dict.fromkeys(("sub", "subtract", "__sub__"), _subtracted),
    **dict.fromkeys(("__rsub__",), _subtracted_from),
    **dict.fromkeys(("mul", "multiply", "__mul__", "__rmul__"), _multiplied),
    **dict.fromkeys(("div", "divide", "true_divide", "__truediv__"), _divided),
    **dict.fromkeys(("__rtruediv__", "__rdiv__"), _divided_into),
    **dict.fromkeys(("neg", "negative", "__neg__"), _negated),
    **dict.fromkeys(("pow", "__pow__"), _power),
    "square": _chain(lambda a, y: 2 * a),
    "exp": _chain(lambda a, y: y),
    "log": _chain(lambda a, y: 1 / a),
    "sqrt": _chain(lambda a, y: 0.5 / y),
    "sin": _chain(lambda a, y: torch.cos(a)),
    "cos": _chain(lambda a, y: -torch.sin(a)),
    "tanh": _chain(lambda a, y: 1 - y * y),
    **dict.fromkeys(LINEAR, _linear),
    **dict.fromkeys(("cat", "stack"), _joined),
}


def rule_for(call: Call) -> Rule | None:
    """The rule of a call; None where torch's forward mode is asked."""
    own = getattr(call.function, "tangent", None)
    if own is not None:
        return lambda call, out, tangents: own(call, tangents)
    name = getattr(call.function, "__name__", "")
    rule = RULES.get(name) if not call.own and call.part is None else None
    if rule is None or (call.kwargs and rule not in (_linear, _joined)):
        return None
    if rule is _power and isinstance(call.args[1], Tensor):
        return None
    if rule is _joined and not isinstance(call.args[0], (tuple, list)):
        return None
    return rule
