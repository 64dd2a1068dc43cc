"""A problem on a piece of its time: what one window of a march solves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sciml.coefficients import unknowns_of
from sciml.conditions import (
    BaseCondition,
    Condition,
    Data,
    Dirichlet,
    Initial,
    Interface,
    Neumann,
    Periodic,
    Robin,
)
from sciml.conditions.places import BOUNDARY, INSIDE
from sciml.domains import Domain, TimeInterval
from sciml.errors import ArgumentError
from sciml.field import Field
from sciml.jets import elementwise, order_of
from sciml.nn.base import JetLayer
from sciml.nn.inputs import InputMap
from sciml.problem import PDE

KNOWN = (Dirichlet, Neumann, Robin, Periodic, Initial, Data, Condition, Interface)
OVERSAMPLED = 16  # points of the whole time drawn at most for each that a window needs


@dataclass(frozen=True)
class Span:
    """A window of time.

    Attributes:
        low, high: Its ends.
        origin: Of the logarithm: the network sees ``log(t - origin)``, ``origin < low``. None where it sees ``t``.
    """

    low: float
    high: float
    origin: float | None = None

    def share(self, t: Tensor) -> Tensor:
        """0 at the start, 1 at the end; even in what the network sees."""
        if self.origin is None:
            return (t - self.low) / (self.high - self.low)
        return ((t - self.origin) / (self.low - self.origin)).log() / self.decades

    def at(self, share: Tensor) -> Tensor:
        """The instant of a share."""
        if self.origin is None:
            return self.low + share * (self.high - self.low)
        return self.origin + (self.low - self.origin) * (share * self.decades).exp()

    @property
    def decades(self) -> float:
        """The logarithm's span."""
        assert self.origin is not None
        return math.log((self.high - self.origin) / (self.low - self.origin))


def starts(problem: PDE) -> list[int]:
    """The order of each unknown's initial data: 0 for none, 1 for a value, 2 for a value and a velocity."""
    orders = [0] * len(problem.unknowns)
    for condition in problem.conditions:
        if isinstance(condition, Initial):
            i = problem.component(condition)
            orders[i] = max(orders[i], condition.order + 1)
    return orders


def check_windows(problem: PDE) -> None:
    """Refuse a problem that cannot be solved window by window.

    Raises:
        ArgumentError: It has no time, no initial condition, or a condition that spans all times.
    """
    domain = problem.domain
    if domain.time_axis is None:
        raise ArgumentError(f"windows needs a domain with time, got {domain!r}.")
    for condition in problem.conditions:
        if type(condition) not in KNOWN:
            kinds = ", ".join(kind.__name__ for kind in KNOWN)
            raise ArgumentError(
                f"windows needs conditions of the kinds {kinds}, got {type(condition).__name__}: solve without windows."
            )
        if isinstance(condition, Condition):
            place = condition.place(domain).kind
            if condition.mean or place not in (BOUNDARY, INSIDE):
                got = "a mean" if condition.mean else f"one at {place!r}"
                raise ArgumentError(
                    f"windows needs a Condition that holds at every time, point by point, got {got} ({condition.label}): "
                    "solve without windows."
                )
        if (
            isinstance(condition, Periodic)
            and problem.periodic_axes
            and domain.time_axis in problem.periodic_axes
        ):
            raise ArgumentError(
                "windows needs a time that is not periodic, got Periodic along it: solve without windows."
            )
    if found := unknowns_of(problem):
        raise ArgumentError(
            f"windows needs a problem without an Unknown, got {', '.join(found)}: solve without windows."
        )
    if not any(starts(problem)):
        raise ArgumentError(
            "windows needs an initial condition, from which time goes on, got a problem without Initial(...)."
        )


