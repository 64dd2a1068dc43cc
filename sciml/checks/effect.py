"""Sources and parameters that change nothing."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sciml.checks.equation import Equation
from sciml.checks.general import generals
from sciml.checks.probe import NUDGES, Waves, interior, sampled
from sciml.checks.values import statements
from sciml.conditions import Data
from sciml.derivatives import recording_gradients
from sciml.errors import ArgumentError, SciMLError

if TYPE_CHECKING:
    from sciml.problem import PDE

POINTS = 17


def check_source_counts(problem: PDE) -> None:
    """Refuse a problem whose residual is the same under two sources.

    A residual that cannot be run here passes: the solve names its fault.

    Raises:
        ArgumentError: naming the problem.
    """
    with recording_gradients():
        try:
            ignored = _ignores_source(problem)
        except Exception:  # whatever is wrong here is not about the source
            return
    if ignored:
        name = type(problem).__name__
        raise ArgumentError(
            f"with_source needs a residual that uses the source, got one of {name} that does not change with it. Write "
            "- self.source(x) in the residual."
        )


def _ignores_source(problem: PDE) -> bool:
    x = interior(problem, POINTS)
    given = problem.source
    domain = problem.domain

    def rows(size: float) -> Tensor:
        def source(y: Tensor) -> Tensor:
            f = given(y)
            return f + size * (1 + f.abs()) if size else f

        trial = copy.copy(problem)
        object.__setattr__(trial, "source", source)
        field = problem.field(Waves(x, domain.lower, domain.upper, len(problem.unknowns)))
        terms = trial.residual_terms(field, x.clone())
        return torch.cat([t.detach().double() for t in terms.values()], dim=1)

    base = rows(0.0)
    return all(torch.equal(torch.nan_to_num(rows(size)), torch.nan_to_num(base)) for size in NUDGES)


def idle_parameters(equation: Equation) -> list[str]:
    """Notes on numbers among a dataclass's parameters that change neither equation nor conditions."""
    problem = equation.problem
    if not dataclasses.is_dataclass(problem) or getattr(problem, "_given", None) is not None:
        return []  # a parameter of the source alone has no effect once another source is given
    notes, before = [], None
    for name, value in problem.parameters().items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        before = _print(problem, equation) if before is None else before
        tried = False
        for other in _others(problem, name, value):
            tried = True
            if not _same(before, _print(other, equation)):
                break
        else:
            if tried:
                notes.append(
                    f"the parameter {name} of {type(problem).__name__} is without effect: neither the equation nor a "
                    "condition changes with it."
                )
    return notes


def _others(problem: PDE, name: str, value: float) -> Iterator[PDE]:
    """The same problem with other values of one parameter, as far as it takes them."""
    values = [value + 1, value - 1] if isinstance(value, int) else [1.1 * value + 0.01, 0.9 * value - 0.01]
    for other in values:
        try:
            yield problem.with_parameters(**{name: other})
        except Exception:  # out of its range, or not replaceable
            continue


def _print(problem: PDE, equation: Equation) -> tuple[Any, list[Tensor]]:
    """What a problem says at fixed points: its domain, and values of its residual and its conditions."""
    x = equation._points[:POINTS]
    numbers: list[Tensor] = []
    try:
        if problem.domain != equation.problem.domain:
            return problem.domain, []
        terms = problem.residual_terms(problem.field(equation.waves(x)), x.to(equation.dtype))
        numbers += [t.detach() for t in terms.values()]
        for s in statements(problem):
            if any(callable(v) for v in s.parts.values()):
                numbers += s.at(sampled(lambda n, seed, s=s: s.where.sample(n, seed=seed), POINTS))
            else:
                numbers += [torch.tensor(list(s.parts.values()), dtype=torch.float64)]
        numbers += [o.rows(o.waves(o.points), o.points) for o in generals(problem)]
        numbers += [t for c in problem.conditions if isinstance(c, Data) for t in (c.points, c.values)]
    except SciMLError as error:
        return str(error), []
    return problem.domain, numbers


def _same(a: tuple[Any, list[Tensor]], b: tuple[Any, list[Tensor]]) -> bool:
    return (
        a[0] == b[0]
        and len(a[1]) == len(b[1])
        and all(
            torch.equal(torch.nan_to_num(p), torch.nan_to_num(q)) for p, q in zip(a[1], b[1], strict=True)
        )
    )
