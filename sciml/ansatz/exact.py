"""Which conditions of a problem hold by construction, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sciml.ansatz.blend import Part, Side
from sciml.ansatz.faults import Fault, first_fault
from sciml.ansatz.values import check_values
from sciml.checks.probe import highest_order
from sciml.coefficients import conditions_at_guess, open_conditions
from sciml.conditions import BaseCondition, Data, Dirichlet, Initial, Periodic
from sciml.errors import ArgumentError
from sciml.problem import PDE


class Ansatz:
    """Which conditions of a problem are exact, with the functions ``A`` and ``B``.

    Attributes:
        problem: The problem.
        hard: Conditions that hold by construction.
        soft: Conditions left for penalty terms.
        notes: Why a condition that could have been exact is not.

    Raises:
        ArgumentError: A condition's values are not finite, or one with ``hard=True`` cannot be exact.
    """

    def __init__(self, problem: PDE):
        self.problem = problem
        self.hard: list[BaseCondition] = []
        self.soft: list[BaseCondition] = []
        self.notes: list[str] = []
        order = max(2, highest_order(problem))
        self._parts = [Part(problem.domain, order=order) for _ in problem.unknowns]
        stated = list(problem.conditions)
        built = conditions_at_guess(problem, stated)
        open_ = open_conditions(problem)
        for k, condition in enumerate(built):
            check_values(problem, condition)
            if k in open_:
                self._refuse(condition, "its value has an unknown coefficient in it")
                self.soft.append(condition)
                continue
            (self.hard if self._try_hard(condition) else self.soft).append(condition)
        for part in self._parts:
            for fault in self._faults(part):
                for condition in fault.conditions:
                    self._soften(part, condition, fault.why)
        if built is not stated:
            back = {id(b): s for b, s in zip(built, stated, strict=True)}
            self.hard = [back[id(c)] for c in self.hard]
            self.soft = [back[id(c)] for c in self.soft]

    @property
    def trivial(self) -> bool:
        """Whether ``A = 0`` and ``B = 1`` everywhere."""
        return all(part.empty for part in self._parts)

    def offset(self, x: Tensor) -> Tensor:
        """``A`` at ``x (n, d)``: ``(n, m)``."""
        return torch.cat([part.offset(x) for part in self._parts], dim=1)

    def factor(self, x: Tensor) -> Tensor:
        """``B`` at ``x (n, d)``: ``(n, m)``."""
        return torch.cat([part.factor(x) for part in self._parts], dim=1)

    def _try_hard(self, condition: BaseCondition) -> bool:
        """Take a condition into its unknown's part, where its kind and place allow it."""
        if condition.hard is False or isinstance(condition, Data):
            return False
        if isinstance(condition, Periodic):
            if self.problem.axis_of(condition) not in self.problem.periodic_axes:
                self._refuse(condition, "it is periodic in time, where an initial condition holds")
                return False
            return True
        if isinstance(condition, Dirichlet):
            boundary = self.problem.domain.boundary(condition.on)
            if not boundary.has_distance:
                self._refuse(condition, "its part of the boundary has no distance function")
                return False
            part = self._parts[self.problem.component(condition)]
            part.sides.append(Side(condition, boundary))
            return True
        if isinstance(condition, Initial):
            part = self._parts[self.problem.component(condition)]
            slot = "initial" if condition.order == 0 else "velocity"
            if getattr(part, slot) is not None:
                raise ArgumentError(
                    f"{condition.label}: conditions needs one initial condition of order {condition.order} "
                    "for an unknown, got two."
                )
            setattr(part, slot, condition)
            return True
        return False

    def _faults(self, part: Part) -> Iterator[Fault]:
        """One fault after the other, each of what is left when those before it have been dealt with."""
        known: dict = {}
        while (fault := first_fault(part, self.problem.periodic_axes, known)) is not None:
            yield fault

    def _soften(self, part: Part, condition: BaseCondition, why: str) -> None:
        self._refuse(condition, why)
        self.hard = [c for c in self.hard if c is not condition]
        self.soft.append(condition)
        part.sides = [side for side in part.sides if side.condition is not condition]
        if part.initial is condition:
            part.initial = None
        if part.velocity is condition:
            part.velocity = None

    def _refuse(self, condition: BaseCondition, why: str) -> None:
        if condition.hard:
            raise ArgumentError(
                f"{condition.label}: hard=True needs what can be built in exactly, got this: {why}."
            )
        self.notes.append(f"{condition.label} is a penalty term: {why}.")
