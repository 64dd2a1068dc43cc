"""``torch.optim.Optimizer`` classes around the step methods: ``ARC``, ``ARCm``, ``CubicNewton``,
``GaussNewton``.

```python
optimizer = optim.ARC(model.parameters())
for _ in range(100):
    loss = optimizer.step(lambda: loss_function(model(x), y))       # returns the loss, no backward()

optimizer = optim.GaussNewton(model.parameters())
for _ in range(100):
    loss = optimizer.step(lambda: (model(x) - y).flatten())         # returns the residual
```

A class only wraps its step method (``ARC.step_method(...)`` builds it, ``optimizer.method`` is it).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.optim.methods.arc import CubicMethod
from sciml.optim.methods.gauss_newton import GaussNewtonMethod
from sciml.optim.problems.from_closure import ClosureProblem, Parameters, ResidualClosureProblem
from sciml.optim.step_method import ModelState

TRIES = 20  # rejected steps within one call of step()


class StepOptimizer(torch.optim.Optimizer, ABC):
    """Base of the classes below: one parameter group, one flat vector, a step method.

    ``step(closure)`` goes on until a step is taken, at most 20 tries, and returns the loss before it. The
    parameters are written once, at the end; an exception or Ctrl-C inside the closure leaves them as they
    were.

    Attributes:
        method: The step method.
    """

    problem: type[ClosureProblem] = ClosureProblem

    def __init__(self, params: Iterable[Any], method: Any):
        super().__init__(params, {})
        if len(self.param_groups) != 1:
            raise ArgumentError(f"params needs one parameter group, got {len(self.param_groups)}.")
        self.method = method
        self._leaves = Parameters(self.param_groups[0]["params"])
        self._live: ModelState | None = None

    @classmethod
    @abstractmethod
    def step_method(cls, **options: Any) -> Any:
        """The step method that this class wraps."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refuse a second group: the model couples all parameters."""
        if self.param_groups:
            raise ArgumentError("params needs one parameter group, got a second one.")
        super().add_param_group(param_group)

    def step(self, closure: Callable[[], Any] | None = None) -> Tensor:  # type: ignore[override]
        """Move the parameters once.

        Args:
            closure: ``() -> loss`` (``GaussNewton``: ``() -> residual``, a 1-D tensor or a dict of them),
                without ``backward()``.
        Returns:
            The loss before the step, a 0-dimensional tensor.
        """
        if closure is None:
            raise ArgumentError("closure needs a function that returns the loss (or the residual), got None.")
        theta = self._leaves.flat()
        with self._leaves:
            problem = self.problem(self._leaves, closure)
            state = self._state(problem, theta)
            state.forget()  # the closure may stand for another batch now
            for _ in range(TRIES):
                theta, state = self.method.step(problem, theta, state)
                if state.accepted:
                    break
        state.forget()
        self._live = state
        if state.accepted:
            self._leaves.write(theta)
        return theta.new_tensor(state.base_loss)

    @property
    def info(self) -> ModelState:
        """Loss after the last step, gradient norm, whether it was taken, evaluations so far."""
        if self._live is None:
            raise ArgumentError("info needs a step first, got none yet.")
        return self._live

    def _state(self, problem: ClosureProblem, theta: Tensor) -> ModelState:
        """The method's state: the live one, or the one that ``load_state_dict`` brought, or a new one."""
        if self._live is not None:
            return self._live
        state: ModelState = self.method.init(problem, theta)
        if saved := dict(self.state.get(self._leaves.leaves[0], {})):
            state.load_state_dict(saved)
        return state

    def state_dict(self) -> dict[str, Any]:
        """As for every torch optimiser; a resumed run gives the same numbers."""
        if self._live is not None:
            self.state[self._leaves.leaves[0]] = self._live.state_dict()
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        super().load_state_dict(state_dict)
        self._live = None

    def __getstate__(self) -> dict[str, Any]:
        self.state_dict()
        return {**super().__getstate__(), "method": self.method, "_leaves": self._leaves, "_live": None}


class ARC(StepOptimizer):
    """Adaptive cubic regularisation for a scalar loss.

    Args:
        params: Parameters, one group.
        sigma, update, solver: See ``CubicMethod``.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        sigma: float = 0.1,
        update: str = "interpolation",
        solver: str = "auto",
    ):
        super().__init__(params, self.step_method(sigma=sigma, update=update, solver=solver))

    @classmethod
    def step_method(cls, **options: Any) -> CubicMethod:
        return CubicMethod(**options)


class ARCm(StepOptimizer):
    """ARC with momentum: extrapolates after an accepted step, keeps the lower point.

    Args:
        params: Parameters, one group.
        momentum: ``"ls"``, ``"constant"`` or ``"wang"``.
        sigma, update, solver: See ``CubicMethod``.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        momentum: str = "ls",
        sigma: float = 0.1,
        update: str = "interpolation",
        solver: str = "auto",
    ):
        options = {"momentum": momentum, "sigma": sigma, "update": update, "solver": solver}
        super().__init__(params, self.step_method(**options))

    @classmethod
    def step_method(cls, **options: Any) -> CubicMethod:
        return CubicMethod(**{"momentum": "ls", **options})


class CubicNewton(StepOptimizer):
    """Newton's method with a fixed cubic term (Nesterov, Polyak); with momentum it is CRm.

    Args:
        params: Parameters, one group.
        M: Bound on the Lipschitz constant of the Hessian, > 0; the model's sigma is M/2.
        momentum: None or ``"wang"``.
        solver: See ``CubicMethod``.
    """

    def __init__(
        self, params: Iterable[Any], *, M: float = 10.0, momentum: str | None = None, solver: str = "auto"
    ):
        super().__init__(params, self.step_method(M=M, momentum=momentum, solver=solver))

    @classmethod
    def step_method(cls, M: float = 10.0, **options: Any) -> CubicMethod:
        return CubicMethod(**{"adaptive": False, "sigma": 0.5 * M, **options})


class GaussNewton(StepOptimizer):
    """Gauss-Newton for a closure that returns the residual; the loss is half its square.

    Args:
        params: Parameters, one group.
        model, form, geodesic, momentum, weight: See ``GaussNewtonMethod``.
    """

    problem = ResidualClosureProblem

    def __init__(
        self,
        params: Iterable[Any],
        *,
        model: str = "cubic",
        form: str = "auto",
        geodesic: bool = True,
        momentum: str | None = None,
        weight: float | None = None,
    ):
        options = {"model": model, "form": form, "geodesic": geodesic, "momentum": momentum, "weight": weight}
        super().__init__(params, self.step_method(**options))

    @classmethod
    def step_method(cls, **options: Any) -> GaussNewtonMethod:
        return GaussNewtonMethod(**options)
