"""Optimisers: cubic-regularised Newton, Gauss-Newton, quasi-Newton, and any of ``torch.optim``.

Everything rests on *step methods* (``sciml.optim.protocols``): immutable values with ``init``, ``step`` and
``refresh`` over a flat parameter vector, called ``...Method`` here and built by name with
``method("gn-arc")``. Three doors lead to them:

* ``ARC``, ``ARCm``, ``CubicNewton``, ``GaussNewton``: ``torch.optim`` classes whose ``step(closure)`` takes
  a closure that returns the loss (or the residual) and calls no ``backward()``;
* ``minimize(fun, x0, method="arcm")`` and ``least_squares(residual, x0, method="gn-arc")`` with SciPy's
  ``OptimizeResult``;
* ``sciml.solve(problem, optimizer=...)``, which takes any of them: a name, a step method or a class.
"""

from __future__ import annotations

from .arc import CubicMethod
from .functions import LossFunction, ResidualFunction
from .gauss_newton import GaussNewtonMethod
from .lbfgs import LBFGSMethod
from .minimize import least_squares, minimize
from .protocols import (
    Curvature,
    LeastSquaresProblem,
    Linearization,
    Problem,
    SmoothProblem,
    State,
    StepMethod,
)
from .quasi_newton import QuasiNewtonMethod
from .registry import METHODS, as_method, method
from .torch_method import TorchMethod
from .torch_optimizer import ARC, ARCm, CubicNewton, GaussNewton

__all__ = [
    "ARC",
    "METHODS",
    "ARCm",
    "CubicMethod",
    "CubicNewton",
    "Curvature",
    "GaussNewton",
    "GaussNewtonMethod",
    "LBFGSMethod",
    "LeastSquaresProblem",
    "Linearization",
    "LossFunction",
    "Problem",
    "QuasiNewtonMethod",
    "ResidualFunction",
    "SmoothProblem",
    "State",
    "StepMethod",
    "TorchMethod",
    "as_method",
    "least_squares",
    "method",
    "minimize",
]
