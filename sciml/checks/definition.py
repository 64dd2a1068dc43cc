"""The attributes of a problem: a domain, names of the unknowns, conditions that fit both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sciml.checks.probe import Waves, call, sampled
from sciml.conditions import (
    BaseCondition,
    Condition,
    Data,
    Dirichlet,
    Initial,
    Interface,
    Neumann,
    Periodic,
    Robin,
)
from sciml.domains import Domain
from sciml.errors import ArgumentError, ArgumentTypeError, SciMLError

if TYPE_CHECKING:
    from sciml.problem import PDE


def check_definition(problem: PDE) -> None:
    """Refuse attributes of a wrong kind.

    Raises:
        ArgumentError, ArgumentTypeError: naming the attribute, what it needs and what it got.
    """
    kind = type(problem).__name__
    _check_domain(kind, getattr(problem, "domain", None))
    _check_unknowns(kind, problem.unknowns)
    _check_units(problem)
    conditions = problem.conditions
    if isinstance(conditions, BaseCondition):
        got = type(conditions).__name__
        raise ArgumentTypeError(
            f"{kind}.conditions needs a list of conditions, got a single {got}: write [{got}(...)]."
        )
    if not isinstance(conditions, (list, tuple)):
        raise ArgumentTypeError(
            f"{kind}.conditions needs a list or tuple of conditions, got {_name(conditions)}."
        )
    for k, condition in enumerate(conditions):
        if not isinstance(condition, BaseCondition) or type(condition) is BaseCondition:
            raise ArgumentTypeError(
                f"{kind}.conditions[{k}] needs a condition such as Dirichlet(0.0), got {_name(condition)}."
            )
        _check_condition(problem, condition)


def _check_domain(kind: str, domain: Any) -> None:
    if isinstance(domain, type) and issubclass(domain, Domain):
        name = domain.__name__
        raise ArgumentTypeError(
            f"{kind}.domain needs a sciml domain, got the class {name}: write {name}(...)."
        )
    if not isinstance(domain, Domain):
        raise ArgumentTypeError(f"{kind}.domain needs a sciml domain, got {_name(domain)}.")


def _check_unknowns(kind: str, unknowns: Any) -> None:
    what = f'{kind}.unknowns needs a tuple of distinct names such as ("u", "v")'
    if isinstance(unknowns, str):
        raise ArgumentTypeError(f"{what}, got the string {unknowns!r}.")
    if not isinstance(unknowns, (list, tuple)):
        raise ArgumentTypeError(f"{what}, got {_name(unknowns)}.")
    for name in unknowns:
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{what}, got {name!r} among them.")
    if not unknowns or len(set(unknowns)) != len(unknowns) or "" in unknowns:
        raise ArgumentError(f"{what}, got {unknowns!r}.")


def _check_units(problem: PDE) -> None:
    names = (*problem.domain.names, *problem.unknowns)
    what = f'{type(problem).__name__}.units needs texts by the names {", ".join(names)}, such as {{"{names[0]}": "m"}}'
    if not isinstance(problem.units, Mapping):
        raise ArgumentTypeError(f"{what}, got {_name(problem.units)}.")
    for name, unit in problem.units.items():
        if name not in names or not isinstance(unit, str):
            raise ArgumentError(f"{what}, got {name!r}: {unit!r}.")


def _check_condition(problem: PDE, condition: BaseCondition) -> None:
    kind, domain = type(problem).__name__, problem.domain
    names = tuple(domain.names)
    if isinstance(condition, Periodic):
        problem.axis_of(condition)
        if condition.component is not None:
            problem.component(condition)
        return
    if isinstance(condition, Condition):
        if condition.component is not None:
            problem.component(condition)
        try:
            condition.place(domain)
        except SciMLError as error:
            raise type(error)(f"{condition.label}: {error}") from error
        return
    if isinstance(condition, Interface):
        _check_interface(problem, condition)
        return
    problem.component(condition)
    if isinstance(condition, Initial) and domain.time_axis is None:
        raise ArgumentError(
            f"{kind}: Initial needs a domain with time, such as TimeInterval(0, 1) * Interval(0, 1), "
            f"got {domain!r}."
        )
    if isinstance(condition, (Dirichlet, Neumann, Robin)):
        try:
            where = domain.boundary(condition.on)
            if not isinstance(condition, Dirichlet):
                where.normal(where.sample(2))
        except SciMLError as error:
            raise type(error)(f"{condition.label}: {error}") from error
    if isinstance(condition, Data):
        _check_data(kind, condition, domain, names)


def _check_interface(problem: PDE, condition: Interface) -> None:
    """Run the flux on a smooth field on both sides."""
    if condition.component is not None:
        problem.component(condition)
    domain = problem.domain
    x = sampled(lambda n, seed: condition.draw(domain, n, seed), 10)
    field = problem.field(Waves(x, domain.lower, domain.upper, len(problem.unknowns)))
    call(f"{condition.label}: its flux", lambda y: condition.parts(domain, field, y), x)


def _check_data(kind: str, data: Data, domain: Domain, names: tuple[str, ...]) -> None:
    points = data.points
    if points.shape[1] != domain.dim:
        raise ArgumentError(
            f"{kind}: Data points need {domain.dim} columns ({', '.join(names)}), got {points.shape[1]}."
        )
    span = domain.upper - domain.lower
    outside = ((points < domain.lower - 1e-9 * span) | (points > domain.upper + 1e-9 * span)).any(1)
    if outside.any():
        first = points[int(outside.nonzero()[0])]
        raise ArgumentError(
            f"{kind}: {int(outside.sum())} of {len(points)} Data points lie outside the domain, e.g. "
            f"{first.tolist()}."
        )


def _name(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
