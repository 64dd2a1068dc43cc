"""Which terms a problem has: its equations', and one for each condition that is left to a penalty."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sciml.ansatz import Trial
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
    evaluate,
)
from sciml.expressions.parts import Parts
from sciml.field import Field
from sciml.jacobian.sums import DIFFERENCES, Sums
from sciml.problem import PDE
from sciml.solvers.terms.measured import sureness
from sciml.solvers.terms.places import points_of
from sciml.solvers.terms.term import Term


def build_terms(problem: PDE, trial: Trial, interior: int, boundary: int) -> list[Term]:
    """The equations' term and one for each condition that is left to a penalty."""

    def equation(u: Field, x: Tensor) -> Parts:
        return problem.residual_terms(u, x)

    terms = [Term("residual", equation, points_of(problem, trial), interior, adaptive=True)]
    labels: set[str] = set()
    for condition in trial.ansatz.soft:
        label, k = condition.label, 2
        while label in labels:
            label, k = f"{condition.label}#{k}", k + 1
        labels.add(label)
        term = _condition_term(problem, condition, label, boundary)
        term.weight = condition.weight
        terms.append(term)
    return terms


def recorded_terms(problem: PDE, trial: Trial, interior: int = 64, boundary: int = 64) -> list[Term]:
    """As ``build_terms``, with the derivatives that each asks for known."""
    like = next(trial.network.parameters()).detach()
    terms = build_terms(problem, trial, interior, boundary)
    for term in terms:
        term.record(trial, problem, like)
    return terms


def _condition_term(problem: PDE, condition: BaseCondition, label: str, count: int) -> Term:
    if isinstance(condition, Condition):
        return _general_term(problem, condition, label, count)
    if isinstance(condition, Interface):
        return _interface_term(problem, condition, label, count)
    if isinstance(condition, Periodic):
        return _periodic_term(problem, condition, label, count)
    index = problem.component(condition)
    j = slice(index, index + 1)
    domain = problem.domain
    if isinstance(condition, Data):
        points, values, sure = condition.points, condition.values, sureness(condition)

        def measured(some: slice) -> Callable[[Field, Tensor], Parts]:
            expected, certain = values[some], None if sure is None else sure[some]

            def misses(u: Field, x: Tensor) -> Parts:
                rows = _rows_of(x, expected)
                misfit = u.value[:, j] - expected.to(x)[rows]
                return {label: misfit if certain is None else misfit * certain.to(x)[rows]}

            return misses

        def draw(n: int, seed: int) -> Tensor:
            return points[:n] if n < len(points) else points

        return Term(label, measured(slice(None)), draw, len(points), data=condition, some=measured)
    if isinstance(condition, Initial):
        start, axis = domain.initial(), domain.time_axis
        assert axis is not None

        def begins(u: Field, x: Tensor) -> Parts:
            left = u.value if condition.order == 0 else u.d(axis)
            return {label: left[:, j] - evaluate(condition.value, x, label)}

        return Term(label, begins, lambda n, seed: start.sample(n, seed=seed), count)
    assert isinstance(condition, (Dirichlet, Neumann, Robin))
    where = domain.boundary(condition.on)

    def slope(u: Field, x: Tensor) -> Tensor:
        normal = where.normal(x)
        return sum(
            (normal[:, i : i + 1] * u.d(i)[:, j] for i in domain.space_axes), start=torch.zeros_like(x[:, :1])
        )

    def holds(u: Field, x: Tensor) -> Parts:
        value = evaluate(condition.value, x, label)
        if isinstance(condition, Dirichlet):
            return {label: u.value[:, j] - value}
        if isinstance(condition, Neumann):
            return {label: slope(u, x) - value}
        alpha, beta = evaluate(condition.alpha, x, label), evaluate(condition.beta, x, label)
        return {label: alpha * u.value[:, j] + beta * slope(u, x) - value}

    return Term(label, holds, lambda n, seed: where.sample(n, seed=seed), count)


def _general_term(problem: PDE, condition: Condition, label: str, count: int) -> Term:
    """A residual of the field at the points of its place, or its mean over them."""
    place = condition.place(problem.domain)

    def holds(u: Field, x: Tensor) -> Parts:
        parts = condition.parts(place, u, x)
        return {label + name.removeprefix(condition.label): part for name, part in parts.items()}

    if condition.mean:
        nodes, weights = place.nodes()
        return Term(label, holds, lambda n, seed: nodes, len(nodes), sums=Sums(weights))
    return Term(label, holds, place.draw, count if place.points is None else len(place.points))


def _interface_term(problem: PDE, condition: Interface, label: str, count: int) -> Term:
    """The flux through an interface: points come in pairs on both sides, and a row is the difference within a pair."""
    domain = problem.domain

    def crosses(u: Field, x: Tensor) -> Parts:
        parts = condition.parts(domain, u, x)
        return {label + name.removeprefix(condition.label): part for name, part in parts.items()}

    return Term(
        label, crosses, lambda n, seed: condition.draw(domain, n, seed), 2 * (count // 2), sums=DIFFERENCES
    )


def _periodic_term(problem: PDE, condition: Periodic, label: str, count: int) -> Term:
    """Periodicity as a penalty: points come in pairs (low end, high end), and a row is the difference within a pair."""
    domain = problem.domain
    axis = tuple(domain.names).index(condition.coordinate)

    def draw(n: int, seed: int) -> Tensor:
        half = problem.domain.sample(max(1, n // 2), seed=seed)
        low, high = half.clone(), half.clone()
        low[:, axis], high[:, axis] = domain.lower[axis], domain.upper[axis]
        return torch.stack([low, high], 1).reshape(-1, domain.dim)

    def agrees(u: Field, x: Tensor) -> Parts:
        name = domain.names[axis]
        j = slice(None)
        if condition.component is not None:
            index = problem.component(condition)
            j = slice(index, index + 1)
        return {
            (f"{label}_{name * order}" if order else label): (u.d(*[axis] * order) if order else u.value)[
                :, j
            ]
            for order in range(condition.order + 1)
        }

    return Term(label, agrees, draw, 2 * (count // 2), sums=DIFFERENCES)


def _rows_of(x: Tensor, values: Tensor) -> Tensor:
    """Row of ``values`` for each row of ``x``: the probe sees the first few, training all."""
    return torch.arange(x.shape[0], device=x.device) % values.shape[0]
