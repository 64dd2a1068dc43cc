"""The collocation system: a problem, a network and points as one residual vector of a flat parameter vector."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.errors import ArgumentError
from sciml.jacobian.graph import GraphCurvature, GraphLinearization
from sciml.jacobian.tape import TapeLinearization, mixing_error
from sciml.problem import PDE
from sciml.solvers.training.terms import Site, build_sites

MIXING = 1e-3  # J v against a difference quotient: relative disagreement from which a residual counts as not pointwise


class Collocation:
    """A least-squares problem ``f(theta) = 1/2 |r|^2`` for the optimisers.

    ``r`` stacks all terms, each scaled by ``sqrt(weight / points)``, so that ``f = 1/2 sum_t weight_t mean(r_t^2)``.

    Args:
        problem: What is to be solved.
        trial: Its trial function; its parameters are ``theta``.
        interior, boundary: Points of the interior and of each penalty term.
        seed: Of the points.
        check: Whether to look for rows that mix points at once; False leaves it to the caller.

    Attributes:
        weights: Term -> weight.
        notes: What a user should know about the set-up (fallbacks taken).
    """

    def __init__(
        self, problem: PDE, trial: Trial, interior: int, boundary: int, seed: int = 0, *, check: bool = True
    ):
        self.problem, self.trial = problem, trial
        self.parameters = [p for p in trial.network.parameters() if p.requires_grad]
        if not self.parameters:
            raise ArgumentError("model needs at least one trainable parameter; got none.")
        self.like = self.parameters[0].detach().new_zeros(0)
        self.sites = build_sites(problem, trial, interior, boundary)
        self.notes = list(trial.ansatz.notes)
        for site in self.sites:
            site.record(trial, problem, self.like)
        self.pointwise = all(site.plan is not None for site in self.sites)
        if not self.pointwise:
            self.notes.append(
                "derivatives by nested autograd: the model offers no jets or a term needs order > 2."
            )
        factors = {c.label: c.weight for c in trial.ansatz.soft}
        self.weights = {
            name: factors.get(name.split("#")[0], 1.0) for site in self.sites for name in site.terms
        }
        self._factors = dict(self.weights)
        self.redraw(seed)
        self._check_finite()
        if check and self.pointwise:
            self.check_pointwise()

    def elsewhere(self, interior: int, boundary: int, seed: int) -> Collocation:
        """The same equations, trial function and plans on other points: for looking at, not for training."""
        twin = copy.copy(self)
        twin.weights = dict(self.weights)
        twin.sites = [
            replace(site, count=interior if k == 0 else boundary) for k, site in enumerate(self.sites)
        ]
        twin.redraw(seed)
        return twin

    # ---- the flat vector

    @property
    def theta(self) -> Tensor:
        """A copy of the parameters as one vector ``(P,)``."""
        return nn.utils.parameters_to_vector(self.parameters).detach().clone()

    def load(self, theta: Tensor) -> None:
        """Write ``theta (P,)`` into the network."""
        start = 0
        for p in self.parameters:
            # past the version counter: a kept graph puts its own values back before it is used again
            p.data.copy_(theta[start : start + p.numel()].view_as(p))
            start += p.numel()

    # ---- what the optimisers ask

    def residual(self, theta: Tensor) -> Tensor:
        """``r(theta)``, ``(M,)``."""
        self.load(theta)
        return self._rows(graph=False)

    def value(self, theta: Tensor) -> float:
        """``1/2 |r|^2``."""
        r = self.residual(theta)
        return 0.5 * float(r @ r)

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """``f`` and its gradient ``(P,)``, one ordinary backward pass."""
        self.load(theta)
        with torch.enable_grad():
            r = self._rows(graph=True)
            f = 0.5 * (r @ r)
            grads = torch.autograd.grad(f, self.parameters, allow_unused=True, materialize_grads=True)
        return float(f.detach()), torch.cat([g.reshape(-1) for g in grads])

    def linearize(self, theta: Tensor) -> TapeLinearization | GraphLinearization:
        """Residual and Jacobian at ``theta``."""
        self.load(theta)
        if not self.pointwise:
            with torch.enable_grad():
                return GraphLinearization(self._rows(graph=True), self.parameters, lambda: self.load(theta))
        rows, blocks = [], []
        for site in self.sites:
            r, b = site.blocks(self.trial, self.problem, self._scales(site))
            rows += r
            blocks += b
        return TapeLinearization(torch.cat(rows), blocks, self.parameters)

    def curvature(self, theta: Tensor) -> GraphCurvature:
        """Gradient and exact Hessian of ``f`` at ``theta``, for methods that do not use the residual's structure."""
        self.load(theta)
        with torch.enable_grad():
            r = self._rows(graph=True)
            return GraphCurvature(0.5 * (r @ r), self.parameters, lambda: self.load(theta))

    def silent_value(self) -> float:
        """The loss with a network that is zero everywhere: what the conditions alone leave to be solved."""
        kept = self.theta
        loss = self.value(torch.zeros_like(kept))
        self.load(kept)
        return loss

    # ---- points and weights

    def redraw(self, seed: int) -> None:
        """Take new quasi-random points everywhere."""
        for k, site in enumerate(self.sites):
            x = site.draw(site.count, seed * 101 + k)
            site.place(self.trial, x.to(self.like))

    def resize(self, interior: int) -> None:
        """Change how many interior points the next draw takes."""
        self.sites[0].count = interior

    @torch.no_grad()
    def redraw_adaptively(self, seed: int, power: float = 1.0, floor: float = 1.0, pool: int = 8) -> None:
        """Residual-based adaptive distribution: interior points with density ``|r|^power / mean + floor``.

        Wu et al. (2023), "A comprehensive study of non-adaptive and residual-based adaptive sampling", RAD.
        """
        for k, site in enumerate(self.sites):
            if not site.adaptive:
                site.place(self.trial, site.draw(site.count, seed * 101 + k).to(self.like))
                continue
            candidates = site.draw(pool * site.count, seed * 101 + k).to(self.like)
            site.place(self.trial, candidates)
            size = torch.zeros(len(candidates), dtype=torch.float64)
            for term in self._terms(site).values():
                size += term.detach().double().cpu().square().sum(1)
            density = size.sqrt() ** power
            density = density / density.mean().clamp(min=1e-300) + floor
            if not bool(torch.isfinite(density).all()):
                density = torch.ones_like(density)
            rng = torch.Generator().manual_seed(seed)
            chosen = torch.multinomial(density, site.count, replacement=False, generator=rng)
            site.place(self.trial, candidates[chosen.sort().values.to(candidates.device)])

    def balance(self, theta: Tensor) -> dict[str, float]:
        """Weigh the terms so that each has the same mean squared row of J (the NTK's trace; Wang et al. 2022).

        The equation's weight stays 1; a condition's own ``weight`` multiplies its share.
        """
        if len(self.weights) == 1:
            return self.weights
        self.weights = dict.fromkeys(self.weights, 1.0)
        linearization = self.linearize(theta)
        tape = isinstance(linearization, TapeLinearization)
        norms = linearization.row_norms() if tape else linearization.dense().square().sum(1)
        traces, start = {}, 0
        for site in self.sites:
            for name, columns in site.terms.items():
                rows = columns * site.x.shape[0]
                traces[name] = float(norms[start : start + rows].sum())
                start += rows
        first = list(self.sites[0].terms)
        equation = sum(traces[n] for n in first) / len(first)
        for name in self.weights:
            share = 1.0 if name in first else equation / max(traces[name], 1e-300)
            self.weights[name] = self._factors[name] * min(max(share, 1e-6), 1e6)
        return self.weights

    def term_losses(self, theta: Tensor) -> dict[str, float]:
        """Unweighted mean square of each term."""
        self.load(theta)
        out = {}
        with torch.no_grad():
            for site in self.sites:
                for name, term in self._terms(site).items():
                    out[name] = float(term.square().sum(1).mean())
        return out

    # ---- inside

    def _terms(self, site: Site) -> dict[str, Tensor]:
        if site.plan is None:
            with torch.enable_grad():  # autograd is how the derivatives are made
                return site.evaluate(self.trial, self.problem)
        return site.evaluate(self.trial, self.problem)

    def _scales(self, site: Site) -> dict[str, float]:
        return {name: math.sqrt(self.weights[name] / site.x.shape[0]) for name in site.terms}

    def _rows(self, graph: bool) -> Tensor:
        parts = []
        with torch.set_grad_enabled(graph):
            for site in self.sites:
                scales = self._scales(site)
                for name, term in self._terms(site).items():
                    rows = term.T.reshape(-1) * scales[name]
                    parts.append(rows if graph else rows.detach())
        return torch.cat(parts)

    def _check_finite(self) -> None:
        if bool(torch.isfinite(self.residual(self.theta)).all()):
            return
        kind = type(self.problem).__name__
        for site in self.sites:
            if site.label == "residual":
                f = self.problem.source(site.x)
                bad = ~torch.isfinite(f).all(1)
                if bad.any():
                    raise ArgumentError(
                        f"source of {kind} must be finite inside the domain; got {f[bad][0].tolist()} at "
                        f"{site.x[bad][0].tolist()}."
                    )
            for name, part in zip(("seed", "offset", "factor"), site.frozen or (), strict=False):
                bad = (
                    ~torch.isfinite(part).flatten(1).all(1)
                    if part.ndim == 3
                    else torch.zeros(0, dtype=torch.bool)
                )
                if bad.any():
                    raise ArgumentError(
                        f"{kind}: the exact conditions ({name} and its derivatives) must be finite; they are not at "
                        f"{site.x[bad][0].tolist()}. hard=False makes a condition a penalty term."
                    )
            for name, term in self._terms(site).items():
                bad = ~torch.isfinite(term).all(1)
                if bad.any():
                    raise ArgumentError(
                        f"{kind}: term {name!r} must be finite before training; got {term[bad][0].tolist()} at "
                        f"{site.x[bad][0].tolist()}."
                    )

    def check_pointwise(self) -> None:
        """Compare ``J v`` with a difference quotient; where they part, the Jacobian comes from autograd from now on."""
        theta = self.theta
        linearization = self.linearize(theta)
        assert isinstance(linearization, TapeLinearization)
        error = mixing_error(self.residual, linearization, theta) if linearization.complete else math.inf
        self.load(theta)
        if not error <= (MIXING if theta.dtype == torch.float64 else 0.1):
            self.pointwise = False
            self.notes.append(
                "the residual at one point depends on other points (J v differs from a difference quotient by "
                f"{error:.1e}): the Jacobian comes from autograd, which is slower."
            )
