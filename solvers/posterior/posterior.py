"""The posterior of a solved problem with measurements: Laplace's approximation at what was found.

The rows of the loss are rebuilt on even points that training never saw, measurements in units of their noise, equations in
the units in which they were weighed against them, or of what the network leaves of them there where that is more: an
equation that is taken to hold better than it does makes intervals that are too narrow. It is the shape of one mode: another
solution far away is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.coefficients import with_coefficients
from sciml.errors import ArgumentError
from sciml.jacobian.graph import rows as graph_rows
from sciml.jacobian.tape import TapeLinearization
from sciml.jets import DerivativePlan
from sciml.nn import JetNetwork
from sciml.problem import PDE
from sciml.solvers.found import Found
from sciml.solvers.posterior.gaussian import Gaussian, gaussian
from sciml.solvers.posterior.verdict import verdicts
from sciml.solvers.report import Report
from sciml.solvers.terms.measured import noise_level
from sciml.solvers.terms.term import Term
from sciml.solvers.training.residual_system import ResidualSystem

T = TypeVar("T")
SEED = 50_021  # of the points, added to the solve's own
MISFIT = 5.0  # deviations of the squared misfit from which the noise that was told does not explain it
MOST_POINTS = 1500
MOST_PARAMETERS = 4000  # of a dense decomposition
CHUNK = 2000  # points at a time


class Posterior:
    """Error bars of a solution and of its coefficients.

    Args:
        statement: The problem with its unknown coefficients.
        trial: The trained trial function.
        report: Of the solve, with its weights.
        values: The coefficients that were found.

    Attributes:
        unknown: Name -> coefficient with its interval.
        noise: Label of the measurements -> standard deviation, as given or as estimated.
        rows: Factor on each row of the residual at weights that leave them as they are, ``(M,)``.
        measured: Which rows are those of measurements, ``(M,)`` bool.
        notes: What a user should know about them.

    Raises:
        ArgumentError: The network is too large.
    """

    def __init__(self, statement: PDE, trial: Trial, report: Report, values: Mapping[str, float]):
        self.system = posed(statement, trial, report, values)
        P = self.system.network_size
        if P > MOST_PARAMETERS:
            raise ArgumentError(
                f"the posterior needs a network of at most {MOST_PARAMETERS} parameters, got {P}."
            )
        self.gaussian, self.noise, self.inflation, self.rows, beyond = _fit(self.system)
        self.measured = torch.cat(
            [
                torch.full((columns * term.rows,), term.data is not None)
                for term in self.system.points.terms
                for columns in term.parts.values()
            ]
        )
        self.deviation = self._quantile(0.95)
        names = [c.name for c in self.system.coefficients]
        judged = verdicts(self.gaussian, self.system.coefficients, [values[n] for n in names], self.deviation)
        self.unknown: dict[str, Found] = dict(zip(names, judged.found, strict=True))
        self.notes = [*judged.notes, *_notes(self.inflation, self.noise if beyond else {})]

    def std(self, x: Tensor) -> Tensor:
        """Standard deviation of the solution at ``x (n, d)``, ``(n, m)``."""
        return self._of_slopes(x, self.gaussian.variance).clamp(min=0.0).sqrt()

    def off(self, x: Tensor) -> Tensor:
        """How far the solution is likely to be off at ``x (n, d)``, ``(n, m)``: a root mean square.

        Its standard deviation, and by how much one more step of the fit would move it: before a fit is done that is more.
        """
        step = self.gaussian.step[: self.system.network_size]
        return self._of_slopes(
            x, lambda g: self.gaussian.variance(g).clamp(min=0.0) + (g @ step).square()
        ).sqrt()

    def _of_slopes(self, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """``(n, m)`` of a function of the derivatives ``(n, P)`` of each unknown by the network's parameters."""
        parts = [
            torch.stack([function(g.double()) for g in _gradients(self.system, part)], dim=1)
            for part in x.split(CHUNK)
        ]
        return torch.cat(parts)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """The interval of a coefficient for another probability than 95 %.

        Raises:
            ArgumentError: There is no such coefficient.
        """
        if name not in self.unknown:
            raise ArgumentError(
                f"name needs one of {', '.join(self.unknown) or 'no coefficient'}, got {name!r}."
            )
        names = list(self.unknown)
        judged = verdicts(
            self.gaussian,
            self.system.coefficients,
            [self.unknown[n].value for n in names],
            self._quantile(level),
        )
        found = judged.found[names.index(name)]
        return (-math.inf, math.inf) if found.interval is None else found.interval

    def half_width(self, x: Tensor, level: float) -> Tensor:
        """Half width of the interval that holds the solution with a probability, ``(n, m)``."""
        return self._quantile(level) * self.std(x)

    def _quantile(self, level: float) -> float:
        """Half width in standard deviations: of Student's distribution, where the noise is estimated."""
        from scipy.special import ndtri, stdtrit

        if all(term.data is None or term.data.noise is not None for term in self.system.points.terms):
            return float(ndtri(0.5 + 0.5 * level))
        return float(stdtrit(max(1.0, self.gaussian.rows - self.gaussian.effective), 0.5 + 0.5 * level))


