"""Step methods by name, and the one place that turns what a user may pass as an optimiser into a step
method.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import isabstract
from typing import Any

import torch

from sciml import arguments
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.optim.methods.arc import CubicMethod
from sciml.optim.methods.gauss_newton import GaussNewtonMethod
from sciml.optim.methods.gradient_descent import GradientDescentMethod
from sciml.optim.methods.lbfgs import LBFGSMethod
from sciml.optim.methods.quasi_newton import QuasiNewtonMethod
from sciml.optim.methods.torch_class import TorchMethod
from sciml.optim.step_method import StepMethod
from sciml.optim.torch_optimizer import StepOptimizer


def _adam(lr: float = 1e-3, **options: Any) -> TorchMethod:
    return TorchMethod(torch.optim.Adam, {"lr": lr, **options})


def _preset(make: Callable[..., Any], **preset: Any) -> Callable[..., Any]:
    return lambda **options: make(**{**preset, **options})


METHODS: dict[str, Callable[..., StepMethod]] = {
    "gn-arc": _preset(GaussNewtonMethod, model="cubic"),
    "gn-arcm": _preset(GaussNewtonMethod, model="cubic", momentum="ls"),
    "lm": _preset(GaussNewtonMethod, model="lm"),
    "lm-dual": _preset(GaussNewtonMethod, model="lm", form="dual"),
    "gn-krylov": _preset(GaussNewtonMethod, model="cubic", form="krylov"),
    "spring": _preset(GaussNewtonMethod, model="lm", momentum="spring"),
    "arc": _preset(CubicMethod),
    "arcm": _preset(CubicMethod, momentum="ls"),
    "arc-krylov": _preset(CubicMethod, solver="lanczos"),
    "arcm-krylov": _preset(CubicMethod, momentum="ls", solver="lanczos"),
    "cr": _preset(CubicMethod, adaptive=False, sigma=5.0),
    "crm": _preset(CubicMethod, adaptive=False, sigma=5.0, momentum="wang"),
    "lbfgs": LBFGSMethod,
    "ssbroyden": _preset(QuasiNewtonMethod, update="ssbroyden"),
    "ssbfgs": _preset(QuasiNewtonMethod, update="ssbfgs"),
    "bfgs": _preset(QuasiNewtonMethod, update="bfgs"),
    "adam": _adam,
    "gd": GradientDescentMethod,
}

# former names, which named a linear solver
ALIASES = {"dual": "lm-dual", "krylov": "gn-krylov"}


def method(name: str, **options: Any) -> StepMethod:
    """The step method called ``name``, with its keyword options; ``METHODS`` lists the names.

    Raises:
        ArgumentError: An unknown name or option.
    """
    name = arguments.one_of("method", ALIASES.get(name, name), METHODS)
    try:
        return METHODS[name](**options)
    except TypeError as error:
        raise ArgumentError(
            f"method {name!r} needs options that it knows, got {sorted(options)}: {error}."
        ) from error


def as_method(optimizer: Any, **options: Any) -> StepMethod:
    """A step method from a name, a step method, ``ARC`` and its like (class or object), or a
    ``torch.optim`` class.

    Names and classes take ``options``. A step method is anything with ``init``, ``step``, ``refresh`` and ``second_order``
    (see ``StepMethod``).

    Raises:
        ArgumentTypeError: Anything else.
    """
    if isinstance(optimizer, str):
        return method(optimizer, **options)
    if isinstance(optimizer, type) and issubclass(optimizer, StepOptimizer) and not isabstract(optimizer):
        return optimizer.step_method(**options)
    if isinstance(optimizer, StepOptimizer) and not options:
        return optimizer.method
    if isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer):
        return TorchMethod(optimizer, options)
    if isinstance(optimizer, StepMethod) and not isinstance(optimizer, type) and not options:
        return optimizer
    raise ArgumentTypeError(
        "optimizer needs a name, a step method (init, step, refresh, second_order) or a torch.optim class, "
        f"got {optimizer!r}{' with options ' + str(sorted(options)) if options else ''}."
    )
