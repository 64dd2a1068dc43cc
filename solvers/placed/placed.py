"""Which problems place the knots of a spline themselves, and the spline that solves them.

Problems on a line without time, periods and unknown coefficients, of as many equations as unknowns, whose rates make
layers, or whose coefficients jump or have narrow peaks. Where Gauss-Newton does not get there from the conditions alone, a
scalar equation of second order is solved with more viscosity first, which then falls.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.checks.equation import Equation
from sciml.conditions import Data, Interface
from sciml.derivatives import AutogradSource
from sciml.problem import PDE
from sciml.solvers.placed.cells import THINNEST, Layer, graded, jumps_of, layers, peaks_of, steep_of
from sciml.solvers.placed.rates import (
    Rates,
    coefficients,
    order_along,
    rates_along,
    start,
    without_poles,
)
from sciml.solvers.placed.spline import Fit, carried, spline
from sciml.solvers.training.residual_system import ResidualSystem

LOOKS = 401  # points at which rates are taken
HIGHEST = 4  # order of derivatives
NEAR = (1e-9, 1e-6)  # to the ends: where rates are looked at first and last
ARRIVED = 1e-3  # relative residual above which viscosity is tried
ROUGH = 1e-2  # relative residual that is enough on the way
EVEN = 18  # ends of even cells to begin with viscosity on
START, FALL, STAGES = 0.1, 3.0, 24  # viscosity as a length of the domain times the drift, its fall a stage


class TooThin(Exception):
    """A layer that cannot be resolved, as a note says it."""


@dataclass(frozen=True)
class Placed:
    """Where a problem places knots.

    Attributes:
        jumps: Places in [-1, 1].
        layers: Places and widths there.
        smooth: Continuous derivatives that the solution keeps at a jump.
        order: Of the equation.
    """

    jumps: list[float]
    layers: list[Layer]
    smooth: int
    order: int

    def note(self, problem: PDE) -> str:
        """What a user should know."""
        half = float(problem.domain.upper[0] - problem.domain.lower[0]) / 2
        parts = [
            f"a layer, rise or peak of width {half * w:.1e} at {_place(problem, p)}" for p, w in self.layers
        ]
        parts += [
            f"a jump at {_place(problem, p)}" for p in self.jumps if all(p != q for q, _ in self.layers)
        ]
        more = len(parts) - 4
        shown = ", ".join(parts[:4]) + (f" and {more} more" if more > 0 else "")
        return f"solved by a spline whose knots follow from the coefficients: {shown}."


def placed_of(problem: PDE) -> Placed | None:
    """Where a problem places knots; None for a problem of another kind, and where it asks for none.

    Raises:
        TooThin: A layer is thinner than rounding lets points resolve.
    """
    domain = problem.domain
    plain = domain.dim == 1 and domain.time_axis is None and not problem.periodic_axes
    if not plain or type(problem).sample is not PDE.sample or problem._measured:
        return None
    if any(isinstance(c, Data) for c in problem.conditions):
        return None
    equation = Equation(problem)
    if not equation.usable:
        return None
    found = _coefficients(problem, start(problem))
    order = order_along(found, 0)
    rates = _rates(problem, found)
    if rates is None or not 1 <= order <= HIGHEST:
        return None
    crossed = sorted({z for c in problem.interfaces for z in _crossings(problem, c)})
    sudden, steep = steep_of(equation)
    steep = [layer for layer in steep if all(abs(layer.place - c) > 1e-6 for c in crossed)]
    known = [*crossed, *(layer.place for layer in steep)]
    inner = sorted({*jumps_of(equation), *sudden})
    jumps = sorted({*crossed, *(z for z in inner if all(abs(z - c) > 1e-6 for c in known))})
    places = layers(_looks(), rates, jumps) + steep + peaks_of(equation)
    if not places and not jumps:
        return None
    thinnest = min(places, key=lambda layer: layer.width, default=None)
    if thinnest is not None and thinnest.width < THINNEST:
        half = float(domain.upper[0] - domain.lower[0]) / 2
        raise TooThin(
            f"the coefficients make a layer of width {half * thinnest.width:.1e} at {_place(problem, thinnest.place)}, "
            "thinner than rounding lets points resolve: nothing that is computed near it can be right."
        )
    return Placed(jumps, places, 0 if crossed else order - 1, order)


def solved(problem: PDE, placed: Placed, seed: int, tol: float, seconds: float) -> tuple[Trial, Fit]:
    """The trial function around the spline, trained for so long, and how that went."""
    ends = graded(placed.layers, placed.jumps)
    trial = Trial(problem, spline(problem, ends, placed.jumps, placed.smooth))
    first = ResidualSystem(problem, trial, len(ends), 1, check=False)
    first.linearize(first.theta)  # kernels are compiled before the clock starts
    deadline = time.perf_counter() + seconds
    fit = Fit(trial, ends, seed, tol, deadline)
    if fit.relative <= ARRIVED or problem.outputs > 1 or placed.order != 2 or fit.linear:
        return trial, fit
    ends = torch.cat([graded([], placed.jumps), torch.linspace(-1, 1, EVEN, dtype=torch.float64)]).unique()
    trial = Trial(problem, spline(problem, ends, placed.jumps, placed.smooth))
    viscosity = _viscosity(trial)
    for _ in range(STAGES):
        Fit(trial, ends, seed, ROUGH, deadline, viscosity)
        found = _coefficients(trial.problem, trial)
        diffusion = float(found[(0, 0)].abs().max())
        viscosity /= FALL
        last = abs(viscosity) < 0.2 * diffusion
        found[(0, 0)] = found[(0, 0)] + (0.0 if last else viscosity)
        rates = _rates(problem, found)
        assert rates is not None
        wanted = graded(layers(_looks(), rates, placed.jumps), placed.jumps)
        ends = carried(trial, ends, wanted)
        if last:
            break
    return trial, Fit(trial, ends, seed, tol, deadline)


def _place(problem: PDE, z: float) -> str:
    low, high = float(problem.domain.lower[0]), float(problem.domain.upper[0])
    return f"{problem.domain.names[0]} = {low + (high - low) * (z + 1) / 2:.6g}"


def _looks() -> Tensor:
    near = torch.tensor(NEAR, dtype=torch.float64)
    inner = torch.linspace(-1, 1, LOOKS, dtype=torch.float64)[1:-1]
    return torch.cat([-1 + near, inner, 1 - near.flip(0)])


def _coefficients(problem: PDE, function: Callable[[Tensor], Tensor]) -> dict[tuple[int, ...], Tensor]:
    low, high = problem.domain.lower, problem.domain.upper
    x = low + (high - low) * ((_looks() + 1) / 2)[:, None]
    return coefficients(problem, AutogradSource(function, x), x)


def _rates(problem: PDE, found: dict[tuple[int, ...], Tensor]) -> Rates | None:
    """For coordinates in [-1, 1]."""
    half = float(problem.domain.upper[0] - problem.domain.lower[0]) / 2
    rates = rates_along(found, 0, [2 * half])
    if rates is None:
        return None
    return without_poles(Rates(*(rate * half for rate in rates)), 1 - _looks().abs())


def _viscosity(trial: Trial) -> float:
    """The first, with the sign of the equation's own."""
    found = _coefficients(trial.problem, trial)
    second = found[(0, 0)]
    length = float(trial.problem.domain.upper[0] - trial.problem.domain.lower[0])
    drift = float(found[(0,)].abs().max()) * length if (0,) in found else 0.0
    force = float(found[()].abs().max()) * length**2 if () in found else 0.0
    return math.copysign(START * max(drift, force), float(second.sum()))


def _crossings(problem: PDE, interface: Interface) -> list[float]:
    low, high = float(problem.domain.lower[0]), float(problem.domain.upper[0])
    """Where an interface lies, in [-1, 1]."""
    pairs = interface.draw(problem.domain, 64, 0).reshape(-1, 2).mean(1)
    z = (2 * (pairs - low) / (high - low) - 1).sort().values.tolist()
    return [p for k, p in enumerate(z) if k == 0 or p - z[k - 1] > 1e-6]
