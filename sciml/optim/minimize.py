"""``minimize`` and ``least_squares`` as in SciPy, for functions of a torch tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.optim.iterate import OUTCOMES, Stopping, drive
from sciml.optim.problems.from_function import LossFunction, ResidualFunction
from sciml.optim.problems.protocols import Problem
from sciml.optim.registry import as_method
from sciml.optim.step_method import StepMethod

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

STOPPING = {f.name for f in fields(Stopping)}


def minimize(
    fun: Callable[[Tensor], Tensor] | Problem,
    x0: Any,
    method: str | StepMethod = "arcm",
    *,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    callback: Callable[[OptimizeResult], Any] | None = None,
) -> OptimizeResult:
    """Minimise a scalar function of a tensor; derivatives come from autograd.

    Args:
        fun: ``x -> f``, a differentiable torch function of a tensor shaped like ``x0`` with one number as
            its result; or a problem object (``value``, ``value_and_grad``, for the cubic methods
            ``curvature``) of a flat vector.
        x0: Start, a tensor, array or list of any shape; anything but a float32 tensor is computed with in
            float64.
        method: A name from ``METHODS``, a step method, or a class such as ``torch.optim.Adam``.
        tol: Short for ``options={"gtol": tol}``.
        options: ``maxiter``, ``max_time`` (seconds), ``gtol`` (2-norm of the gradient), ``xtol``, ``ftol``
            for the loop; everything else goes to the method.
        callback: Called after each iteration with an ``OptimizeResult`` (``x``, ``fun``, ``nit``,
            ``history``); may raise ``StopIteration``.

    Returns:
        ``x`` (as ``x0``: tensor or array), ``fun``, ``jac`` (gradient there), ``nit``, ``nfev`` (losses,
        gradients and models, each counted once), ``success``, ``outcome`` (a key of ``OUTCOMES``),
        ``status``, ``message``, ``history`` and ``state`` (the method's).

    Raises:
        ArgumentError: Unknown method or option, empty or non-finite ``x0``, a result of the wrong shape.
        ArgumentTypeError: Complex or integer tensors, a function that returns no tensor.
    """
    return _solve(fun, LossFunction, x0, method, tol, options, callback)


def least_squares(
    residual: Callable[[Tensor], Tensor | dict[str, Tensor]] | Problem,
    x0: Any,
    method: str | StepMethod = "gn-arc",
    *,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    callback: Callable[[OptimizeResult], Any] | None = None,
) -> OptimizeResult:
    """Minimise ``1/2 |r(x)|^2``.

    Args:
        residual: ``x -> r``, a 1-D tensor or a dict of named ones (each then counts by its mean square, see
            ``ResidualFunction``); or a problem object with ``residual`` and ``linearize``.
        x0, method, tol, options, callback: As for ``minimize``.

    Returns:
        As ``minimize``; ``fun`` is the loss ``1/2 |r|^2`` and ``residual`` the vector r at ``x``.
    """
    return _solve(residual, ResidualFunction, x0, method, tol, options, callback)


def _solve(
    fun: Any,
    wrap: Callable[[Any], Problem],
    x0: Any,
    method: Any,
    tol: float | None,
    options: Mapping[str, Any] | None,
    callback: Callable[[OptimizeResult], Any] | None,
) -> OptimizeResult:
    from scipy.optimize import OptimizeResult

    start, give_back = _start(x0)
    problem: Any
    if hasattr(fun, "value_and_grad"):
        problem = fun
    elif callable(fun):
        problem = wrap(lambda theta: fun(theta.view(start.shape)))
    else:
        raise ArgumentTypeError(f"fun needs a function or a problem, got {type(fun).__name__}.")
    chosen = dict(options or {})
    rules = {name: chosen.pop(name) for name in list(chosen) if name in STOPPING}
    if tol is not None:
        rules.setdefault("gtol", tol)
    stopping = Stopping(**rules)
    theta, state, outcome, history = drive(
        as_method(method, **chosen),
        problem,
        start.reshape(-1),
        stopping,
        callback and _shaped(callback, give_back),
    )
    loss, gradient = problem.value_and_grad(theta)
    status, message = OUTCOMES[outcome]
    result = OptimizeResult(
        x=give_back(theta),
        fun=loss,
        jac=give_back(gradient),
        nit=len(history),
        nfev=state.evaluations + 1,
        success=status < 3,
        outcome=outcome,
        status=status,
        message=message,
        history=history,
        state=state,
    )
    if hasattr(problem, "residual"):
        r = problem.residual(theta)
        result["residual"] = r if isinstance(x0, Tensor) else r.cpu().numpy()
    return result


def _shaped(
    callback: Callable[[OptimizeResult], Any], give_back: Callable[[Tensor], Any]
) -> Callable[[OptimizeResult], Any]:
    def call(partial: OptimizeResult) -> Any:
        partial["x"] = give_back(partial["x"])
        return callback(partial)

    return call


def _start(x0: Any) -> tuple[Tensor, Callable[[Tensor], Any]]:
    """The start as a tensor, and a function from a flat tensor to what the caller gave: a tensor or an array
    of the same shape.
    """
    if isinstance(x0, Tensor):
        if x0.is_complex() or not x0.is_floating_point():
            raise ArgumentTypeError(f"x0 needs a real floating tensor, got {x0.dtype}.")
        start = x0.detach().clone()
    else:
        array = np.asarray(x0)
        if array.dtype.kind not in "fiu":
            raise ArgumentTypeError(f"x0 needs real numbers, got dtype {array.dtype}.")
        start = torch.from_numpy(array.astype(np.float64))
    if start.numel() == 0:
        raise ArgumentError(f"x0 needs at least one number, got shape {tuple(start.shape)}.")
    if not bool(torch.isfinite(start).all()):
        raise ArgumentError("x0 needs finite numbers, got NaN or infinity.")
    if isinstance(x0, Tensor):
        return start, lambda flat: flat.view(start.shape)
    return start, lambda flat: flat.view(start.shape).numpy()
