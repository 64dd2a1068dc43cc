"""A user's own network: one output for each point, with derivatives that belong to its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sciml.checks.probe import highest_order, interior
from sciml.errors import ArgumentError

if TYPE_CHECKING:
    from sciml.problem import PDE

POINTS, SUBSET = 33, 7
LINES, NODES = 8, 401
OFF = 0.1  # of the range of a derivative: what its own derivative, integrated along a line, may miss of it


def check_model(problem: PDE, network: nn.Module, seen: Any) -> None:
    """Refuse a module that is no function of the point, or not as smooth as the equation needs.

    A residual of second order of a network of ``relu`` holds zeros for the second derivatives, and none of the jumps of the
    first: it is trained to solve another equation.

    Args:
        problem: To be solved.
        network: Maps ``(n, problem.inputs)`` to ``(n, problem.outputs)``.
        seen: Maps points ``(n, d)`` to what the network takes.

    Raises:
        ArgumentError: Naming what is wrong.
    """
    like = next(network.parameters())
    z = seen(interior(problem, POINTS).to(like)).detach()
    with torch.no_grad():
        whole, again, part = network(z), network(z), network(z[:SUBSET])
    if not bool(torch.isfinite(whole).all()):
        return  # it is refused where the residual is looked at
    if not torch.equal(whole, again):
        raise ArgumentError(
            "model needs one output for one point, got another the second time: dropout needs model.eval()."
        )
    close = torch.finfo(like.dtype).eps ** 0.5 * float(whole.abs().max())
    if float((part - whole[: len(part)]).abs().max()) > close:
        raise ArgumentError(
            "model needs outputs that depend on their own point, got some that change with the points that come along: "
            "batch normalisation needs model.eval()."
        )
    order = highest_order(problem)
    torn = _torn(network, z, order)
    if torn is not None:
        what = (
            "values jump or are detached" if torn == 0 else f"derivative of order {torn} jumps or is detached"
        )
        raise ArgumentError(
            f"model needs derivatives up to order {order} that belong to its values, got one whose {what}, as the slope "
            "of relu does: use tanh, sine, silu or another smooth activation."
        )


def _torn(network: nn.Module, z: Tensor, order: int) -> int | None:
    """The lowest derivative below ``order`` that its own derivative, integrated along lines, misses a part of."""
    steps = torch.linspace(0, 1, NODES, dtype=z.dtype, device=z.device)
    found = order
    for a, b in zip(z[:-1][:LINES], z[1:][:LINES], strict=True):
        s = steps.clone().requires_grad_()
        with torch.enable_grad():
            f = network(a + s[:, None] * (b - a))
            least = 1e-12 * (1.0 + float(f.detach().abs().max()))
            for k in range(found):
                slope = torch.stack([_slope(column, s) for column in f.T], 1)
                change = (
                    (f[1:] - f[:1] - torch.cumulative_trapezoid(slope, steps, dim=0)).detach().abs().amax(0)
                )
                size = (f.amax(0) - f.amin(0)).detach().clamp(min=least)
                if float((change / size).max()) > OFF:
                    found = k
                    break
                f = slope
    return found if found < order else None


def _slope(column: Tensor, s: Tensor) -> Tensor:
    """The derivative by ``s``, with a graph; zero where there is none."""
    if not column.requires_grad:
        return torch.zeros_like(s)
    (found,) = torch.autograd.grad(column.sum(), s, create_graph=True, allow_unused=True)
    return torch.zeros_like(s) if found is None else found
