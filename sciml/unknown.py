"""``sciml.Unknown``: a coefficient that a problem leaves open, and the number that a solve has for it meanwhile."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from sciml import arguments
from sciml.errors import ArgumentError, ArgumentTypeError

WIDE = 100.0  # ratio of two positive bounds from which the logarithm is mapped between them
EDGE = 1e-3  # share of the way between two bounds that a guess keeps from them

OPERATORS = ("add", "sub", "mul", "truediv", "pow", "matmul", "mod")
COMPARISONS = ("lt", "le", "gt", "ge")


if TYPE_CHECKING:

    class _StandsForANumber(type):
        """To type checkers: it goes where a ``float`` is declared, and residuals compute with it as with one."""

        def __call__(
            cls, guess: float, positive: bool = False, bounds: tuple[float, float] | None = None
        ) -> Any: ...
else:
    _StandsForANumber = type


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(self: Unknown, *others: Any, **options: Any) -> NoReturn:
        raise ArgumentTypeError(
            f"{self!r} needs to be read as an attribute of the problem (self.nu) inside residual, source or a function "
            "of a condition, while it is solved; elsewhere it has no value, and after the solve solution.unknown has it."
        )

    refuse.__name__ = name
    return refuse


@dataclass(frozen=True)
class Unknown(metaclass=_StandsForANumber):
    """A coefficient to be found together with the solution: an attribute of a problem, or a number of a condition.

    In ``residual``, ``source`` and functions of conditions it is a number that torch can compute with. A solve does not
    change it: ``solution.unknown`` holds what was found.

    Args:
        guess: Where to begin; its size is the unit in which the coefficient is trained.
        positive: Whether it is above zero: its logarithm is trained, and a wrong guess may be far off.
        bounds: ``(low, high)`` that it stays between, by a logistic map (of the logarithm, where both are positive and
            ``high >= 100 low``).

    Raises:
        ArgumentError: A guess that is not positive or not between the bounds.
    """

    guess: float
    positive: bool = False
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        guess = arguments.number("Unknown guess", self.guess)
        object.__setattr__(self, "guess", guess)
        if not isinstance(self.positive, bool):
            raise ArgumentTypeError(f"Unknown positive needs True or False, got {self.positive!r}.")
        if self.positive and guess <= 0:
            raise ArgumentError(f"Unknown guess needs a number above 0 with positive=True, got {guess!r}.")
        if self.bounds is None:
            return
        pair = arguments.vector("Unknown bounds", self.bounds, 2)
        low, high = arguments.bounds("Unknown bounds[0]", pair[0], "Unknown bounds[1]", pair[1])
        if self.positive and low < 0:
            raise ArgumentError(f"Unknown bounds[0] needs at least 0 with positive=True, got {low!r}.")
        if not low <= guess <= high:
            raise ArgumentError(f"Unknown guess needs a number from {low:g} to {high:g}, got {guess!r}.")
        object.__setattr__(self, "bounds", (low, high))

    def within(self, what: str, low: float, high: float) -> Unknown:
        """The same where the coefficient itself has to lie in ``low..high``, as a catalogue's parameter does."""
        arguments.number(f"{what} (its guess)", self.guess, low, high)
        own_low, own_high = self.bounds or (0.0 if self.positive else low, high)
        return Unknown(self.guess, self.positive, (max(low, own_low), min(high, own_high)))

    # ---- between the coefficient and the number that is trained

    def value(self, raw: Tensor) -> Tensor:
        """The coefficient for the trained number, of any shape."""
        if self.bounds is None:
            return self.guess * torch.exp(raw) if self.positive else self._unit * raw
        low, high = self.bounds
        if self._logarithmic:
            return low * torch.exp(math.log(high / low) * torch.sigmoid(raw))
        return low + (high - low) * torch.sigmoid(raw)

    def raw(self, value: float) -> float:
        """The trained number for a coefficient; one at its bounds moves a little inside."""
        if self.bounds is None:
            return math.log(value / self.guess) if self.positive else value / self._unit
        low, high = self.bounds
        if self._logarithmic:
            share = math.log(value / low) / math.log(high / low)
        else:
            share = (value - low) / (high - low)
        share = min(max(share, EDGE), 1.0 - EDGE)
        return math.log(share / (1.0 - share))

    def span(self, value: float, deviations: float) -> tuple[float, float]:
        """The ends of an interval of half width ``deviations`` around a coefficient, in the number that is trained."""
        centre = self.inverse(value)
        ends = torch.tensor([centre - deviations, centre + deviations], dtype=torch.float64)
        low, high = sorted(self.value(ends).tolist())
        return low, high

    def slope(self, value: float) -> float:
        """Derivative of the coefficient by the trained number."""
        raw = torch.tensor(self.inverse(value), dtype=torch.float64, requires_grad=True)
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(self.value(raw), raw)
        return float(slope)

    def inverse(self, value: float) -> float:
        """The trained number of a coefficient that was found, which may be close to a bound."""
        if self.bounds is None:
            return self.raw(value)
        low, high = self.bounds
        if self._logarithmic:
            share = math.log(value / low) / math.log(high / low)
        else:
            share = (value - low) / (high - low)
        share = min(max(share, 1e-15), 1.0 - 1e-15)
        return math.log(share / (1.0 - share))

    @property
    def _unit(self) -> float:
        return abs(self.guess) or 1.0

    @property
    def _logarithmic(self) -> bool:
        return self.bounds is not None and 0 < self.bounds[0] <= self.bounds[1] / WIDE

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"guess": self.guess, "positive": self.positive, "bounds": self.bounds and list(self.bounds)}

    def __repr__(self) -> str:
        more = ", positive=True" if self.positive else ""
        return f"Unknown({self.guess:g}{more}{f', bounds={self.bounds}' if self.bounds else ''})"

    __float__ = __abs__ = __neg__ = __bool__ = _refusing("value")
    __array_ufunc__ = None

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = next((a for a in args if isinstance(a, Unknown)), None)
        (found or cls(1.0)).__float__()