class WindowProblem(PDE):
    """A problem within a window: its own equation, on a shorter time.

    Args:
        whole: The problem.
        span: The window.
        first: Whether it is the first: only that has the problem's own initial conditions. The start of a later one is
            built into its trial function.
        soft: Labels of the conditions that are penalty terms in the first window, and so in all.
    """

    def __init__(self, whole: PDE, span: Span, first: bool, soft: Sequence[str] = ()):
        time = TimeInterval(span.low, span.high, name=whole.domain.names[0])
        self.whole, self.span = whole, span
        self.domain: Domain = time if whole.domain.dim == 1 else time * whole.domain.space
        self.unknowns = tuple(whole.unknowns)
        self.conditions = [c for old in whole.conditions if (c := self._within(old, first, soft)) is not None]

    def _within(self, condition: BaseCondition, first: bool, soft: Sequence[str]) -> BaseCondition | None:
        if isinstance(condition, Initial):
            # later windows take theirs from the one before
            return condition if first else replace(condition, value=0.0, hard=None, name=condition.label)
        if isinstance(condition, Data):
            t = condition.points[:, 0]
            inside = (t <= self.span.high) & ((t >= self.span.low) if first else (t > self.span.low))
            if not bool(inside.any()):
                return None
            return replace(condition, points=condition.points[inside], values=condition.values[inside])
        changes: dict[str, Any] = {}
        if isinstance(getattr(condition, "on", None), Domain) and condition.on == self.whole.domain:  # type: ignore[attr-defined]
            changes["on"] = None
        if condition.label in soft and isinstance(condition, Dirichlet):
            changes |= {"hard": False, "name": condition.label}
        return replace(condition, **changes) if changes else condition

    def residual(self, u: Field, x: Tensor) -> Any:
        """As ``residual_terms``."""
        return self.residual_terms(u, x)

    def residual_terms(self, u: Field, x: Tensor) -> dict[str, Tensor]:
        """The whole problem's; in a window of logarithmic time multiplied by ``t - origin``, so that it is even there."""
        terms = self.whole.residual_terms(u, x)
        if self.span.origin is None:
            return terms
        factor = x[:, :1] - self.span.origin
        return {name: factor * term for name, term in terms.items()}

    def source(self, x: Tensor) -> Tensor:
        """The whole problem's."""
        return self.whole.source(x)

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Points within the window, as dense as the problem's own ``sample`` where it has one."""
        x = self.domain.sample(n, seed=seed)
        if self.span.origin is not None:
            share = (x[:, :1] - self.span.low) / (self.span.high - self.span.low)
            return torch.cat([self.span.at(share), x[:, 1:]], 1)
        if type(self.whole).sample is PDE.sample:
            return x
        whole = self.whole.domain
        part = (self.span.high - self.span.low) / float(whole.upper[0] - whole.lower[0])
        own = self.whole.sample(min(OVERSAMPLED * n, math.ceil(2 * n / part)), seed=seed)
        own = own[(own[:, 0] >= self.span.low) & (own[:, 0] <= self.span.high)][:n]
        return torch.cat([own, x[: n - len(own)].to(own)])


class LogTime(JetLayer):
    """Coordinates to a network's inputs, the first by its logarithm.

    Args:
        span: The window, with an origin.
        inner: Maps the coordinates from there, of a domain from 0 to ``span.decades`` in time.
    """

    def __init__(self, span: Span, lower: Tensor, upper: Tensor, periodic: Sequence[int]):
        super().__init__()
        assert span.origin is not None
        self.origin, self.start = span.origin, span.low - span.origin
        lower, upper = lower.clone(), upper.clone()
        lower[0], upper[0] = 0.0, span.decades
        self.inner = InputMap(lower, upper, periodic)

    def jet(self, z: Tensor, weights: Any) -> Tensor:
        """``(n, C, d) -> (n, C, d + periodic)``."""
        t = z[:, :, :1]
        e = t[:, 0] - self.origin
        f, last = [(e / self.start).log()], 1.0 / e
        for r in range(1, order_of(weights) + 1):
            f.append(last)
            last = -r * last / e
        return self.inner.jet(torch.cat([elementwise(t, weights, *f), z[:, :, 1:]], 2), weights)