def posed(statement: PDE, trial: Trial, report: Report, values: Mapping[str, float]) -> ResidualSystem:
    """The residual system of a solved problem at its end, on even points that training never saw."""
    live, coefficients = with_coefficients(statement)
    for c in coefficients:
        c.set(values[c.name])
    points = min(report.points or MOST_POINTS, MOST_POINTS)
    system = ResidualSystem(
        live,
        trial.like(live, trial.network),
        points,
        max(40, points // 4),
        seed=(report.seed or 0) + SEED,
        coefficients=coefficients,
    )
    known = {name: w for name, w in report.weights.items() if name in system.points.weights}
    system.points.weights |= known
    return system


@dataclass
class _Part:
    """The rows of one part: where they are, how they are scaled, and the noise that is known."""

    name: str
    kind: int  # 0 an equation, 1 a condition, 2 measurements
    rows: slice
    scale: float
    noise: float | None


def _fit(system: ResidualSystem) -> tuple[Gaussian, dict[str, float], float, Tensor, bool]:
    """The Gaussian, the noise of each set of measurements, by how much the equations' rows were widened, the
    rows' factors, and whether the misfit is beyond the noise that was told.
    """
    linearization = unscaled(system, lambda: system.linearize(system.theta))
    J, r = linearization.dense().double().cpu(), linearization.residual.double().cpu()
    parts = _parts(system, r)
    unit = next((p.scale for p in parts if p.kind == 2), 1.0)
    level = next((p.noise for p in parts if p.kind == 2), None)
    order = torch.cat([torch.arange(p.rows.start, p.rows.stop) for p in parts])
    factor = torch.cat([torch.full((p.rows.stop - p.rows.start,), p.scale / unit).double() for p in parts])
    J, r = J[order], r[order]
    equations, _, rows = (
        sum(p.rows.stop - p.rows.start for p in parts if p.kind == kind) for kind in range(3)
    )
    size = float(system.theta[: system.network_size].double().square().sum())
    wider = 1.0
    for last in (False, True):
        scaled = r * factor
        found = gaussian(J * factor[:, None], scaled, len(system.coefficients), equations, rows, level, size)
        if last or not rows:
            break
        start = 0
        for p in parts:
            here = slice(start, start + p.rows.stop - p.rows.start)
            start = here.stop
            rms = math.sqrt(found.c * float(scaled[here].square().mean()))
            if p.kind != 2 and rms > 1.0:
                factor[here] /= rms
                wider = max(wider, rms)
        if wider == 1.0:
            break
    excess = found.excess if level is not None and rows else 0.0
    if excess > MISFIT:  # the noise that was told is not what keeps the fit from the measurements
        told = found
        found = gaussian(
            J * factor[:, None], r * factor, len(system.coefficients), equations, rows, None, size
        )
        # whether the fit is done is asked with the noise that was told: a larger one would hide that it is not
        found = replace(found, shift=told.shift, step=told.step, fall=told.fall)
    noise = {p.name: unit / (p.scale * math.sqrt(found.c)) for p in parts if p.kind == 2}
    rows_as_they_come = torch.empty_like(factor)
    rows_as_they_come[order] = factor
    return found, noise, wider if level is not None else 1.0, rows_as_they_come, excess > MISFIT


def _parts(system: ResidualSystem, r: Tensor) -> list[_Part]:
    """Equations, conditions and measurements; these scaled by their noise against the first of them."""
    points, parts, start = system.points, [], 0
    for k, term in enumerate(points.terms):
        for name, columns in term.parts.items():
            rows = slice(start, start + columns * term.rows)
            start = rows.stop
            scale = math.sqrt(points.weights[name] / term.rows)
            known = None if term.data is None else noise_level(term.data)
            parts.append(_Part(name, 0 if k == 0 else 1 if term.data is None else 2, rows, scale, known))
    parts.sort(key=lambda p: p.kind)
    measured = [p for p in parts if p.kind == 2]

    def size(p: _Part) -> float:
        return p.noise if p.noise is not None else max(float(r[p.rows].square().mean().sqrt()), 1e-300)

    for p in measured[1:]:
        p.scale = measured[0].scale * size(measured[0]) / size(p)
    return parts


def unscaled(system: ResidualSystem, ask: Callable[[], T]) -> T:
    """What a system answers with rows as the terms give them."""
    kept = dict(system.points.weights)
    for term in system.points.terms:
        for name in term.parts:
            system.points.weights[name] = float(term.rows)
    try:
        return ask()
    finally:
        system.points.weights = kept


def _gradients(system: ResidualSystem, x: Tensor) -> list[Tensor]:
    """Derivatives of the solution at ``x (n, d)`` by the network's parameters, ``(n, P)`` for each unknown."""
    trial, problem = system.trial, system.problem
    parameters = system.parameters[: len(system.parameters) - len(system.coefficients)]
    x = x.to(parameters[0])
    if not isinstance(trial.network, JetNetwork) or not system.pointwise:
        with torch.enable_grad():
            values = trial(x)
            return [graph_rows(values[:, j], parameters) for j in range(values.shape[1])]
    term = Term("value", lambda u, y: {"u": u.value}, lambda n, seed: x, len(x))
    term.plan, term.parts = DerivativePlan.from_requests(problem.domain.dim), {"u": problem.outputs}
    term.place(trial, x)
    rows, blocks = term.blocks(trial, problem, {"u": 1.0})
    J = TapeLinearization(torch.cat(rows), blocks, parameters).dense()
    return list(J.split(len(x)))


def _notes(inflation: float, beyond: Mapping[str, float]) -> list[str]:
    notes = []
    if beyond:
        said = ", ".join(f"{label} by {noise:.2g}" for label, noise in beyond.items())
        notes.append(
            f"the measurements are off by more than the noise that was told ({said}): the equation does not describe them, "
            "the noise is larger, or the fit is not done. The error bars are those of that misfit."
        )
    if inflation > 3.0:
        notes.append(
            f"the network leaves {inflation:.0f} times more of the equation than the measurements' noise would allow: the "
            "error bars are as wide as that makes them, and a longer solve or a larger network narrows them."
        )
    return notes
