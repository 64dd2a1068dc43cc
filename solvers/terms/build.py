"""Which terms a problem has: its equations', and one for each condition that is left to a penalty."""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.conditions import Condition, Data, Dirichlet, Initial, Neumann, Periodic, Robin, evaluate
from sciml.field import Field
from sciml.problem import PDE
from sciml.solvers.terms.measured import sureness
from sciml.solvers.terms.term import Parts, Term


def build_terms(problem: PDE, trial: Trial, interior: int, boundary: int) -> list[Term]:
    """The equations' term and one for each condition that is left to a penalty."""

    def equation(u: Field, x: Tensor) -> Parts:
        return problem.residual_terms(u, x)

    terms = [Term("residual", equation, problem.sample, interior, adaptive=True)]
    labels: set[str] = set()
    for condition in trial.ansatz.soft:
        label, k = condition.label, 2
        while label in labels:
            label, k = f"{condition.label}#{k}", k + 1
        labels.add(label)
        terms.append(_condition_term(problem, condition, label, boundary))
    return terms


def _condition_term(problem: PDE, condition: Condition, label: str, count: int) -> Term:
    j = slice(0, 0)
    if not isinstance(condition, Periodic):
        index = problem.component(condition)
        j = slice(index, index + 1)
    domain = problem.domain
    if isinstance(condition, Data):
        points, values, sure = condition.points, condition.values, sureness(condition)

        def measured(u: Field, x: Tensor) -> Parts:
            rows = _rows_of(x, points)
            misfit = u.value[:, j] - values.to(x)[rows]
            return {label: misfit if sure is None else misfit * sure.to(x)[rows]}

        def draw(n: int, seed: int) -> Tensor:
            return points[:n] if n < len(points) else points

        return Term(label, measured, draw, len(points), data=condition)
    if isinstance(condition, Periodic):
        return _periodic_term(problem, condition, label, count)
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


def _periodic_term(problem: PDE, condition: Periodic, label: str, count: int) -> Term:
    """``hard=False`` periodicity: the two ends as a pair of rows would mix points, so they are compared in one jet.

    The points come in pairs (low end, high end) and the term is formed by differencing within the pair; such a residual
    is not pointwise, which the solver notices; its Jacobian then comes from autograd.
    """
    domain = problem.domain
    axis = tuple(domain.names).index(condition.coordinate)

    def draw(n: int, seed: int) -> Tensor:
        half = problem.domain.sample(max(1, n // 2), seed=seed)
        low, high = half.clone(), half.clone()
        low[:, axis], high[:, axis] = domain.lower[axis], domain.upper[axis]
        return torch.stack([low, high], 1).reshape(-1, domain.dim)

    def agrees(u: Field, x: Tensor) -> Parts:
        out = {}
        for order in range(condition.order + 1):
            value = u.value if order == 0 else u.d(axis)
            pairs = value[: 2 * (len(value) // 2)].reshape(-1, 2, value.shape[1])
            jump = (pairs[:, 1] - pairs[:, 0]).repeat_interleave(2, 0)
            if len(value) % 2:
                jump = torch.cat([jump, torch.zeros_like(value[-1:])])
            out[label if order == 0 else f"{label}_x"] = jump
        return out

    return Term(label, agrees, draw, 2 * (count // 2))


def _rows_of(x: Tensor, points: Tensor) -> Tensor:
    """Row of ``points`` for each row of ``x``: the probe sees the first few, training all."""
    return torch.arange(x.shape[0], device=x.device) % points.shape[0]
