"""What must hold besides the equation: conditions on the boundary, at instants, at points, and measurements.

``kinds`` holds those that have a name, ``general`` the one that takes any residual of the field, ``places`` where it may
be asked for, ``interface`` what holds between two materials.
"""

from sciml.conditions.base import BaseCondition, Value, evaluate, rounding
from sciml.conditions.data import Data
from sciml.conditions.general import Condition
from sciml.conditions.interface import Interface
from sciml.conditions.kinds import Dirichlet, Initial, Neumann, Periodic, Robin

__all__ = [
    "BaseCondition",
    "Condition",
    "Data",
    "Dirichlet",
    "Initial",
    "Interface",
    "Neumann",
    "Periodic",
    "Robin",
    "Value",
    "evaluate",
    "rounding",
]
