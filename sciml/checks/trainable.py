"""Tensors inside a problem that wait to be trained: a solve trains the network alone."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from sciml.errors import ArgumentTypeError

if TYPE_CHECKING:
    from sciml.problem import PDE

DEPTH = 3  # of containers, closures and partial functions that are looked into

ADVICE = (
    "solve trains the network and sciml.Unknown alone, so it would keep its value. Write an unknown coefficient as "
    "D = sciml.Unknown(guess), with Data for u; state an unknown function as one more unknown, "
    'unknowns = ("u", "D"); freeze what is known by requires_grad_(False).'
)


def check_attributes(problem: PDE) -> None:
    """Refuse trainable tensors and modules among the attributes of a problem and of its conditions.

    Raises:
        ArgumentTypeError: naming the first one.
    """
    kind = type(problem).__name__
    held = dict(vars(problem))
    for cls in type(problem).__mro__:
        held = {**vars(cls), **held}
    for name, value in held.items():
        for path, found in _search(f"{kind}.{name}", value, DEPTH):
            refuse(path, found)
    for condition in problem.conditions:
        for name, value in vars(condition).items():
            for path, found in _search(f"{name} of {condition.label}", value, DEPTH):
                refuse(path, found)


def check_terms(what: str, first: Tensor, second: Tensor) -> None:
    """Refuse values at fixed points that carry a graph back to the same trainable tensor in two evaluations.

    A tensor that the function makes for itself, to differentiate by, is another one each time and is fine.

    Raises:
        ArgumentTypeError: naming the function.
    """
    if not (first.requires_grad and second.requires_grad):
        return
    again = {id(leaf) for leaf in _leaves(second)}
    for leaf in _leaves(first):
        if id(leaf) in again:
            refuse(f"a tensor of shape {tuple(leaf.shape)} in the {what}", leaf)


def refuse(path: str, found: Any) -> None:
    """Say what is wrong with a trainable tensor or module."""
    if isinstance(found, nn.Module):
        got = f"the module {type(found).__name__} with trainable parameters"
    else:
        got = "an nn.Parameter" if isinstance(found, nn.Parameter) else "a tensor that requires grad"
    raise ArgumentTypeError(f"{path} needs to be fixed, got {got}: {ADVICE}")


def is_trainable(value: Any) -> bool:
    """Whether it is a tensor that requires grad or a module that holds one."""
    if isinstance(value, nn.Module):
        return any(p.requires_grad for p in value.parameters())
    return isinstance(value, Tensor) and value.requires_grad


def _search(path: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if is_trainable(value):
        yield path, value
    if depth == 0:
        return
    if isinstance(value, (list, tuple)):
        for k, part in enumerate(value):
            yield from _search(f"{path}[{k}]", part, depth - 1)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _search(f"{path}[{key!r}]", part, depth - 1)
    elif isinstance(value, functools.partial):
        yield from _search(path, [*value.args, *value.keywords.values()], depth - 1)
    elif hasattr(value, "__closure__") and hasattr(value, "__code__"):
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            try:
                part = cell.cell_contents
            except ValueError:  # a name that is not bound yet
                continue
            yield from _search(f"{name} in {path}", part, depth - 1)


def _leaves(value: Tensor) -> list[Tensor]:
    """The tensors that a value's graph ends in."""
    found, seen, queue = [], set(), [value.grad_fn]
    if value.is_leaf:
        return [value]
    while queue:
        node = queue.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            found.append(leaf)
        queue += [parent for parent, _ in node.next_functions]
    return found
