"""Any ``torch.optim`` class as a step method over one flat parameter: Adam, SGD, NAdam, ...

The torch optimiser is a living object inside the newest state; its own ``state_dict`` is flattened into the state's. A
state that has been stepped from keeps a copy of what the optimiser held then, so it can be stepped from again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from sciml.errors import ArgumentTypeError
from sciml.optim.problems.protocols import Problem
from sciml.optim.step_method import TRANSIENT, State


@dataclass(eq=False)
class TorchState(State):
    """``gradient`` (P,) at the current theta, ``rate`` the factor on the learning rate (halved by a
    rejection).
    """

    rate: float = 1.0
    gradient: Tensor | None = None
    optimizer: torch.optim.Optimizer | None = field(default=None, metadata=TRANSIENT)
    pending: dict[str, Any] | None = field(default=None, metadata=TRANSIENT)

    def state_dict(self) -> dict[str, Any]:
        """Own fields and, under ``torch.``, what the torch optimiser keeps for its parameter."""
        return super().state_dict() | {f"torch.{k}": v for k, v in self.inner().items()}

    def inner(self) -> dict[str, Any]:
        """A copy of what the torch optimiser keeps for its parameter, flattened."""
        if self.optimizer is None:
            return dict(self.pending or {})
        return _flatten(self.optimizer.state_dict()["state"].get(0, {}))

    def hand_over(self) -> TorchState:
        """A copy that holds the live optimiser from now on; this state keeps what the optimiser remembers today."""
        heir = replace(self)
        self.optimizer, self.pending = None, self.inner()
        return heir

    def load_state_dict(self, saved: dict[str, Any]) -> Self:
        """Take over a saved state; the torch optimiser is filled at the next step."""
        super().load_state_dict({k: v for k, v in saved.items() if not k.startswith("torch.")})
        self.pending = {k.removeprefix("torch."): v for k, v in saved.items() if k.startswith("torch.")}
        return self


@dataclass(frozen=True)
class TorchMethod:
    """Drive ``make([parameter], **options)`` one step at a time.

    Not ``second_order`` in the sense of ``StepMethod``, whatever the class: torch's methods work from gradients.

    Args:
        make: A ``torch.optim.Optimizer`` class.
        options: Its keyword arguments.
    """

    make: Callable[..., torch.optim.Optimizer]
    options: Mapping[str, Any] = field(default_factory=dict)

    second_order: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not (isinstance(self.make, type) and issubclass(self.make, torch.optim.Optimizer)):
            raise ArgumentTypeError(f"make needs a torch.optim.Optimizer class, got {self.make!r}.")

    def init(self, problem: Problem, theta: Tensor) -> TorchState:
        """Evaluate loss and gradient once."""
        return self.refresh(problem, theta, TorchState())

    def refresh(self, problem: Problem, theta: Tensor, state: TorchState) -> TorchState:
        """Loss and gradient on the new points; the moments stay (L-BFGS starts over: its pairs mix two
        losses).
        """
        f, g = problem.value_and_grad(theta)
        state = state.hand_over()
        state.loss, state.gradient, state.grad_norm = f, g, float(torch.linalg.vector_norm(g))
        state.evaluations += 1
        state.rejections = 0
        if self._is_lbfgs():
            state.optimizer, state.pending = None, None
        return state

    def step(self, problem: Problem, theta: Tensor, state: TorchState) -> tuple[Tensor, TorchState]:
        """One step of the torch optimiser; a loss that is not finite is undone and the learning rate
        halved.
        """
        given, state = state, state.hand_over()
        x = self._parameter(theta, state)
        optimizer = state.optimizer
        assert optimizer is not None
        assert state.gradient is not None
        seen: list[tuple[Tensor, float, Tensor]] = [(theta, state.loss, state.gradient)]

        def closure() -> Tensor:
            point = x.detach()
            known = next((entry for entry in seen if torch.equal(entry[0], point)), None)
            if known is None:
                known = (point.clone(), *problem.value_and_grad(point.clone()))
                state.evaluations += 1
                seen.append(known)
            _, f, g = known
            x.grad = g.clone()
            return torch.as_tensor(f, dtype=theta.dtype)

        closure()
        optimizer.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType]
        closure()  # the new point; already seen by a line search
        new = x.detach().clone()
        _, f, g = next(entry for entry in seen if torch.equal(entry[0], new))
        if not (math.isfinite(f) and bool(torch.isfinite(g).all())):
            state.rate *= 0.5
            state.optimizer, state.pending = None, {} if self._is_lbfgs() else given.pending
            state.reject()
            return theta, state
        if torch.equal(new, theta):
            state.reject()
            return theta, state
        state.gradient, state.grad_norm = g, float(torch.linalg.vector_norm(g))
        state.accept(f)
        return new, state

    def _is_lbfgs(self) -> bool:
        return isinstance(self.make, type) and issubclass(self.make, torch.optim.LBFGS)

    def _parameter(self, theta: Tensor, state: TorchState) -> torch.nn.Parameter:
        """The optimiser's flat parameter, holding ``theta``; builds the optimiser when there is none."""
        if state.optimizer is None:
            x = torch.nn.Parameter(theta.detach().clone())
            optimizer = self.make([x], **self.options)
            if state.pending:
                saved = optimizer.state_dict()
                saved["state"] = {0: _unflatten(state.pending)}
                optimizer.load_state_dict(saved)
                # torch casts to the parameter's dtype, which rounds a product that NAdam keeps in single precision otherwise
                optimizer.state[x].update(_unflatten(state.pending))
            for group in optimizer.param_groups:
                group["lr"] = state.rate * group["lr"]
            state.optimizer, state.pending = optimizer, None
        x = state.optimizer.param_groups[0]["params"][0]
        with torch.no_grad():
            x.copy_(theta)
        return x


def _flatten(inner: Mapping[str, Any]) -> dict[str, Any]:
    """Copy; a list of equal tensors becomes one stacked tensor under ``name[]``, a list with gaps is
    scratch space.
    """
    out: dict[str, Any] = {}
    for name, value in inner.items():
        if isinstance(value, list):
            if not any(v is None for v in value):
                out[f"{name}[]"] = torch.stack(value) if value else torch.empty(0)
        elif value is not None:
            out[name] = value.detach().clone() if isinstance(value, Tensor) else value
    return out


def _unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of ``_flatten``; a copy, since an optimiser writes into what it is given."""
    flat = {name: value.clone() if isinstance(value, Tensor) else value for name, value in flat.items()}
    return {
        name.removesuffix("[]"): list(value.unbind(0)) if name.endswith("[]") else value
        for name, value in flat.items()
    }
