"""A family as one function of the coordinates and the parameters."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer

KEPT = 256  # answers that are remembered
A = TypeVar("A", bound=AdaptedAnswer)


class Surrogate(Generic[A]):
    """``u(x; parameters)`` of a family, each member by its own small solve in the span of what was solved.

    Args:
        base: Problem whose parameters are changed.
        make: A problem to its answer.
        goal: Estimated error above which a member is told to lie outside.
    """

    def __init__(self, base: PDE, make: Callable[[PDE], A], goal: float):
        self.base, self.goal, self._make = base, goal, make
        self._known: OrderedDict[tuple[Any, ...], A] = OrderedDict()

    def at(self, **parameters: Any) -> A:
        """The member with these parameters, as a solution of the family's kind; ``stats.error_estimate`` tells how
        good it is.

        Raises:
            ArgumentError: A parameter that the problem does not have, or a value that it refuses.
        """
        known = self.base.parameters()
        if unknown := sorted(set(parameters) - set(known)):
            raise ArgumentError(
                f"parameters needs names of {type(self.base).__name__} ({', '.join(known) or 'none'}), got "
                f"{', '.join(unknown)}."
            )
        key = tuple(sorted((name, repr(value)) for name, value in parameters.items()))
        if key not in self._known:
            self._known[key] = self._make(self.base.with_parameters(**parameters))
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def __call__(self, *x: Any, **parameters: Any) -> Any:
        """Values ``(..., m)`` at points ``x (..., d)`` for these parameters; see ``sciml.Solution``.

        A member whose estimated error is above the family's goal is answered, with a warning.
        """
        answer = self.at(**parameters)
        estimate = answer.stats.error_estimate
        if estimate is None or estimate > self.goal:
            told = "unknown" if estimate is None else f"{estimate:.1e}"
            given = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
            warnings.warn(
                f"the estimated error at {given} is {told}, above the family's {self.goal:.1e}: solve it with finetune.",
                stacklevel=2,
            )
        return answer(*x)
