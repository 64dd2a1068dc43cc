"""Optimisers: cubic-regularised Newton, Gauss-Newton, quasi-Newton, and any of ``torch.optim``.

Everything rests on *step methods* (``sciml.optim.StepMethod``): immutable values with ``init``, ``step`` and
``refresh`` over a flat parameter vector, called ``...Method`` here and built by name with ``method("gn-arc")``.
There are three ways to use one:

* ``ARC``, ``ARCm``, ``CubicNewton``, ``GaussNewton``: ``torch.optim`` classes whose ``step(closure)`` takes
  a closure that returns the loss (or the residual) and calls no ``backward()``;
* ``minimize(fun, x0, method="arcm")`` and ``least_squares(residual, x0, method="gn-arc")`` with SciPy's
  ``OptimizeResult``;
* ``sciml.solve(problem, optimizer=...)``, which takes any of them: a name, a step method or a class.
"""

from __future__ import annotations

from sciml.jacobian.protocols import Curvature, Linearization
from sciml.optim.iterate import Iteration, iterate
from sciml.optim.methods.arc import CubicMethod
from sciml.optim.methods.gauss_newton import GaussNewtonMethod
from sciml.optim.methods.lbfgs import LBFGSMethod
from sciml.optim.methods.model_method import ModelMethod
from sciml.optim.methods.quasi_newton import QuasiNewtonMethod
from sciml.optim.methods.torch_class import TorchMethod
from sciml.optim.minimize import least_squares, minimize
from sciml.optim.problems.from_function import LossFunction, ResidualFunction
from sciml.optim.problems.protocols import LeastSquaresProblem, Problem, SmoothProblem
from sciml.optim.registry import METHODS, as_method, method
from sciml.optim.step_method import State, StepMethod
from sciml.optim.torch_optimizer import ARC, ARCm, CubicNewton, GaussNewton

__all__ = [
    "ARC",
    "METHODS",
    "ARCm",
    "CubicMethod",
    "CubicNewton",
    "Curvature",
    "GaussNewton",
    "GaussNewtonMethod",
    "Iteration",
    "LBFGSMethod",
    "LeastSquaresProblem",
    "Linearization",
    "LossFunction",
    "ModelMethod",
    "Problem",
    "QuasiNewtonMethod",
    "ResidualFunction",
    "SmoothProblem",
    "State",
    "StepMethod",
    "TorchMethod",
    "as_method",
    "iterate",
    "least_squares",
    "method",
    "minimize",
]
