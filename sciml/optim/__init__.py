"""Optimisers: cubic-regularised Newton, Gauss-Newton, quasi-Newton, and any of ``torch.optim``.

Everything rests on *step methods* (``sciml.optim.protocols``): immutable values with ``init``, ``step`` and
``refresh`` over a flat parameter vector, called ``...Method`` here and built by name with
``method("gn-arc")``.
"""

from __future__ import annotations

from .arc import CubicMethod
from .functions import LossFunction, ResidualFunction
from .gauss_newton import GaussNewtonMethod
from .lbfgs import LBFGSMethod
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

__all__ = [
    "METHODS",
    "CubicMethod",
    "Curvature",
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
    "method",
]
