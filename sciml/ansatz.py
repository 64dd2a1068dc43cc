"""The trial function ``u = A(x) + B(x) N(x)``: conditions that the network cannot violate.

``A`` takes the prescribed values and ``B`` is zero where they are prescribed (Lagaris et al. 1998; with smooth distance
functions Sukumar & Srivastava 2022). For one unknown with boundary values ``h`` and initial data ``u0``, ``u1``::

    A = h + [u0 - h(t0)] + (t - t0) [u1 - h_t(t0)]        B = distance * ((t - t0) / T)^(1 or 2)

where terms without a condition drop out. Several boundary values are blended by inverse squares of their distances
(Rvachev's transfinite interpolation). Periodic coordinates enter the network as ``cos`` and ``sin``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from sciml.conditions import Condition, Data, Dirichlet, Initial, Periodic, evaluate
from sciml.errors import ArgumentError
from sciml.jets import DerivativePlan
from sciml.nn.base import JetNetwork, Record
from sciml.nn.inputs import InputMap
from sciml.problem import PDE

CORNER = 1e-30  # keeps the blend defined where two parts of the boundary meet
COMPATIBLE = 1e-6  # largest relative jump between initial and boundary data that an exact ansatz accepts


@dataclass
class _Component:
    """How one unknown is built."""

    boundaries: list[tuple[Dirichlet, object]] = field(default_factory=list)  # condition, Boundary
    initial: Initial | None = None
    velocity: Initial | None = None


class Ansatz:
    """Which conditions of a problem are exact, with the functions ``A`` and ``B``.

    Attributes:
        problem: The problem.
        hard: Conditions that hold by construction.
        soft: Conditions left for penalty terms.
        notes: Why a condition that could have been exact is not.
    """

    def __init__(self, problem: PDE):
        self.problem = problem
        self.hard: list[Condition] = []
        self.soft: list[Condition] = []
        self.notes: list[str] = []
        self._parts = [_Component() for _ in problem.unknowns]
        for condition in problem.conditions:
            (self.hard if self._try_hard(condition) else self.soft).append(condition)
        for part in self._parts:
            self._settle_initial(part)

    @property
    def trivial(self) -> bool:
        """Whether ``A = 0`` and ``B = 1`` everywhere."""
        return all(not p.boundaries and p.initial is None for p in self._parts)

    def offset(self, x: Tensor) -> Tensor:
        """``A`` at ``x (n, d)``: ``(n, m)``."""
        return torch.cat([self._offset(p, x) for p in self._parts], dim=1)

    def factor(self, x: Tensor) -> Tensor:
        """``B`` at ``x (n, d)``: ``(n, m)``."""
        return torch.cat([self._factor(p, x) for p in self._parts], dim=1)

    def _try_hard(self, condition: Condition) -> bool:
        if condition.hard is False or isinstance(condition, Data):
            return False
        if isinstance(condition, Periodic):
            return True
        if isinstance(condition, Dirichlet):
            boundary = self.problem.domain.boundary(condition.on)
            if boundary.has_distance:
                self._parts[self.problem.component(condition)].boundaries.append((condition, boundary))
                return True
            if condition.hard:
                raise ArgumentError(
                    f"{condition.label}: hard=True needs a part of the boundary with a distance function; "
                    f"{self.problem.domain!r} has none for on={condition.on!r}. Leave hard unset for a penalty."
                )
            self.notes.append(
                f"{condition.label} is a penalty term: its part of the boundary has no distance function."
            )
            return False
        if isinstance(condition, Initial):
            part = self._parts[self.problem.component(condition)]
            slot = "initial" if condition.order == 0 else "velocity"
            if getattr(part, slot) is not None:
                raise ArgumentError(
                    f"{condition.label}: conditions hold two initial conditions of order {condition.order}."
                )
            setattr(part, slot, condition)
            return True
        return False

    def _settle_initial(self, part: _Component) -> None:
        """Leave initial data to a penalty where exact enforcement is impossible."""
        if part.velocity is not None and part.initial is None:
            self._soften(part.velocity, "no exact condition on the value goes with it")
            part.velocity = None
        if part.initial is None or not part.boundaries:
            return
        start = self.problem.domain.initial()
        corner = self._corner(part, start)
        if corner is None:
            return
        h = self._boundary_value(part, corner)
        u0 = evaluate(part.initial.value, corner, part.initial.label)
        inside = evaluate(part.initial.value, start.sample(64, seed=0), part.initial.label)
        size = torch.cat([h, u0, inside]).abs().max().clamp(min=1e-300)
        jump = float((h - u0).abs().max() / size)
        if jump > COMPATIBLE and part.initial.hard:
            raise ArgumentError(
                f"{part.initial.label}: hard=True needs initial values that meet the boundary values; they differ by "
                f"{jump:.1e} relative at t = t0."
            )
        if jump > COMPATIBLE:
            why = f"it differs from the boundary values by {jump:.1e} relative where they meet"
            for condition in (part.initial, part.velocity):
                if condition is not None:
                    self._soften(condition, why)
            part.initial = part.velocity = None

    def _soften(self, condition: Condition, why: str) -> None:
        self.hard = [c for c in self.hard if c is not condition]
        self.soft.append(condition)
        self.notes.append(f"{condition.label} is a penalty term: {why}.")

    def _corner(self, part: _Component, start: object) -> Tensor | None:
        """Points where the exact boundary meets the first instant."""
        points = []
        axis = self.problem.domain.time_axis
        for _, boundary in part.boundaries:
            x = boundary.sample(64, seed=0).clone()  # type: ignore[attr-defined]
            x[:, axis] = self.problem.domain.lower[axis]
            points.append(x)
        return torch.cat(points) if points else None

    def _boundary_value(self, part: _Component, x: Tensor) -> Tensor:
        values = [c.value for c, _ in part.boundaries]
        first = values[0]
        if all(v is first or v == first for v in values[1:]):
            return evaluate(first, x, part.boundaries[0][0].label)
        terms, weights = [], []
        distances = [b.distance(x).square() for _, b in part.boundaries]  # type: ignore[attr-defined]
        for k, (condition, _) in enumerate(part.boundaries):
            weight = torch.ones_like(distances[0])
            for j, other in enumerate(distances):
                if j != k:
                    weight = weight * other
            weights.append(weight + CORNER)
            terms.append(evaluate(condition.value, x, condition.label))
        total = torch.stack(weights).sum(0)
        return torch.stack([w * t for w, t in zip(weights, terms, strict=True)]).sum(0) / total

    def _offset(self, part: _Component, x: Tensor) -> Tensor:
        total = self._boundary_value(part, x) if part.boundaries else torch.zeros_like(x[:, :1])
        if part.initial is None:
            return total
        axis = self.problem.domain.time_axis
        assert axis is not None
        t0 = float(self.problem.domain.lower[axis])
        still = torch.zeros_like(x)
        still[:, axis] = 1.0
        start = x * (1 - still) + t0 * still

        def h(y: Tensor) -> Tensor:
            return self._boundary_value(part, y) if part.boundaries else torch.zeros_like(y[:, :1])

        total = total + evaluate(part.initial.value, start, part.initial.label) - h(start)
        if part.velocity is not None:
            v0 = evaluate(part.velocity.value, start, part.velocity.label)
            moving = any(callable(c.value) for c, _ in part.boundaries)
            slope = torch.func.jvp(h, (start,), (still,))[1] if moving else torch.zeros_like(v0)
            total = total + (x[:, axis : axis + 1] - t0) * (v0 - slope)
        return total

    def _factor(self, part: _Component, x: Tensor) -> Tensor:
        total = torch.ones_like(x[:, :1])
        distinct: list[object] = []
        for _, boundary in part.boundaries:
            distinct.append(boundary)
        if distinct:
            ons = [c.on for c, _ in part.boundaries]
            whole = self.problem.domain.boundary(ons[0] if len(ons) == 1 else ons)
            if whole.has_distance:
                total = total * whole.distance(x)
            else:
                for boundary in distinct:
                    total = total * boundary.distance(x)  # type: ignore[attr-defined]
        if part.initial is not None:
            axis = self.problem.domain.time_axis
            assert axis is not None
            low, high = self.problem.domain.lower[axis], self.problem.domain.upper[axis]
            s = (x[:, axis : axis + 1] - low.to(x)) / (high - low).to(x)
            total = total * (s if part.velocity is None else s * s)
        return total


class Trial(nn.Module):
    """The trial function of a problem around a network: what is trained, saved and called.

    Args:
        problem: Its ansatz decides ``A`` and ``B``.
        network: Maps ``(n, problem.inputs)`` to ``(n, problem.outputs)``; a :class:`~sciml.nn.JetNetwork` is pushed
            through by jets, any other module goes through autograd.

    Raises:
        ArgumentError: The network's widths do not fit the problem.
    """

    def __init__(self, problem: PDE, network: nn.Module, ansatz: Ansatz | None = None):
        super().__init__()
        self.problem = problem
        self.ansatz = ansatz or Ansatz(problem)
        self.network = network
        domain = problem.domain
        reference = next(network.parameters(), torch.zeros(0, dtype=torch.float64))
        self.inputs = InputMap(domain.lower, domain.upper, problem.periodic_axes).to(reference)
        self._check_widths(reference)

    @property
    def offers_jets(self) -> bool:
        """Whether derivatives come from one pass of jets."""
        return isinstance(self.network, JetNetwork)

    def forward(self, x: Tensor) -> Tensor:
        """``u`` at ``x (n, d)``: ``(n, m)``."""
        empty = x.new_zeros(0, 0)
        out = self.network(self.inputs.jet(x[:, None], empty)[:, 0])
        if self.ansatz.trivial:
            return out
        return self.ansatz.offset(x) + self.ansatz.factor(x) * out

    def frozen_jets(self, x: Tensor, plan: DerivativePlan) -> tuple[Tensor, Tensor, Tensor]:
        """What does not change while training: the jets of the inputs, of ``A`` and of ``B`` at ``x``.

        Computed once a set of points.
        """
        weights = plan.weights.to(x)
        seed = self.inputs.jet(plan.seed(x), weights)
        if self.ansatz.trivial:
            nothing = x.new_zeros(0)
            return seed, nothing, nothing
        return seed, plan.jet_of(self.ansatz.offset, x), plan.jet_of(self.ansatz.factor, x)

    def jets(
        self, frozen: tuple[Tensor, Tensor, Tensor], plan: DerivativePlan, tape: list[Record] | None = None
    ) -> Tensor:
        """The jet of ``u``, ``(n, C, m)``, from :meth:`frozen_jets`."""
        seed, offset, factor = frozen
        assert isinstance(self.network, JetNetwork)
        out = self.network.jets(seed, plan.weights.to(seed), tape)
        if self.ansatz.trivial:
            return out
        return offset + plan.product(factor, out)

    def _check_widths(self, reference: Tensor) -> None:
        need_in, need_out = self.problem.inputs, self.problem.outputs
        widths = getattr(self.network, "widths", None)
        if isinstance(widths, Sequence):
            got_in, got_out = widths[0], widths[-1]
        else:
            got_in = need_in
            try:
                with torch.no_grad():
                    probe = self.network(
                        torch.zeros(2, need_in, dtype=reference.dtype, device=reference.device)
                    )
                if not isinstance(probe, Tensor) or probe.shape[:1] != (2,) or probe.ndim != 2:
                    raise ArgumentError(
                        f"model must map (n, {need_in}) to (n, {need_out}); it returned "
                        f"{tuple(probe.shape) if isinstance(probe, Tensor) else type(probe).__name__}."
                    )
            except RuntimeError as error:
                raise ArgumentError(
                    f"model must take inputs of width {need_in}; it raised: {error}"
                ) from error
            got_out = probe.shape[1]
        if got_in != need_in:
            names = [str(n) for n in self.problem.domain.names]
            periodic = [names[i] for i in self.problem.periodic_axes]
            why = f" (a periodic coordinate enters as cos and sin: {', '.join(periodic)})" if periodic else ""
            raise ArgumentError(
                f"model needs {need_in} inputs for the coordinates {', '.join(names)}{why}; got width {got_in}."
            )
        if got_out != need_out:
            raise ArgumentError(
                f"model needs {need_out} outputs for {', '.join(self.problem.unknowns)}; got width {got_out}."
            )
