"""The derivative of a traced expression along a coordinate: its pushforward through the recorded operations.

For an expression ``e(x, a_1, a_2, ...)`` of the points and of answers ``a_k`` of the field, ``de/dx_i`` is the product of
the Jacobian of ``e`` with the tangents ``dx/dx_i`` and ``da_k/dx_i``. The latter are answers of the field, too, of one order
more, so a plan of derivatives holds them, and the result is an expression again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.expressions.rules import Tangents, rule_for
from sciml.expressions.traced import Answer, Call, Cut, Points, Traced, is_traced, plain, tensors, traced
from sciml.jacobian.forward import pushforward

ADVICE = (
    "Write it with torch functions of x, as a sciml.Spline of a table, or give the derivative yourself: "
    'k(x) * u.laplacian() + k_x(x) * u.d("x").'
)


def derivative(expression: Traced, axis: int) -> Traced:
    """``de/dx_axis`` at every point, of the shape of ``expression``.

    Raises:
        ArgumentError: An operation in it cannot be differentiated, by name.
    """
    trace = expression._node.trace
    leaves, calls = _sorted(expression)
    tangents: Tangents = {}
    for leaf in leaves:
        node = leaf._node
        if isinstance(node, Answer):
            raised = tuple(sorted(tuple(sorted((*axes, axis))) for axes in node.groups))
            tangents[id(leaf)] = trace.answer(raised)
        else:
            along = torch.zeros_like(trace.x)
            along[:, axis] = 1.0
            tangents[id(leaf)] = along
    for tensor in calls:
        tangent = _tangent(tensor, tangents)
        # of a coordinate along another one: zero, whatever the points are
        if tangent is not None and (is_traced(tangent) or bool(tangent.any())):
            tangents[id(tensor)] = tangent
    found = tangents.get(id(expression))
    if found is None:
        return traced(torch.zeros_like(plain(expression)), Call(trace, torch.zeros_like, (expression,), {}))
    return found if is_traced(found) else traced(found, Call(trace, torch.clone, (found,), {}))


def _tangent(tensor: Traced, tangents: Tangents) -> Tensor | None:
    call = tensor._node
    assert isinstance(call, Call)
    if not tensor.is_floating_point():
        return None
    rule = rule_for(call)
    return _by_forward_mode(tensor, call, tangents) if rule is None else rule(call, tensor, tangents)


def _by_forward_mode(tensor: Traced, call: Call, tangents: Tangents) -> Tensor | None:
    """The tangent of one call by torch's own rules."""
    inputs = [
        a for a in dict.fromkeys(tensors((call.args, call.kwargs))) if is_traced(a) and a.is_floating_point()
    ]
    if not any(id(a) in tangents for a in inputs):
        return None

    def function(*values: Tensor) -> Tensor:
        known = {id(a): value for a, value in zip(inputs, values, strict=True)}
        out = call.function(*_replaced(call.args, known), **_replaced(call.kwargs, known))
        return out if call.part is None else out[call.part]

    def slope(*flat: Tensor) -> Tensor:
        half = len(flat) // 2
        return pushforward(function, flat[:half], [t.contiguous() for t in flat[half:]])[1]

    along = [tangents.get(id(a), torch.zeros_like(plain(a))) for a in inputs]
    args = (*inputs, *along)
    try:
        values = slope(*(plain(a) for a in args))
    except (NotImplementedError, RuntimeError) as error:
        said = str(error).split("\n")[0].rstrip(".")
        name = getattr(call.function, "__name__", str(call.function))
        raise ArgumentError(
            f"the derivative of an expression needs operations that torch can differentiate, got {name}: {said}. {ADVICE}"
        ) from error
    return traced(values, Call(call.trace, slope, args, {}, own=True))


def _sorted(expression: Traced) -> tuple[list[Traced], list[Traced]]:
    """The leaves of an expression, and what is made of them in the order of making."""
    trace = expression._node.trace
    leaves: list[Traced] = []
    calls: list[Traced] = []
    seen: set[int] = set()
    queue: list[tuple[Traced, bool]] = [(expression, False)]
    while queue:
        tensor, ready = queue.pop()
        node = tensor._node
        if ready:
            calls.append(tensor)
            continue
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if isinstance(node, Cut):
            raise ArgumentError(
                f"the derivative of an expression needs operations that torch can differentiate, got {node.why}. {ADVICE}"
            )
        if tensor._version != tensor._version_then:
            raise ArgumentError(
                "the derivative of an expression needs tensors that are left as they are, got one that was written into "
                "after it was made. Use torch.where or torch.cat in place of assignments."
            )
        if isinstance(node, (Points, Answer)):
            leaves.append(tensor)
            continue
        queue.append((tensor, True))
        for part in tensors((node.args, node.kwargs)):
            if is_traced(part) and part._node.trace is trace:
                queue.append((part, False))
            elif not node.own:
                _check_constant(part, len(trace.x))
    return leaves, calls


def _check_constant(part: Tensor, points: int) -> None:
    """Refuse a tensor with a row a point that did not come from the points: its derivative is not known."""
    part = plain(part).detach()
    if part.ndim == 0 or part.shape[0] != points or points == 1 or not part.is_floating_point():
        return
    if not bool((part == part[:1]).all()):
        raise ArgumentError(
            "the derivative of an expression needs functions of x that torch can follow, got values for each point that "
            f"were made outside torch, as by NumPy or SciPy. {ADVICE}"
        )


def _replaced(tree: Any, known: dict[int, Tensor]) -> Any:
    if isinstance(tree, Tensor):
        return known[id(tree)] if id(tree) in known else plain(tree)
    if type(tree) in (tuple, list):
        return type(tree)(_replaced(t, known) for t in tree)
    if type(tree) is dict:
        return {k: _replaced(v, known) for k, v in tree.items()}
    if type(tree) is slice:
        return slice(*(_replaced(t, known) for t in (tree.start, tree.stop, tree.step)))
    return tree
