"""Weighted sums of solutions, where the equation is linear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from sciml.errors import ArgumentError
from sciml.solvers.answer import Answer
from sciml.solvers.terms.linear import is_linear_equation


def superpose(answers: Mapping[str, Answer], weights: Mapping[str, float]) -> Superposition:
    """The weighted sum of answers, which solves the weighted sum of their right-hand sides.

    Args:
        answers: Name -> answer; at least one.
        weights: Name -> weight.

    Raises:
        ArgumentError: No weight, problems of several equations, or an equation that is not linear in the unknown.
    """
    if not weights:
        raise ArgumentError("weights needs at least one adapter's name, got none.")
    kinds = {type(answers[name].problem).__name__ for name in weights}
    if len(kinds) > 1:
        raise ArgumentError(f"superpose needs problems of one equation, got {', '.join(sorted(kinds))}.")
    members = {name: answers[name] for name in weights}
    _check_linear(next(iter(members.values())))
    return Superposition(members, {name: float(w) for name, w in weights.items()})


class Superposition:
    """A weighted sum of solutions of a linear equation: exact, because the equation is.

    Call it like a solution. Its right-hand side is the weighted sum of its members'.
    """

    def __init__(self, members: dict[str, Answer], weights: dict[str, float]):
        self.members, self.weights = members, weights

    def __call__(self, x: Any) -> Any:
        """Values ``(n, m)`` at ``x (n, d)``; array in, array out."""
        return sum(w * self.members[name](x) for name, w in self.weights.items())

    def source(self, x: torch.Tensor) -> torch.Tensor:
        """The right-hand side that this solves, ``(n, 1)``."""
        parts = [w * self.members[name].problem.source(x) for name, w in self.weights.items()]
        return torch.stack(parts).sum(0)

    def __repr__(self) -> str:
        terms = " + ".join(f"{w:g} {name}" for name, w in self.weights.items())
        return f"<Superposition {terms}>"


def _check_linear(first: Answer) -> None:
    """Refuse an equation under which a sum of solutions is none."""
    problem = first.problem
    if not is_linear_equation(problem, next(first.network.parameters())):
        raise ArgumentError(
            f"superpose needs a linear equation: {type(problem).__name__} is not linear in u, so a sum of its solutions "
            "solves nothing."
        )
