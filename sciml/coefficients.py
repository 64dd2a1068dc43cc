"""The unknown coefficients of a problem: which there are, and the problem with something else in their places."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from sciml.conditions import BaseCondition, Dirichlet, Initial, evaluate
from sciml.errors import ArgumentError
from sciml.jacobian.graph import columns_of
from sciml.unknown import Coefficient, Unknown

if TYPE_CHECKING:
    from sciml.problem import PDE

    P = TypeVar("P", bound=PDE)

PROBES = 64  # points at which conditions are asked whether a coefficient changes them
DEPTH = 3  # of lists and dictionaries that are looked into


def unknowns_of(problem: PDE) -> dict[str, Unknown]:
    """The unknown coefficients of a problem by name: of the attribute, or of the condition and its argument.

    One object in several places is one coefficient, of the first name.
    """
    named: dict[str, Unknown] = {}
    for name, value in _attributes(problem).items():
        for path, unknown in _search(name, value, DEPTH):
            if not any(unknown is known for known in named.values()):
                named[path] = unknown
    for condition, path, unknown in _in_conditions(problem):
        if not any(unknown is known for known in named.values()):
            key, k = f"{condition.label}.{path}", 2
            while key in named:
                key, k = f"{condition.label}#{k}.{path}", k + 1
            named[key] = unknown
    return named


def has_unknowns(problem: PDE) -> bool:
    """Whether a problem leaves coefficients open."""
    return bool(unknowns_of(problem))


def at_guess(problem: P) -> P:
    """The problem with every guess in the place of its coefficient."""
    return with_values(problem, {name: unknown.guess for name, unknown in unknowns_of(problem).items()})


def stated_at_guess(problem: P) -> P:
    """As ``at_guess``, of a problem with numbers that are trained, too; without what is remembered of the one it was."""
    plain: P | None = vars(problem).get("_plain")
    if plain is not None:
        return plain
    unknowns = unknowns_of(problem)
    return _substituted(problem, [(u, u.guess) for u in unknowns.values()]) if unknowns else problem


def at_probe(problem: P) -> P:
    """As ``at_guess``, with another number for a guess of zero, which would hide what it is a factor of."""
    values = {}
    for name, unknown in unknowns_of(problem).items():
        _, high = unknown.bounds or (0.0, 1.0)
        values[name] = unknown.guess or (min(1.0, high) or -1.0)
    return with_values(problem, values)


def with_values(problem: P, values: Mapping[str, float]) -> P:
    """The problem with numbers in the place of its unknown coefficients; itself, where it has none."""
    unknowns = unknowns_of(problem)
    if not unknowns:
        return problem
    new = _substituted(problem, [(unknown, values[name]) for name, unknown in unknowns.items()])
    object.__setattr__(new, "_open", open_conditions(with_coefficients(problem)[0]))
    object.__setattr__(new, "_corner_inputs", (id(new), problem.corner_inputs))
    object.__setattr__(new, "_corner_terms", (id(new), problem.corner_terms))
    return new


def open_conditions(problem: PDE) -> tuple[int, ...]:
    """Which conditions a trial function cannot hold by construction, because a coefficient that is looked for changes them.

    Indices into ``problem.conditions``. A problem that has what was found remembers them, so that its trial function stays
    the one that was trained.
    """
    coefficients: list[Coefficient] = vars(problem).get("_coefficients", [])
    if not coefficients:
        return vars(problem).get("_open", ())
    domain = problem.domain
    found = []
    for k, condition in enumerate(problem.conditions):
        if not isinstance(condition, (Dirichlet, Initial)):
            continue
        if not (callable(condition.value) or isinstance(condition.value, Coefficient)):
            continue
        x = domain.sample(PROBES, seed=0)
        if isinstance(condition, Initial) and domain.time_axis is not None:
            x[:, domain.time_axis] = domain.lower[domain.time_axis]
        with torch.enable_grad():
            value = evaluate(condition.value, x, condition.label)
            raws = [c.raw for c in coefficients]
            slopes = columns_of(value[:, 0], raws) if value.requires_grad else value.new_zeros(1)
        if bool((slopes != 0).any()):
            found.append(k)
    return tuple(found)


def with_coefficients(problem: P) -> tuple[P, list[Coefficient]]:
    """The problem with numbers that can be trained in the place of its unknown coefficients, and these numbers."""
    unknowns = unknowns_of(problem)
    if not unknowns:
        return problem, []
    coefficients = [Coefficient(name, unknown) for name, unknown in unknowns.items()]
    live = _substituted(problem, [(c.unknown, c) for c in coefficients])
    object.__setattr__(live, "_coefficients", coefficients)
    object.__setattr__(live, "_corner_inputs", (id(live), problem.corner_inputs))
    object.__setattr__(live, "_corner_terms", (id(live), problem.corner_terms))
    object.__setattr__(
        live, "_plain", _substituted(problem, [(c.unknown, c.unknown.guess) for c in coefficients])
    )
    return live, coefficients


def has_coefficients(problem: PDE) -> bool:
    """Whether numbers of a problem are trained, or were."""
    return any(name in vars(problem) for name in ("_coefficients", "_open", "_plain"))


def conditions_at_guess(problem: PDE, conditions: list[BaseCondition]) -> list[BaseCondition]:
    """The conditions without numbers that are trained: those that hold by construction do not follow them anyway."""
    plain: PDE | None = vars(problem).get("_plain")
    return conditions if plain is None else list(plain.conditions)


def _substituted(problem: P, places: list[tuple[Unknown, Any]]) -> P:
    """A copy with other values in the places of the unknowns, past the checks of a frozen dataclass."""
    new, cached = copy.copy(problem), set(_cached(problem))
    for name in cached:  # computed with the unknowns
        vars(new).pop(name, None)
    for name, value in _attributes(problem).items():
        if name != "conditions" and any(True for _ in _search(name, value, DEPTH)):
            object.__setattr__(new, name, _exchanged(value, places, DEPTH))
    measured = problem._measured if "conditions" in cached else ()
    conditions = [*new.conditions, *measured]
    exchanged = [_condition(c, places) for c in conditions]
    if measured or any(a is not b for a, b in zip(conditions, exchanged, strict=True)):
        try:
            object.__setattr__(new, "conditions", exchanged)
        except AttributeError:
            raise ArgumentError(
                f"conditions of {type(problem).__name__} needs to be an attribute, or to read its Unknown from one, got a "
                "property that makes an Unknown of its own."
            ) from None
    return new


def _condition(condition: BaseCondition, places: list[tuple[Unknown, Any]]) -> BaseCondition:
    changed = {
        f.name: _exchanged(value, places, 0)
        for f in fields(condition)
        if isinstance(value := getattr(condition, f.name), Unknown)
    }
    return replace(condition, **changed) if changed else condition


def _exchanged(value: Any, places: list[tuple[Unknown, Any]], depth: int) -> Any:
    if isinstance(value, Unknown):
        return next(new for unknown, new in places if unknown is value)
    if depth > 0 and isinstance(value, (list, tuple)):
        parts = [_exchanged(part, places, depth - 1) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    if depth > 0 and isinstance(value, dict):
        return {key: _exchanged(part, places, depth - 1) for key, part in value.items()}
    return value


def _attributes(problem: PDE) -> dict[str, Any]:
    """Attributes of a problem and of its classes, as they are stored."""
    held = dict(vars(problem))
    for cls in type(problem).__mro__:
        held = {**{k: v for k, v in vars(cls).items() if not k.startswith("__")}, **held}
    held.pop("_measured", None)
    return held


def _cached(problem: PDE) -> Iterator[str]:
    for cls in type(problem).__mro__:
        for name, value in vars(cls).items():
            if isinstance(value, functools.cached_property):
                yield name


def _search(path: str, value: Any, depth: int) -> Iterator[tuple[str, Unknown]]:
    if isinstance(value, Unknown):
        yield path, value
    elif depth > 0 and isinstance(value, (list, tuple)):
        for k, part in enumerate(value):
            yield from _search(f"{path}[{k}]", part, depth - 1)
    elif depth > 0 and isinstance(value, dict):
        for key, part in value.items():
            yield from _search(f"{path}[{key!r}]", part, depth - 1)


def _in_conditions(problem: PDE) -> Iterator[tuple[BaseCondition, str, Unknown]]:
    conditions = problem.conditions
    if not isinstance(conditions, (list, tuple)):
        return
    for condition in conditions:
        if isinstance(condition, BaseCondition):
            for f in fields(condition):
                if isinstance(value := getattr(condition, f.name), Unknown):
                    yield condition, f.name, value
