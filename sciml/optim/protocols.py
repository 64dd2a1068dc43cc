"""What an optimiser asks of a problem, and what a solver asks of an optimiser.

A *problem* turns a flat parameter vector ``theta`` (P,) into a loss. A least-squares problem also hands out
its residual ``r`` (M,), with ``f = 1/2 |r|^2`` (weights and 1/N are already inside ``r``), and its
linearisation.

A *step method* is an immutable value with three verbs; all that changes lives in its state::

    state = method.init(problem, theta)
    theta, state = method.step(problem, theta, state)  # one outer iteration; theta is a new tensor or the old one
    state = method.refresh(problem, theta, state)  # the problem's points or weights have changed: look again

A step never takes a point whose loss is not finite: it counts a rejection and shortens its stride.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.jacobian.protocols import Curvature, Linearization

# metadata of a state field that is only a cache: left out of ``state_dict``
TRANSIENT = {"transient": True}


@runtime_checkable
class Problem(Protocol):
    """A scalar loss: enough for first-order and quasi-Newton methods."""

    def value(self, theta: Tensor) -> float:
        """f(theta)."""
        ...

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """f(theta) and its gradient (P,)."""
        ...


@runtime_checkable
class SmoothProblem(Problem, Protocol):
    """A scalar loss that also hands out its curvature: what the cubic methods need."""

    def curvature(self, theta: Tensor) -> Curvature:
        """The second-order model at ``theta``."""
        ...


@runtime_checkable
class LeastSquaresProblem(Problem, Protocol):
    """``f = 1/2 |r|^2`` with its residual: what Gauss-Newton needs."""

    def residual(self, theta: Tensor) -> Tensor:
        """r(theta), shape (M,)."""
        ...

    def linearize(self, theta: Tensor) -> Linearization:
        """r and J at ``theta``."""
        ...


@dataclass(eq=False)
class State:
    """Where an optimiser stands. Everything but fields marked transient goes into ``state_dict``.

    Attributes:
        loss: f at the current ``theta``.
        grad_norm: 2-norm of the gradient where it was last taken (for Gauss-Newton and the cubic methods
            the point the step left from, else the current one).
        accepted: whether the last step moved ``theta``.
        rejections: consecutive steps that did not.
        evaluations: losses, residuals, gradients and linearisations so far, each counted once.
    """

    loss: float = float("inf")
    grad_norm: float = float("inf")
    accepted: bool = True
    rejections: int = 0
    evaluations: int = 0

    def state_dict(self) -> dict[str, Any]:
        """Numbers, booleans, strings and tensors by field name; None is left out. A copy, safe to keep."""
        out = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.metadata.get("transient") or value is None:
                continue
            out[f.name] = value.detach().clone() if isinstance(value, Tensor) else value
        return out

    def load_state_dict(self, saved: dict[str, Any]) -> Self:
        """Take over what ``state_dict`` gave; transient fields are emptied and computed again when needed."""
        known = {f.name: f for f in fields(self)}
        if unknown := sorted(set(saved) - set(known)):
            raise ArgumentError(
                f"saved state: needs the fields of {type(self).__name__}, got also {unknown}."
            )
        for name, f in known.items():
            value = saved.get(name)
            if isinstance(value, Tensor):
                value = value.clone()
            if name in saved or f.metadata.get("transient") or getattr(self, name) is None:
                setattr(self, name, value)
            elif isinstance(getattr(self, name), Tensor):
                setattr(self, name, None)  # None is left out of a saved state
            else:
                raise ArgumentError(f"saved state: needs {name!r}, got only {sorted(saved)}.")
        return self

    def reject(self) -> None:
        """Count a step that was not taken."""
        self.accepted = False
        self.rejections += 1

    def accept(self, loss: float) -> None:
        """Count a step that was taken."""
        self.accepted, self.rejections, self.loss = True, 0, loss


@dataclass(eq=False)
class ModelState(State):
    """State of a method that builds a model at one point and may try several steps from it.

    Attributes:
        base_loss: f where the model was built.
        promised, length: Decrease and step length |s| that the model last proposed.
        moved: Whether theta has changed since the model was built.
        model: The linearisation or curvature at theta.
        solver: What solves the model's subproblem.
    """

    base_loss: float = float("inf")
    promised: float = 0.0
    length: float = 0.0
    moved: bool = True
    model: Any = field(default=None, metadata=TRANSIENT)
    solver: Any = field(default=None, metadata=TRANSIENT)

    def forget(self) -> None:
        """Drop the model: theta, the points or the weights have changed."""
        self.moved, self.model, self.solver = True, None, None


@runtime_checkable
class StepMethod(Protocol):
    """One optimiser as a value; see the module docstring."""

    def init(self, problem: Any, theta: Tensor) -> State:
        """The state before the first step."""
        ...

    def step(self, problem: Any, theta: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One outer iteration."""
        ...

    def refresh(self, problem: Any, theta: Tensor, state: Any) -> Any:
        """The state after the problem itself changed (new collocation points, new weights)."""
        ...


def half_square(r: Tensor) -> float:
    """``1/2 |r|^2`` as a float; inf when it is not finite."""
    value = 0.5 * float(torch.dot(r, r))
    return value if value == value else float("inf")
