"""The spline on the placed knots, and its training: linear least squares, cells halved where the residual is large."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.expressions.parts import Parts
from sciml.field import Field
from sciml.nn import KAN
from sciml.nn.kan import KANLayer
from sciml.problem import PDE
from sciml.solvers.terms.places import felt, in_cells
from sciml.solvers.training.least_squares import is_linear, least_squares_step
from sciml.solvers.training.residual_system import ResidualSystem

DEGREE = 7
BEYOND = 1e-5  # of the last cell
POINTS = 8  # for each cell
MOST_CELLS = 500
ROUNDS = 24  # of halving
PATIENCE = 5  # rounds without half of the residual
RESOLVED = 0.01  # relative residual from which every cell counts the same
NEIGHBOURS = 3.0  # widths of neighbouring cells that are halved differ by this factor at most
SHARE = 0.05  # of the largest mean square residual in a cell, from which a cell is halved
STEPS, HALVINGS = 40, 12  # Gauss-Newton steps, and halvings of each
SETTLED = 1e-3  # relative fall of the loss below which it has ended
ELSEWHERE = 7919  # added to the seed, times the round
BELOW = 0.3  # of the tolerance: the residual aimed at


def spline(problem: PDE, ends: Tensor, jumps: Sequence[float], smooth: int) -> KAN:
    """A spline of zeros on the given cells.

    Args:
        problem: Whose inputs and outputs it has.
        ends: Of the cells of [-1, 1], increasing.
        jumps: Ends at which the spline keeps only ``smooth`` continuous derivatives.
        smooth: 0 and more.
    """
    # at a knot a spline's derivatives are those from the right: the last one lies a little beyond the end
    last = 1.0 + max(BEYOND * float(ends[-1] - ends[-2]), 1e-13)
    network = KAN([problem.inputs, problem.outputs], 1, DEGREE, base=False, domain=(-1.0, last))
    inner = ends[1:-1].tolist()
    if inner:
        network.insert(0, inner, axis=0)
    network.insert(0, [-1.0, last], axis=0, multiplicity=DEGREE)  # no cell outside takes part
    if jumps:
        network.insert(0, list(jumps), axis=0, multiplicity=DEGREE - smooth)
    with torch.no_grad():
        for p in network.parameters():
            p.zero_()
    return network


class Fit:
    """Training of a spline.

    Args:
        trial: With the spline on its first cells; afterwards with the result.
        ends: Of these cells.
        seed: Of the points.
        tol: Relative residual that is asked for.
        deadline: Of ``time.perf_counter``.
        viscosity: Multiple of the second derivative that the equation gets besides.

    Attributes:
        ends: Of the cells now.
        linear: Whether the residual is.
        relative: Residual on other points than those of training, relative to that of a spline of zeros.
    """

    def __init__(
        self, trial: Trial, ends: Tensor, seed: int, tol: float, deadline: float, viscosity: float = 0.0
    ):
        self.trial, self.ends, self.seed, self.viscosity = trial, ends, seed, viscosity
        self.scale, self.relative, self.linear = 0.0, 1.0, False
        best, quiet = (math.inf, ends, trial.network), 0
        for k in range(ROUNDS):
            system = self._system(k)
            if k == 0:
                theta = system.theta
                self.scale = math.sqrt(2 * system.silent_value())
                self.linear = is_linear(system, theta, system.linearize(theta))
                system.load(theta)
            system.load(gauss_newton(system, deadline))
            squares = self._squares(system, k)
            self.relative = float(squares.mean().sqrt()) / max(self.scale, 1e-300)
            quiet = 0 if self.relative < 0.5 * best[0] else quiet + 1
            if self.relative < best[0]:
                best = self.relative, self.ends, trial.network
            if self.relative <= BELOW * tol or quiet >= PATIENCE or len(self.ends) > MOST_CELLS:
                break
            if time.perf_counter() > deadline:
                break
            self._halve(squares)
        self.relative, self.ends, trial.network = best

    def _system(self, k: int) -> ResidualSystem:
        problem, count = self.trial.problem, POINTS * (len(self.ends) - 1)
        seed, condition = self.seed + k, max(40, count // 4)
        system = ResidualSystem(problem, self.trial, count, condition, seed=seed, check=False)
        importance = None
        if self.relative > RESOLVED:
            # the integral of the square: in a layer that is not resolved a residual is large that means little
            widths = self.ends.diff().repeat_interleave(POINTS)
            importance = (widths / widths.mean()).sqrt()[:, None].to(system.points.like)
        x = in_cells(problem, self.ends)(count, seed).to(system.points.like)
        system.points.terms[0].place(self.trial, x, importance)
        if self.viscosity:
            _thicken(system, self.viscosity)
        system.balance(system.theta)
        return system

    @torch.no_grad()
    def _squares(self, system: ResidualSystem, k: int) -> Tensor:
        """Mean square of the residual in each cell, at other points than those of training: ``(cells,)``."""
        points, term = system.points, system.points.terms[0]
        draw = in_cells(self.trial.problem, self.ends)
        term.place(self.trial, draw(term.count, self.seed + ELSEWHERE * (k + 1)).to(points.like))
        square = torch.zeros(term.count, dtype=torch.float64)
        for name, part in points.evaluate(term).items():
            square += points.weights[name] * part.double().square().sum(1)
        return square.reshape(-1, POINTS).mean(1)

    @torch.no_grad()
    def _halve(self, squares: Tensor) -> None:
        large = squares > SHARE * squares.max()
        widths = self.ends.diff()
        while True:  # beside a cell that is halved stands none above twice its width
            after = torch.where(large, widths / 2, widths)
            least = torch.minimum(torch.cat([after[1:], after[-1:]]), torch.cat([after[:1], after[:-1]]))
            more = large | (after > NEIGHBOURS * least)
            if torch.equal(more, large):
                break
            large = more
        middles = ((self.ends[:-1] + self.ends[1:]) / 2)[large]
        self.ends = carried(self.trial, self.ends, middles)


@torch.no_grad()
def carried(trial: Trial, ends: Tensor, wanted: Tensor) -> Tensor:
    """Give a trial function a copy of its spline with ``wanted`` knots besides; the ends of the cells then."""
    near = (wanted[:, None] - ends).abs().amin(1) <= 1e-13
    more = wanted[~near]
    network = copy.deepcopy(cast(KAN, trial.network))
    if len(more):
        network.insert(0, more.tolist(), axis=0)
    trial.network = network
    return torch.cat([ends, more]).sort().values


def gauss_newton(system: ResidualSystem, deadline: float) -> Tensor:
    """Parameters ``(P,)`` from Gauss-Newton steps, each a least-squares solution whose columns are scaled to one length.

    A spline's columns for narrow and for wide cells differ by many orders of magnitude, which damping would not see. A
    linear residual takes one step. A step is halved until the loss falls.
    """
    theta = system.theta
    loss = system.value(theta)
    used = _used(system)
    for _ in range(STEPS):
        lin = system.linearize(theta)
        step = torch.zeros_like(theta)
        step[used] = least_squares_step(lin.dense()[:, used], lin.residual)
        before = loss
        for k in range(HALVINGS):
            new = theta + 0.5**k * step
            found = system.value(new)
            if found < loss:
                theta, loss = new, found
                break
        if not loss < (1 - SETTLED) * before or time.perf_counter() > deadline:
            break
    return theta


def _used(system: ResidualSystem) -> Tensor:
    """Coefficients that count: of splines that are felt in the domain, as functions of the coordinate. ``(P,)``.

    A network also sees the distance to an interface, but with a full knot there the coordinate is enough.
    """
    layer = cast(KANLayer, system.trial.network.layers[0])  # type: ignore[union-attr, index]
    used = torch.zeros_like(layer.coef, dtype=torch.bool)
    used[0] = felt(layer)[:, None]
    return used.reshape(-1)


def _thicken(system: ResidualSystem, viscosity: float) -> None:
    """Give the equation of one unknown so much more of its second derivative."""
    term = system.points.terms[0]
    inner = term.function

    def function(u: Field, x: Tensor) -> Parts:
        return {name: part + viscosity * u.d(0, 0) for name, part in inner(u, x).items()}

    term.function = function
