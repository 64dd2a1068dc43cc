"""R-functions: real functions whose sign follows a Boolean rule of the signs of their arguments.

With them a shape made of simple ones gets one function that is positive inside, zero on the boundary,
negative outside, and analytic wherever at most one argument vanishes. The R0 forms keep normalisation: where
one argument vanishes, the gradient of the result is the gradient of that argument.

References: Rvachev (1982), Theory of R-functions; Shapiro (2007), Acta Numerica 16, sections 3-4; Sukumar and
Srivastava (2022), Comput. Methods Appl. Mech. Engrg. 389, 114333 (trimming).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import torch
from torch import Tensor


def root(s: Tensor) -> Tensor:
    """``sqrt(s)`` for s >= 0, with derivatives 0 instead of infinite at s = 0."""
    at_zero = s <= 0
    return torch.where(at_zero, torch.zeros_like(s), torch.sqrt(torch.where(at_zero, torch.ones_like(s), s)))


def within(square: Tensor, radius: float) -> Tensor:
    """Positive where a squared distance q is below R^2: ``(R^2 - q) / sqrt(2 (q + R^2))``.

    Its slope is one at the sphere, it is smooth at the centre, and it grows only linearly far away, so that a
    small hole in a large domain does not dwarf the rest.
    """
    return (radius**2 - square) / torch.sqrt(2 * (square + radius**2))


def conjunction(a: Tensor, b: Tensor) -> Tensor:
    """Positive where both are: ``a + b - sqrt(a^2 + b^2)``."""
    return a + b - root(a * a + b * b)


def disjunction(a: Tensor, b: Tensor) -> Tensor:
    """Positive where one is: ``a + b + sqrt(a^2 + b^2)``."""
    return a + b + root(a * a + b * b)


def conjunction_of(terms: Iterable[Tensor]) -> Tensor:
    """The conjunction of one or more terms."""
    return reduce(conjunction, terms)


def trimmed(f: Tensor, t: Tensor, size: float = 1.0) -> Tensor:
    """A non-negative function that vanishes only where f = 0 and t >= 0.

    ``sqrt(f^2 + ((sqrt(t^2 + f^4) - t) / 2)^2)`` in units of ``size``, a length: Sukumar and Srivastava (2022),
    section 3. It is |f| to high order near f = 0 < t; within round-off of f = 0 it is f, so that its
    derivative there is the one from the side f > 0.
    """
    f, t = f / size, t / size
    g = torch.where(f < -64 * torch.finfo(f.dtype).eps, -f, f)
    s = root(t * t + g**4)
    ahead = t > 0
    # where t > 0 the inner difference is g^4 / (s + t): no cancellation, and no square root of zero at f = 0
    near = g * torch.sqrt(1 + (0.5 * g**3 / torch.where(ahead, s + t, torch.ones_like(t))) ** 2)
    far = root(g * g + (0.5 * (s - t)) ** 2)
    return size * torch.where(ahead, near, far)
