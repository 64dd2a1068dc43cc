"""Which conditions of a problem hold by construction, and why the others do not."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from sciml.ansatz.angle_jumps import angle_jump
from sciml.ansatz.blend import Part, Reduced, Side
from sciml.ansatz.corner_flows import corner_flows
from sciml.ansatz.corners import corners
from sciml.ansatz.faults import Fault, first_fault
from sciml.ansatz.start_jumps import StartJumps
from sciml.ansatz.values import check_values
from sciml.checks.probe import highest_order
from sciml.coefficients import conditions_at_guess, has_coefficients, open_conditions
from sciml.conditions import BaseCondition, Data, Dirichlet, Initial, Neumann, Periodic
from sciml.domains import Boundary
from sciml.errors import ArgumentError
from sciml.problem import PDE

MOST_SIDES = 64  # of one condition: the cost of blending them grows with their square


class Ansatz:
    """Which conditions of a problem are exact, with the functions ``A`` and ``B``.

    Args:
        problem: The problem.
        penalties: Whether conditions whose ``hard`` is None become penalty terms; periodic ones stay exact.
        jumps: Whether to carry what the data contradict each other by, where its shape is known.

    Attributes:
        problem, penalties, jumps: As given.
        stated: The problem's conditions, as they were read: a property makes new ones each time.
        hard: Conditions that hold by construction.
        soft: Conditions left for penalty terms.
        notes: Why a condition that could have been exact is not.

    Raises:
        ArgumentError: A condition's values are not finite, or one with ``hard=True`` cannot be exact.
    """

    def __init__(self, problem: PDE, penalties: bool = False, jumps: bool = True):
        self.problem, self.penalties, self.jumps = problem, penalties, jumps
        self.hard: list[BaseCondition] = []
        self.soft: list[BaseCondition] = []
        self.notes: list[str] = []
        self._left: list[str] = []  # jumps that stay
        order = max(2, highest_order(problem))
        self._parts = [Part(problem.domain, order=order) for _ in problem.unknowns]
        self.stated = stated = list(problem.conditions)
        built = conditions_at_guess(problem, stated)
        open_ = open_conditions(problem)
        if jumps:
            self._carry_jumps(built)
        for k, condition in enumerate(built):
            check_values(problem, condition)
            if k in open_:
                self._refuse(condition, "its value has an unknown coefficient in it")
                self.soft.append(condition)
                continue
            (self.hard if self._try_hard(condition) else self.soft).append(condition)
        for condition in [c for c in self.soft if isinstance(c, Neumann)]:
            self._try_clamp(condition)
        for part in self._parts:
            for fault in self._faults(part):
                for condition in fault.conditions:
                    self._soften(part, condition, fault.why)
        self.notes += self._left
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
        if self.penalties and condition.hard is None and not isinstance(condition, Periodic):
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
            if len(boundary.pieces) > MOST_SIDES:
                why = f"{len(boundary.pieces)} sides would be blended, each with every other, at every point"
                self._refuse(condition, why)
                return False
            return self._hold(condition, boundary)
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

    def _hold(self, condition: Dirichlet, boundary: Boundary) -> bool:
        """Take the values of a side, piece by piece where a jump is carried."""
        part = self._parts[self.problem.component(condition)]
        jump = part.jump
        if jump is None:
            part.sides.append(Side(condition, boundary))
            return True
        pieces = self.problem.domain._pieces
        names = [pieces[k].name for k in boundary.chosen]
        if not all(jump.fits(k) for k in boundary.chosen) or len(set(names)) < len(names):
            self._refuse(condition, "its values jump at a corner with a side that is not straight")
            return False
        for k, name in zip(boundary.chosen, names, strict=True):
            part.sides.append(Reduced(condition, self.problem.domain.boundary(name), jump, k))
        return True

    def _carry_jumps(self, conditions: Sequence[BaseCondition]) -> None:
        flow = corner_flows(self.problem, conditions)
        if flow is not None:
            for i, one in flow.items():
                self._parts[i].jump = one
            self.notes.append(next(iter(flow.values())).note)
            return
        for i, part in enumerate(self._parts):
            for find in (
                StartJumps(self.problem, i, conditions).find,
                partial(angle_jump, self.problem, i, conditions),
            ):
                found = find()
                if isinstance(found, str):
                    self._left.append(
                        f"the values of {self.problem.unknowns[i]} jump, which nothing carries: {found}."
                    )
                elif found is not None:
                    part.jump = found
                    self.notes.append(found.note)

    def like(self, problem: PDE) -> Ansatz:
        """That of another problem, made in the same way; where its conditions are the same, without building them anew."""
        stated = list(problem.conditions)
        if not self._fits(problem, stated):
            return Ansatz(problem, self.penalties, self.jumps)
        twin = copy.copy(self)
        twin.problem, twin.stated, twin.notes = problem, stated, list(self.notes)
        own = {id(mine): its for mine, its in zip(self.stated, stated, strict=True)}
        twin.hard, twin.soft = ([own[id(c)] for c in some] for some in (self.hard, self.soft))
        return twin

    def _fits(self, problem: PDE, stated: list[BaseCondition]) -> bool:
        """Whether a problem asks for the same functions: same places and values, nothing that follows from its equation."""
        return (
            stated == self.stated
            and problem.domain == self.problem.domain
            and problem.unknowns == self.problem.unknowns
            and not (has_coefficients(problem) or has_coefficients(self.problem))
            and not (self.carries or self._left)
            and not (self.jumps and corner_flows(problem, stated) is not None)
            and all(part.order == max(2, highest_order(problem)) for part in self._parts)
        )

    @property
    def carries(self) -> bool:
        """Whether it carries what data contradict each other by."""
        return any(part.jump is not None for part in self._parts)

    def _try_clamp(self, condition: Neumann) -> None:
        """Build in a slope of zero where the value is a number: there the distance enters the factor squared.

        In equations of fourth order and higher, where both belong to one place. Not where the boundary has corners: there a
        clamped plate bends like r^3.74, and over the square of the distance, r^4, that is unbounded.
        """
        part = self._parts[self.problem.component(condition)]
        boundary = self.problem.domain.boundary(condition.on)
        held = {piece for side in part.sides for piece in side.boundary.chosen}
        values = [side.condition.value for side in part.sides]
        fits = (
            part.order >= 4 and part.initial is None and condition.hard is not False and boundary.has_distance
        )
        fits &= len(self.problem.domain.space_axes) == 1 or len(corners(self.problem.domain)) == 0
        if fits and condition.value == 0 and all(isinstance(v, float) and v == values[0] for v in values):
            if held.issuperset(boundary.chosen):
                part.clamps.append(condition)
                self.soft = [c for c in self.soft if c is not condition]
                self.hard.append(condition)

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
        self.hard = [c for c in self.hard if all(c is not clamp for clamp in part.clamps)]
        self.soft += part.clamps
        part.clamps.clear()
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
