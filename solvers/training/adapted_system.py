"""The residual system of a fine-tuning: the base's parameters are fixed, the adapter's factors are the unknowns."""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.adapters import AdaptedProblem, Adapter
from sciml.ansatz import Trial
from sciml.coefficients import unknowns_of
from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.training.points import Points
from sciml.solvers.training.residual_system import ResidualSystem


class ScaledFactors:
    """An adapter's factors in units of their own learning rates: ``theta = rates * phi``.

    A first-order step of one size in ``phi`` is then a step of ``rate`` times that size in each factor.
    """

    def __init__(self, adapter: Adapter):
        self.adapter, self.rates = adapter, adapter.rates()
        self.shapes, self.dense_size = adapter.shapes, adapter.dense_size

    def vector(self) -> Tensor:
        """``phi`` (p,) now."""
        return self.adapter.vector() / self.rates

    def deltas(self, theta: Tensor) -> dict[str, Tensor]:
        """The differences where ``phi`` is ``theta``."""
        return self.adapter.deltas(theta * self.rates)

    def project(self, phi: Tensor) -> Tensor:
        """``phi`` moved to where the kind allows it."""
        return self.adapter.project(phi * self.rates) / self.rates

    def load_vector(self, phi: Tensor) -> None:
        """Write into the adapter's factors."""
        self.adapter.load_vector(phi * self.rates)


class AdaptedSystem(AdaptedProblem):
    """A ``ResidualSystem`` in an adapter's factors ``theta (p,)``.

    It works on a copy of the base, into which ``base + delta(theta)`` is written, so that jets and the Jacobian are
    those of an ordinary network; the chain rule does the rest. Points and weights are the inner system's own.

    Args:
        system: The residual system of the copy.
        adapter: Its factors are where training starts.
        base: The base's parameters as one vector ``(P,)``.
    """

    def __init__(self, system: ResidualSystem, adapter: Adapter | ScaledFactors, base: Tensor):
        super().__init__(system, adapter, base)
        self.inner, self.factors = system, adapter

    @property
    def points(self) -> Points:
        """Collocation points and weights."""
        return self.inner.points

    @property
    def trial(self) -> Trial:
        """The trial function around the copy."""
        return self.inner.trial

    @property
    def notes(self) -> list[str]:
        """What a user should know about the set-up."""
        return self.inner.notes

    def load(self, theta: Tensor) -> None:
        """Write ``base + delta(theta)`` into the copy."""
        self.inner.load(self.variables(theta))

    def project(self, theta: Tensor) -> Tensor:
        """``theta`` moved to where the adapter's kind allows it."""
        return self.factors.project(theta)

    def silent_value(self) -> float:
        """See ``ResidualSystem.silent_value``."""
        return self.inner.silent_value()

    def silent_theta(self) -> None:
        """An adapter has no factors for a network that is zero."""
        return None

    def size_of_terms(self) -> float:
        """See ``ResidualSystem.size_of_terms``."""
        return self.inner.size_of_terms()

    def rounding(self) -> float:
        """See ``ResidualSystem.rounding``."""
        return self.inner.rounding()

    def balance(self, theta: Tensor) -> None:
        """See ``ResidualSystem.balance``."""
        self.inner.balance(self.variables(theta))


def check_compatible(base: PDE, new: PDE) -> None:
    """A base can be tuned to a problem over the same coordinates and unknowns, with numbers for its coefficients.

    Raises:
        ArgumentError: Names what differs.
    """
    if unknown := unknowns_of(new):
        raise ArgumentError(
            f"problem needs numbers for its coefficients, got the Unknown {', '.join(unknown)}: an adapter keeps them "
            "fixed. Give solution.problem, or solve with model=solution.network."
        )
    for what, ours, theirs in (
        ("coordinates", tuple(base.domain.names), tuple(new.domain.names)),
        ("unknowns", tuple(base.unknowns), tuple(new.unknowns)),
        ("periodic coordinates", base.periodic_axes, new.periodic_axes),
    ):
        if ours != theirs:
            raise ArgumentError(f"problem needs the base's {what} {ours}, got {theirs}.")
    if not (
        torch.equal(base.domain.lower, new.domain.lower) and torch.equal(base.domain.upper, new.domain.upper)
    ):
        raise ArgumentError(
            "problem needs the base's bounding box, because inputs are scaled by it: "
            f"{base.domain.lower.tolist()} to {base.domain.upper.tolist()}, got "
            f"{new.domain.lower.tolist()} to {new.domain.upper.tolist()}."
        )
