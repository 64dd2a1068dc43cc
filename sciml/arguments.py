"""Checks of arguments, with one wording: ``x needs ..., got ....``

Each takes the argument's name first and returns the checked value. A value of another type raises ``ArgumentTypeError``,
one outside the range ``ArgumentError``. What no function here covers raises the same way:

```python
raise ArgumentError(f"{name} needs {what}, got {value!r}.")
```
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from contextlib import suppress
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from sciml.errors import ArgumentError, ArgumentTypeError, did_you_mean

LARGEST_SEED = 2**62  # of the 64 bits of torch's generators


def number(argument: str, value: Any, least: float | None = None, most: float | None = None) -> float:
    """A finite float in ``[least, most]``, where bounds are given; NumPy's and torch's scalars are taken."""
    what = "a number" + _range(least, most)
    if isinstance(value, (torch.Tensor, np.ndarray)) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(f"{argument} needs {what}, got {value!r}.")
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ArgumentError(f"{argument} needs a finite number, got {value!r}.")
    if (least is not None and value < least) or (most is not None and value > most):
        raise ArgumentError(f"{argument} needs {what}, got {value!r}.")
    return value


def positive(argument: str, value: Any) -> float:
    """A finite float above zero."""
    value = number(argument, value)
    if value <= 0:
        raise ArgumentError(f"{argument} needs a number above 0, got {value!r}.")
    return value


def bounds(lower: str, a: Any, upper: str, b: Any) -> tuple[float, float]:
    """Two finite floats, the second above the first."""
    a, b = number(lower, a), number(upper, b)
    if not a < b:
        raise ArgumentError(f"{upper} needs a number above {lower} = {a!r}, got {b!r}.")
    return a, b


def vector(argument: str, value: Any, length: int | None = None) -> tuple[float, ...]:
    """A non-empty tuple of finite floats, of the given length where one is given."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        value = value.tolist()
    if isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable):
        raise ArgumentTypeError(f"{argument} needs a sequence of numbers, got {value!r}.")
    values = tuple(number(f"{argument}[{i}]", v) for i, v in enumerate(value))
    if not values:
        raise ArgumentError(f"{argument} needs at least one number, got an empty sequence.")
    if length is not None and len(values) != length:
        raise ArgumentError(f"{argument} needs {length} numbers, got {len(values)}.")
    return values


def points(argument: str, value: Any, width: int | None = None) -> torch.Tensor:
    """A new float64 CPU tensor of finite points, shape (n, d) with n >= 1."""
    if not isinstance(value, torch.Tensor):
        got = type(value).__name__
        try:
            value = np.asarray(value)
        except ValueError:
            raise ArgumentTypeError(f"{argument} needs an array of numbers, got a ragged {got}.") from None
        if value.dtype.kind not in "iuf":
            raise ArgumentTypeError(f"{argument} needs an array of numbers, got a {got} of other things.")
        value = torch.from_numpy(value.astype(np.float64))
    if value.is_complex():
        raise ArgumentTypeError(f"{argument} needs an array of real numbers, got {value.dtype}.")
    value = value.detach().to(device="cpu", dtype=torch.float64, copy=True)
    if value.ndim != 2 or value.numel() == 0:
        raise ArgumentError(f"{argument} needs shape (n, d) with n, d >= 1, got {tuple(value.shape)}.")
    if width is not None and value.shape[1] != width:
        raise ArgumentError(f"{argument} needs points with {width} coordinates, got {value.shape[1]}.")
    if not bool(torch.isfinite(value).all()):
        raise ArgumentError(f"{argument} needs finite numbers, got nan or infinity.")
    return value


def samples(argument: str, value: Any, width: int | None = None) -> torch.Tensor:
    """As ``points``; of one number each, ``(n,)`` stands for ``(n, 1)``."""
    array = value
    if not isinstance(value, torch.Tensor):
        with suppress(ValueError):  # of ragged rows, which ``points`` refuses
            array = np.asarray(value)
    return points(argument, array[:, None] if getattr(array, "ndim", 0) == 1 else value, width)


def warn_outside(points: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> None:
    """Warn of points ``(n, d)`` outside a box, to whoever called the caller's caller."""
    low, high = low.to(points), high.to(points)
    slack = 1e-6 * (high - low)
    outside = ((points < low - slack) | (points > high + slack)).any(1)
    count = int(outside.sum())
    if count:
        first = [round(v, 6) for v in points[outside][0].tolist()]
        warnings.warn(
            f"{count} of {len(points)} points lie outside the domain, the first at {first}: nothing was solved there.",
            stacklevel=4,
        )


def coordinate_name(argument: str, value: Any) -> str:
    """A coordinate name: a Python identifier, so that it can also be a keyword."""
    if not isinstance(value, str):
        raise ArgumentTypeError(f"{argument} needs a string, got {value!r}.")
    if not value.isidentifier():
        raise ArgumentError(f"{argument} needs a name made of letters, digits and _, got {value!r}.")
    return value


def coordinate_names(value: Any, dim: int) -> tuple[str, ...]:
    """``dim`` different coordinate names; by default x, y, z, and x1 ... xd beyond three dimensions."""
    if value is None:
        return ("x", "y", "z")[:dim] if dim <= 3 else tuple(f"x{i + 1}" for i in range(dim))
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ArgumentTypeError(f"names needs a sequence of {dim} strings, got {value!r}.")
    names = tuple(coordinate_name(f"names[{i}]", v) for i, v in enumerate(value))
    if len(names) != dim or len(set(names)) != dim:
        raise ArgumentError(f"names needs {dim} different strings, got {names!r}.")
    return names


def integer(argument: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """An int in ``least..most``, where bounds are given; NumPy's ints are taken, bools are not."""
    what = "an int" + _range(least, most)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ArgumentTypeError(f"{argument} needs {what}, got {value!r}.")
    value = int(value)
    if (least is not None and value < least) or (most is not None and value > most):
        raise ArgumentError(f"{argument} needs {what}, got {value}.")
    return value


def count(argument: str, value: Any) -> int:
    """An int of at least one."""
    return integer(argument, value, least=1)


def seed_number(value: Any) -> int:
    """An int that a generator takes, with room for what is added to it to make other seeds."""
    return integer("seed", value, least=0, most=LARGEST_SEED)


def one_of(argument: str, value: Any, known: Iterable[Any]) -> Any:
    """A member of ``known``."""
    known = tuple(known)
    # identity first: an array compares element by element
    if not any(value is k or (isinstance(value, type(k)) and value == k) for k in known):
        names = ", ".join(k if isinstance(k, str) else repr(k) for k in known)
        hint = did_you_mean(value, [k for k in known if isinstance(k, str)]) if isinstance(value, str) else ""
        raise ArgumentError(f"{argument} needs one of {names}, got {value!r}.{hint}")
    return value


def _range(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" from {_short(least)} to {_short(most)}"
    if least is not None:
        return f" of at least {_short(least)}"
    return "" if most is None else f" of at most {_short(most)}"


def _short(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def torch_device(argument: str, value: Any) -> torch.device | None:
    """A device that torch can use here; None where none is asked for."""
    if value is None:
        return None
    try:
        found = torch.device(value)
        torch.zeros(1, device=found)
    except (RuntimeError, TypeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ArgumentError(
            f"{argument} needs one that torch can use here, such as 'cpu', got {value!r}: {reason}"
        ) from None
    return found
