"""Integrals of a solution over its domain or a side, and the flux through a side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sciml.ansatz.march import Chain
from sciml.arguments import number
from sciml.domains.quadrature.estimate import integral
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.field import Field
from sciml.solvers.quantities.vectors import vector_names

if TYPE_CHECKING:
    from sciml.solvers.answer import Answer

ACCURACY = 1e-8  # relative, of a quadrature
Density = Callable[[Field, Tensor], Any]


class Integral(float):
    """A number that knows how far its quadrature may be off.

    Attributes:
        error: Of the quadrature: the difference of its last two levels, or the half-width of the 95 % interval of
            quasi-random points. The error of the solution comes on top.
        points: Evaluations of the integrand.
    """

    error: float
    points: int

    def __new__(cls, value: float, error: float, points: int) -> Integral:
        self = super().__new__(cls, value)
        self.error, self.points = error, points
        return self

    def __getnewargs__(self) -> tuple[float, float, int]:  # type: ignore[override]
        return float(self), self.error, self.points

    def __repr__(self) -> str:
        return f"{float(self):.12g} ± {self.error:.1e}"


def integrate(
    solution: Answer,
    f: Density | str | None = None,
    *,
    on: Any = None,
    time: float | None = None,
    accuracy: float = ACCURACY,
) -> Integral:
    """The integral of a solution, or of a function of it, over the domain or a part of its boundary.

    Intervals, boxes in at most four dimensions, disks and balls, polygons, and what is made of them in the plane have Gauss
    rules, whose levels are compared; everything else has quasi-random points.

    ```python
    mass = solution.integrate(time=0.5)
    energy = solution.integrate(lambda u, x: u.d("x") ** 2)
    heat = solution.integrate(on="x=1")
    ```

    Args:
        solution: The solution.
        f: The integrand, from the solution as a ``Field`` (values ``(n, m)`` and derivatives) and points ``x (n, d)`` to
            ``(n,)`` or ``(n, 1)``; the name of an unknown; the unknown itself where there is one.
        on: A part of the boundary, as ``Domain.boundary`` takes it, at all times; None for the domain.
        time: One moment, to integrate over space alone; None for all times.
        accuracy: The relative error at which the quadrature ends, if it gets there with 260,000 points.

    Raises:
        ArgumentError: A system without ``f``, an unknown name, an integrand of another shape or without a finite value
            somewhere, no such side, or a time that was not solved.
        ArgumentTypeError: An argument of another type.
    """
    density = _density(solution, f)

    def function(x: Tensor, normal: Tensor | None) -> Tensor:
        return _column("f", density(solution.field(x), x), len(x))

    return _integral(solution, function, on=on, inside=on is None, time=time, accuracy=accuracy)


def flux(
    solution: Answer,
    on: Any = None,
    coefficient: float | Callable[[Tensor], Any] = 1.0,
    *,
    unknown: str | None = None,
    vector: Sequence[str] | None = None,
    time: float | None = None,
    accuracy: float = ACCURACY,
) -> Integral:
    """What passes outwards through a side: the integral of ``k du/dn``, or of ``k q . n`` for a vector of unknowns ``q``.

    Heat that flows by ``q = -k grad T`` leaves by ``-flux``.

    Args:
        solution: The solution.
        on: A part of the boundary, as ``Domain.boundary`` takes it; None for all of it.
        coefficient: ``k``, a number or a function of the points ``x (n, d)`` to ``(n,)`` or ``(n, 1)``.
        unknown: The unknown ``u`` of a system.
        vector: The unknowns that are the components of ``q``; those whose names tell it unless given (``u, v, p``,
            ``qx, qy``).
        time: One moment; None for the integral over all times.
        accuracy: As in ``integrate``.

    Raises:
        ArgumentError: As ``integrate``; a system whose names do not tell a vector, without ``unknown`` or ``vector``.
    """
    problem = solution.problem
    if unknown is not None and vector is not None:
        raise ArgumentError("vector needs to be left out where unknown is given, got both.")
    if unknown is not None and unknown not in problem.unknowns:
        raise ArgumentError(f"unknown needs one of {', '.join(problem.unknowns)}, got {unknown!r}.")
    if not callable(coefficient):
        coefficient = number("coefficient", coefficient)
    space = list(problem.domain.space_axes)
    components = None
    if unknown is None and (vector is not None or problem.outputs > 1):
        components = [problem.unknowns.index(name) for name in vector_names(problem, vector)]

    def function(x: Tensor, normal: Tensor | None) -> Tensor:
        assert normal is not None
        field = solution.field(x)
        if components is not None:
            vectors = field.value[:, components]
        else:
            one = field if unknown is None else field[unknown]
            vectors = torch.cat([one.d(k) for k in space], 1)
        through = (vectors * normal[:, space].to(vectors)).sum(1)
        k = coefficient(x) if callable(coefficient) else coefficient
        return through * (_column("coefficient", k, len(x)) if callable(coefficient) else k)

    return _integral(solution, function, on=on, inside=False, time=time, accuracy=accuracy)


def _integral(
    solution: Answer, function: Any, *, time: float | None, accuracy: float, **where: Any
) -> Integral:
    domain, trial = solution.problem.domain, solution.trial
    until = trial.until if isinstance(trial, Chain) else None
    if time is not None:
        if domain.time_axis is None or domain.dim < 2:
            raise ArgumentError(
                f"time needs a problem in time and space, got {', '.join(map(str, domain.names))}."
            )
        last = float(domain.upper[0]) if until is None else until
        time = number("time", time, least=float(domain.lower[0]), most=last)
    accuracy = number("accuracy", accuracy, least=0.0, most=1.0)
    like = next(solution.network.parameters())

    def on_device(x: Tensor, normal: Tensor | None) -> Tensor:
        return function(x.to(like), None if normal is None else normal.to(like)).double().cpu()

    found = integral(domain, on_device, time=time, until=until, accuracy=accuracy, **where)
    return Integral(found.value, found.error, found.points)


def _density(solution: Answer, f: Any) -> Density:
    names: tuple[str, ...] = tuple(solution.problem.unknowns)
    if f is None and len(names) > 1:
        raise ArgumentError(
            f"f needs one of the unknowns {', '.join(names)} or a function f(u, x), got None."
        )
    if f is None or isinstance(f, str):
        name = f if isinstance(f, str) else next(iter(names))
        if name not in names:
            raise ArgumentError(
                f"f needs one of the unknowns {', '.join(names)} or a function, got {name!r}."
            )
        return lambda u, x: u[name].value
    if not callable(f):
        raise ArgumentTypeError(
            f"f needs a function f(u, x) or the name of an unknown, got {type(f).__name__}."
        )
    return f


def _column(argument: str, values: Any, n: int) -> Tensor:
    values = values.value if isinstance(values, Field) else values
    if isinstance(values, (int, float)) and not isinstance(values, bool):
        return torch.full((n,), float(values), dtype=torch.float64)
    values = torch.as_tensor(values)
    if values.is_complex():
        raise ArgumentTypeError(f"{argument} needs real numbers, got {values.dtype}.")
    if tuple(values.shape) not in ((n,), (n, 1)):
        raise ArgumentError(f"{argument} needs one number a point, ({n},), got shape {tuple(values.shape)}.")
    return values.detach().reshape(n)
