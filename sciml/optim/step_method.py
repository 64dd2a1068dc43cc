"""What a solver asks of an optimiser: a step method and its state.

A *step method* is an immutable value with three verbs; all that changes lives in its state, and the state is a value, too:
a verb gives a new one and leaves its argument as it was:

```python
state = method.init(problem, theta)
theta, state = method.step(problem, theta, state)  # one outer iteration
state = method.refresh(problem, theta, state)  # the problem's points or weights have changed
```

A step gives a new theta, or the old one where it was rejected. It never takes a point whose loss is not finite: it counts
a rejection, and the next step is shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from sciml.errors import ArgumentError

# metadata of a state field that is only a cache: left out of ``state_dict``
TRANSIENT = {"transient": True}


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

    # names that fields had in saved states of earlier versions, and what they are called now
    RENAMED: ClassVar[Mapping[str, str]] = {}
    # fields that saved states of earlier versions lack; they then keep what they have
    ADDED: ClassVar[frozenset[str]] = frozenset()

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
        """Take over what ``state_dict`` gave; transient fields are emptied and computed again when needed.

        Raises:
            ArgumentError: A field is missing, or one too many: the state of another method.
        """
        saved = {self.RENAMED.get(name, name): value for name, value in saved.items()}
        known = {f.name: f for f in fields(self)}
        if unknown := sorted(set(saved) - set(known)):
            raise ArgumentError(f"saved state needs the fields of {type(self).__name__}, got also {unknown}.")
        for name, f in known.items():
            value = saved.get(name)
            if isinstance(value, Tensor):
                value = value.clone()
            if name in saved or f.metadata.get("transient") or getattr(self, name) is None:
                setattr(self, name, value)
            elif isinstance(getattr(self, name), Tensor):
                setattr(self, name, None)  # None is left out of a saved state
            elif name not in self.ADDED:
                raise ArgumentError(f"saved state needs {name!r}, got only {sorted(saved)}.")
        return self

    def reject(self) -> None:
        """Count a step that was not taken."""
        self.accepted = False
        self.rejections += 1

    def accept(self, loss: float) -> None:
        """Count a step that was taken."""
        self.accepted, self.rejections, self.loss = True, 0, loss


@dataclass(eq=False)
class GradientState(State):
    """State of a method whose every step starts from the ``gradient`` (P,) at the current theta."""

    gradient: Tensor | None = None

    def measured(self, problem: Any, theta: Tensor) -> Self:
        """The same with loss and gradient of the problem as it is now."""
        loss, gradient = problem.value_and_grad(theta)
        return replace(
            self,
            loss=loss,
            gradient=gradient,
            grad_norm=float(torch.linalg.vector_norm(gradient)),
            evaluations=self.evaluations + 1,
            rejections=0,
        )


@dataclass(eq=False)
class ModelState(State):
    """State of a method that builds a model at one point and may try several steps from it.

    Attributes:
        weight: What keeps a step short: sigma of a cubic model, λ of a damped one.
        nu: Factor of ``weight`` at the next rejection.
        lam: λ of the last solve; ``weight`` itself where the model is damped.
        anchor: The last accepted point (P,), where momentum needs it.
        base_loss: f where the model was built.
        promised, length: Decrease and step length |s| that the model last proposed.
        moved: Whether theta has changed since the model was built.
        model: The linearisation or curvature at theta.
        solver: What solves the model's subproblem.
    """

    weight: float = 0.0
    nu: float = 2.0
    lam: float = 0.0
    anchor: Tensor | None = None
    base_loss: float = float("inf")
    promised: float = 0.0
    length: float = 0.0
    moved: bool = True
    model: Any = field(default=None, metadata=TRANSIENT)
    solver: Any = field(default=None, metadata=TRANSIENT)

    RENAMED: ClassVar[Mapping[str, str]] = {"sigma": "weight", "multiplier": "lam"}

    def forget(self) -> None:
        """Drop the model: theta, the points or the weights have changed."""
        self.moved, self.model, self.solver = True, None, None


@runtime_checkable
class StepMethod(Protocol):
    """One optimiser as a value; see the module docstring.

    Attributes:
        second_order: Whether a step is worth many gradients: built from the Jacobian or the Hessian at one set of
            points, so that a few steps exhaust what these points say. Solvers then look at a run and draw new points
            after tens of steps instead of hundreds, and balance the terms of the loss anew. Methods that gather their
            curvature from gradients (BFGS and its like) are not second order in this sense.
    """

    second_order: ClassVar[bool]

    def init(self, problem: Any, theta: Tensor) -> State:
        """The state before the first step."""
        ...

    def step(self, problem: Any, theta: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One outer iteration."""
        ...

    def refresh(self, problem: Any, theta: Tensor, state: Any) -> Any:
        """The state after the problem itself changed (new collocation points, new weights)."""
        ...
