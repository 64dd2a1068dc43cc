"""The collocation system of a fine-tuning: the base's parameters are fixed, the adapter's factors are the unknowns."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from sciml.adapters import AdaptedProblem, Adapter
from sciml.ansatz import Trial
from sciml.errors import ArgumentError
from sciml.jacobian.protocols import Linearization
from sciml.problem import PDE
from sciml.solvers.training.collocation import Collocation

LINEAR = 1e-9  # largest relative departure from its linearisation at which a residual counts as linear


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


class AdaptedCollocation(AdaptedProblem):
    """A :class:`~sciml.solvers.training.collocation.Collocation` in an adapter's factors ``theta (p,)``.

    It works on a copy of the base, into which ``base + delta(theta)`` is written, so that jets and the Jacobian are
    those of an ordinary network; the chain rule does the rest.

    Args:
        system: The collocation system of the copy.
        adapter: Its factors are where training starts.
        base: The base's parameters as one vector ``(P,)``.
    """

    def __init__(self, system: Collocation, adapter: Adapter | ScaledFactors, base: Tensor):
        super().__init__(system, adapter, base)
        self.system, self.factors = system, adapter
        self.trial, self.notes, self.sites = system.trial, system.notes, system.sites

    @property
    def weights(self) -> dict[str, float]:
        """Term -> weight."""
        return self.system.weights

    @weights.setter
    def weights(self, value: dict[str, float]) -> None:
        self.system.weights = value

    @property
    def pointwise(self) -> bool:
        """Whether the Jacobian comes from jets."""
        return self.system.pointwise

    def load(self, theta: Tensor) -> None:
        """Write ``base + delta(theta)`` into the copy."""
        self.system.load(self.variables(theta))

    def project(self, theta: Tensor) -> Tensor:
        """``theta`` moved to where the adapter's kind allows it."""
        return self.factors.project(theta)

    def silent_value(self) -> float:
        """See :meth:`Collocation.silent_value`."""
        return self.system.silent_value()

    def resize(self, interior: int) -> None:
        """See :meth:`Collocation.resize`."""
        self.system.resize(interior)

    def redraw_adaptively(self, seed: int) -> None:
        """See :meth:`Collocation.redraw_adaptively`."""
        self.system.redraw_adaptively(seed)

    def balance(self, theta: Tensor) -> dict[str, float]:
        """See :meth:`Collocation.balance`."""
        return self.system.balance(self.variables(theta))


def adapted_trial(problem: PDE, network: torch.nn.Module, adapter: Adapter | None = None) -> Trial:
    """The trial function of ``problem`` around a copy of a base network, with an adapter's difference added."""
    return Trial(problem, copy.deepcopy(network) if adapter is None else adapter.merge(network))


def check_compatible(base: PDE, new: PDE) -> None:
    """A base can be tuned to a problem over the same coordinates and unknowns.

    Raises:
        ArgumentError: Names what differs.
    """
    for what, ours, theirs in (
        ("coordinates", tuple(base.domain.names), tuple(new.domain.names)),
        ("unknowns", tuple(base.unknowns), tuple(new.unknowns)),
        ("periodic coordinates", base.periodic_axes, new.periodic_axes),
    ):
        if ours != theirs:
            raise ArgumentError(f"problem needs the base's {what} {ours}; got {theirs}.")
    if not (
        torch.equal(base.domain.lower, new.domain.lower) and torch.equal(base.domain.upper, new.domain.upper)
    ):
        raise ArgumentError(
            "problem needs the base's bounding box, because inputs are scaled by it: "
            f"{base.domain.lower.tolist()} to {base.domain.upper.tolist()}; got "
            f"{new.domain.lower.tolist()} to {new.domain.upper.tolist()}."
        )


def is_linear(system: Any, theta: Tensor, linearization: Linearization, seed: int = 0) -> bool:
    """Whether the residual is an affine function of ``theta``, by a long step in a random direction.

    ``linearization`` is the system's at ``theta``.
    """
    rng = torch.Generator().manual_seed(seed)
    step = torch.randn(theta.numel(), generator=rng, dtype=torch.float64).to(theta) * max(
        1.0, float(theta.norm())
    )
    change = system.residual(theta + step) - linearization.residual
    return float((change - linearization.mv(step)).norm()) <= LINEAR * float(change.norm())


def linear_solve(linearization: Linearization, theta: Tensor) -> Tensor:
    """Solve ``r + J s = 0`` in the least-squares sense and step there from ``theta``: exact for a linear residual.

    By a complete orthogonal decomposition, which takes the shortest step where columns are dependent.
    """
    from scipy.linalg import lstsq

    J, r = linearization.dense(), linearization.residual
    scale = J.norm(dim=0).clamp(
        min=1e-300
    )  # columns differ by orders of magnitude, and rank is judged by size
    found = lstsq(
        (J / scale).cpu().numpy(), -r.cpu().numpy(), lapack_driver="gelsy", cond=1e-14, overwrite_a=True
    )
    assert found is not None
    return theta + torch.as_tensor(found[0]).to(theta) / scale
