"""What ``sciml.solve`` takes when it is told nothing: the network, the number of points, the optimiser."""

from __future__ import annotations

import torch

from sciml import optim
from sciml.nn import MLP, JetNetwork
from sciml.problem import PDE

SECOND_ORDER_LIMIT = 20_000  # parameters; with more, a Jacobian of a thousand rows fills a small machine
QUASI_NEWTON_LIMIT = 3000  # parameters of a dense inverse Hessian


def default_network(problem: PDE, seed: int, dtype: torch.dtype) -> JetNetwork:
    """A sine MLP sized by the number of coordinates; small, because Gauss-Newton makes much of few parameters."""
    d = problem.domain.dim
    evolving = problem.domain.time_axis is not None
    if d <= 2 and not evolving:
        hidden = [20, 20]
    elif d <= 3:
        hidden = [20, 20, 20]
    else:
        hidden = [32, 32, 32]
    widths = [problem.inputs, *hidden, problem.outputs]
    return MLP(widths, "tanh" if evolving else "sine", seed=seed, dtype=dtype)


def default_points(problem: PDE) -> int:
    """Interior points to begin with: few, since more are added when the held-out residual asks for them."""
    evolving = problem.domain.time_axis is not None
    base = 200 if not evolving and problem.domain.dim <= 2 else 1000
    return base * max(1, problem.domain.dim // 2)


def default_method(parameters: int, pointwise: bool) -> optim.StepMethod:
    """Gauss-Newton where rows of the Jacobian come from jets; else gradients only, which autograd has for any residual.

    Gauss-Newton itself picks the smaller of the parameters' and the points' system.
    """
    if pointwise and parameters <= SECOND_ORDER_LIMIT:
        return optim.method("gn-arc")
    if not pointwise and parameters <= QUASI_NEWTON_LIMIT:
        return optim.method("ssbroyden")
    return optim.method("adam")