for _name in OPERATORS:
    setattr(Unknown, f"__{_name}__", _refusing(_name))
    setattr(Unknown, f"__r{_name}__", _refusing(_name))
for _name in COMPARISONS:
    setattr(Unknown, f"__{_name}__", _refusing(_name))


class Coefficient:
    """What stands in the place of an ``Unknown`` while a problem is solved: a number that torch can compute with.

    Args:
        name: Of the attribute, for messages.
        unknown: What it stands for; it starts at its guess.

    Attributes:
        raw: The number that is trained, 0-dimensional.
    """

    __array_ufunc__ = None  # so that an array asks the operators below

    def __init__(self, name: str, unknown: Unknown):
        self.name, self.unknown = name, unknown
        self.raw = nn.Parameter(torch.tensor(unknown.raw(unknown.guess), dtype=torch.float64))

    @property
    def tensor(self) -> Tensor:
        """Its value, 0-dimensional, with a graph where gradients are enabled."""
        return self.unknown.value(self.raw)

    @property
    def number(self) -> float:
        """Its value."""
        with torch.no_grad():
            return float(self.unknown.value(self.raw.double()))

    def set(self, value: float) -> None:
        """Take another value, as close as the bounds allow."""
        self.raw.data.fill_(self.unknown.inverse(value))

    def at(self, x: Tensor) -> Tensor:
        """Its value at points ``x (n, d)``, ``(n, 1)``."""
        return self.tensor.to(x).expand(x.shape[0], 1)

    def __getattr__(self, name: str) -> Any:
        # only reached for what it lacks itself: exp(), sqrt(), shape, ... of the tensor
        if name.startswith("__") or name in ("raw", "unknown"):
            raise AttributeError(name)
        return getattr(self.tensor, name)

    def __float__(self) -> float:
        raise ArgumentTypeError(
            f"the Unknown {self.name} needs functions of torch, such as torch.exp in the place of math.exp, got one that "
            "takes plain numbers: it would not be trained."
        )

    def __neg__(self) -> Tensor:
        return -self.tensor

    def __abs__(self) -> Tensor:
        return abs(self.tensor)

    def __bool__(self) -> bool:
        return bool(self.tensor)

    def __repr__(self) -> str:
        return f"Coefficient({self.name}={self.number:g})"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*_tensors(args), **_tensors(kwargs or {}))


def _operation(function: Callable[[Any, Any], Any], swapped: bool) -> Callable[[Coefficient, Any], Any]:
    def method(self: Coefficient, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            raise ArgumentTypeError(
                f"the Unknown {self.name} needs to meet torch tensors, got a NumPy array: write that function with torch."
            )
        other = other.tensor if isinstance(other, Coefficient) else other
        return function(other, self.tensor) if swapped else function(self.tensor, other)

    return method


for _name in OPERATORS:
    setattr(Coefficient, f"__{_name}__", _operation(getattr(operator, _name), False))
    setattr(Coefficient, f"__r{_name}__", _operation(getattr(operator, _name), True))
for _name in COMPARISONS:
    setattr(Coefficient, f"__{_name}__", _operation(getattr(operator, _name), False))


def _tensors(tree: Any) -> Any:
    if isinstance(tree, Coefficient):
        return tree.tensor
    if isinstance(tree, (tuple, list)):
        return type(tree)(_tensors(t) for t in tree)
    if isinstance(tree, dict):
        return {k: _tensors(v) for k, v in tree.items()}
    return tree
