"""Samples of the posterior by randomising and solving again: the check on Laplace's approximation.

Each sample perturbs the measurements by their noise and fits again from what was found: it follows the curvature of the
residual, which Laplace's approximation does not ("randomise then solve", arXiv 2407.04617). The equation holds, and is not
perturbed. Nor is the prior of the network, which is so wide that a perturbed one would be another network.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from sciml import arguments
from sciml.ansatz import Trial
from sciml.problem import PDE
from sciml.solvers.found import NORMAL, Found
from sciml.solvers.posterior.posterior import Posterior, unscaled
from sciml.solvers.report import Report

STEPS = 40  # of a fit
DAMPED = 10.0  # factor on the damping
SMALL = 1e-3  # of the fall of the log-likelihood that a step promises: that of 0.03 standard deviations


class Randomised:
    """Error bars from samples.

    Args:
        statement, trial, report, values: As for ``Posterior``.
        samples: How many, at least 2; the deviation itself is then known to ``1 / sqrt(2 samples)``.
        seed: Of the perturbations.

    Attributes:
        unknown: Name -> coefficient with its interval, of the samples.
        noise: As ``Posterior.noise``.
        coefficients: The samples of each coefficient, ``(samples,)``.
        notes: How many fits did not settle.
    """

    def __init__(
        self,
        statement: PDE,
        trial: Trial,
        report: Report,
        values: Mapping[str, float],
        samples: int,
        seed: int = 0,
    ):
        samples = arguments.integer("samples", samples, least=2)
        # of its own, since every sample writes into it
        own = trial.like(trial.problem, copy.deepcopy(trial.network))
        self.laplace = Posterior(statement, own, report, values)
        self.noise, self._start = self.laplace.noise, self.laplace.system.theta
        self._slope = self._gradient_left()
        rng = torch.Generator().manual_seed(arguments.seed_number(seed))
        fits = [self._fit(rng) for _ in range(samples)]
        self._thetas = torch.stack([theta for theta, _ in fits])
        unsettled = sum(not settled for _, settled in fits)
        self.notes = [f"{unsettled} of {samples} fits did not settle."] if unsettled else []
        self.coefficients: dict[str, Tensor] = {}
        self.unknown: dict[str, Found] = {}
        system = self.laplace.system
        for k, c in enumerate(system.coefficients):
            raw = self._thetas[:, system.network_size + k].double()
            self.coefficients[c.name] = c.unknown.value(raw)
            self.unknown[c.name] = self._found(c.name, values[c.name], self.coefficients[c.name])

    def std(self, x: Tensor) -> Tensor:
        """Standard deviation of the solution at ``x (n, d)``, ``(n, m)``."""
        system = self.laplace.system
        values = []
        for theta in self._thetas:
            system.load(theta)
            with torch.no_grad():
                values.append(system.trial(x.to(theta)).double())
        return torch.stack(values).std(dim=0)

    def half_width(self, x: Tensor, level: float) -> Tensor:
        """Half width of the interval that holds the solution with a probability, ``(n, m)``."""
        return self.laplace._quantile(level) * self.std(x)

    def _found(self, name: str, value: float, samples: Tensor) -> Found:
        told = self.laplace.unknown[name]
        if not told.determined:
            return told
        std = float(samples.std())
        return Found(value, value - NORMAL * std, value + NORMAL * std, std)

    def _gradient_left(self) -> Tensor:
        """The gradient at what was found, ``(P + K,)``: not quite zero, and on other points than in training.

        It is taken out of every fit, so that without a perturbation none would move.
        """
        gaussian, rows, system = self.laplace.gaussian, self.laplace.rows, self.laplace.system
        lin = unscaled(system, lambda: system.linearize(self._start))
        weighed = lin.residual.double().cpu() * rows.square()
        return gaussian.c * lin.rmv(weighed.to(self._start)).double().cpu()

    def _fit(self, rng: torch.Generator) -> tuple[Tensor, bool]:
        """The parameters that fit one perturbed problem, and whether the fit came to its end.

        Steps of the Gauss-Newton matrix at what was found, with the gradient where the fit is.
        """
        gaussian, rows, system = self.laplace.gaussian, self.laplace.rows, self.laplace.system
        P, theta = system.network_size, self._start.double().cpu()
        noise = torch.randn(len(rows), generator=rng, dtype=torch.float64) / math.sqrt(gaussian.c)
        target = torch.where(self.laplace.measured, noise, torch.zeros_like(noise))
        centre = theta.clone()

        def misfit(residual: Tensor) -> Tensor:
            return residual.double().cpu() * rows - target

        def loss(at: Tensor) -> float:
            m = misfit(unscaled(system, lambda: system.residual(at.to(self._start))))
            prior = gaussian.alpha * float((at - centre)[:P].square().sum())
            return 0.5 * (gaussian.c * float(m @ m) + prior) - float(self._slope @ (at - centre))

        value, damping = loss(theta), 0.0
        for _ in range(STEPS):
            now = theta.to(self._start)
            lin = unscaled(system, lambda now=now: system.linearize(now))
            g = gaussian.c * lin.rmv((misfit(lin.residual) * rows).to(now)).double().cpu()
            g[:P] += gaussian.alpha * (theta - centre)[:P]
            g -= self._slope
            while True:
                step = -gaussian.solve(g, damping)
                if float(-(g @ step)) <= SMALL:
                    return theta, True
                if (new := loss(theta + step)) < value:
                    break
                damping = max(DAMPED * damping, gaussian.alpha)
            theta, value, damping = theta + step, new, damping / DAMPED
        return theta, False
