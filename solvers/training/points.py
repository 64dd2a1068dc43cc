"""Collocation points of every term, with the terms' weights in the loss."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.expressions.parts import Parts
from sciml.linalg import divisor
from sciml.problem import PDE
from sciml.solvers.terms.build import build_terms
from sciml.solvers.terms.term import Term

POOL = 8  # candidates for each point of an adaptive draw
TOGETHER = 600_000  # points times derivatives that are looked at together
CAP = 10.0  # largest residual over its mean that draws points


class Points:
    """Where the terms of a problem are asked to vanish, and how much each part of them counts.

    Args:
        problem: What is to be solved.
        trial: Its trial function.
        interior, boundary: Points of the interior and of each penalty term.
        seed: Of the points.
        like: A tensor of the dtype and device to compute with.

    Attributes:
        terms: The equations first, then the penalty terms.
        weights: Part -> weight in the loss.
        factors: Part -> the reciprocal square of an equation's size, or the weight that a condition was given.
    """

    def __init__(self, problem: PDE, trial: Trial, interior: int, boundary: int, seed: int, like: Tensor):
        self.problem, self.trial, self.like = problem, trial, like
        self.terms = build_terms(problem, trial, interior, boundary)
        for term in self.terms:
            term.record(trial, problem, like)
        self.factors = {name: term.weight for term in self.terms for name in term.parts}
        self.weights = dict(self.factors)
        self.redraw(seed)

    @property
    def offer_jets(self) -> bool:
        """Whether every term's derivatives come from jets."""
        return all(term.plan is not None for term in self.terms)

    @property
    def has_coefficients(self) -> bool:
        """Whether coefficients of the problem are trained, too."""
        return bool(vars(self.problem).get("_coefficients"))

    @property
    def measured(self) -> bool:
        """Whether measurements with noise are to be fitted, or such that are to tell an unknown coefficient."""
        return any(
            term.data is not None and (self.has_coefficients or term.data.noise is not None)
            for term in self.terms
        )

    @property
    def interior(self) -> Tensor:
        """The equations' points, ``(n, d)``."""
        return self.terms[0].x

    @property
    def count(self) -> int:
        """How many interior points the next draw takes."""
        return self.terms[0].count

    def set_sizes(self, equations: Mapping[str, float]) -> None:
        """Weigh each equation by the reciprocal square of its size, and take up the trial function's new scale."""
        for name in self.terms[0].parts:
            self.factors[name] = equations.get(name, 1.0) ** -2
        self.weights = dict(self.factors)
        for term in self.terms:
            term.rescale(self.trial)

    def elsewhere(self, interior: int, boundary: int, seed: int) -> Points:
        """The same terms and weights on other points: for looking at, not for training."""
        twin = copy.copy(self)
        twin.weights = dict(self.weights)
        twin.terms = [
            replace(term, count=interior if k == 0 else boundary) for k, term in enumerate(self.terms)
        ]
        twin.redraw(seed)
        return twin

    def redraw(self, seed: int) -> None:
        """Take new quasi-random points everywhere."""
        for k, term in enumerate(self.terms):
            self.place(term, term.draw(term.count, _term_seed(seed, k)))

    def resize(self, interior: int) -> None:
        """Change how many interior points the next draw takes."""
        self.terms[0].count = interior

    @torch.no_grad()
    def redraw_adaptively(self, seed: int) -> None:
        """Draw interior points with the density ``min(|r| / mean |r|, CAP) + 1``, and weigh them down by its root.

        Residual-based adaptive distribution (Wu et al. 2023, "A comprehensive study of non-adaptive and residual-based
        adaptive sampling", RAD), with two changes of ours. The cap: an unbounded residual, as at a corner, would draw every
        point to itself. The weights: without any, least squares sell the rest of the domain for it; with the full
        reciprocal density the loss would be the same integral wherever the points lie. The root keeps a bounded emphasis
        (at most ``sqrt(CAP + 1)``): a Burgers shock then reaches 3e-6 in the 120 steps that take the full weights to 1e-5,
        no weights to 2e-5 and even points to 3e-4.
        """
        for k, term in enumerate(self.terms):
            if not term.adaptive:
                self.place(term, term.draw(term.count, _term_seed(seed, k)))
                continue
            candidates = term.draw(POOL * term.count, _term_seed(seed, k)).to(self.like)
            density = self._density(term, candidates)
            rng = torch.Generator().manual_seed(seed)
            chosen = torch.multinomial(density, term.count, replacement=False, generator=rng).sort().values
            weight = density[chosen].rsqrt()
            importance = (weight / weight.mean()).sqrt().to(self.like)[:, None]
            self.place(term, candidates[chosen.to(candidates.device)], importance)

    def _density(self, term: Term, x: Tensor) -> Tensor:
        """Density of an adaptive draw at ``x (n, d)``, ``(n,)``, not normalised; even where it cannot be told."""
        several = term.plan is not None and len(x) * (1 + 2 * self.problem.domain.dim) > TOGETHER
        square = torch.cat([self.squares(term, part) for part in x.chunk(POOL if several else 1)])
        size = square.sqrt()
        density = (size / divisor(size.mean())).clamp(max=CAP) + 1.0
        return density if bool(torch.isfinite(density).all()) else torch.ones_like(density)

    def squares(self, term: Term, x: Tensor) -> Tensor:
        """Sum of the squares of a term's parts at each of the points ``x (n, d)``, which become the term's: ``(n,)``."""
        self.place(term, x)
        square = torch.zeros(len(x), dtype=torch.float64)
        for part in self.evaluate(term).values():
            square += part.detach().double().cpu().square().sum(1)
        return square

    def evaluate(self, term: Term) -> Parts:
        """A term's parts at its points, with a graph where gradients are enabled."""
        if term.plan is None:
            with torch.enable_grad():  # autograd is how the derivatives are made
                return term.evaluate(self.trial, self.problem)
        return term.evaluate(self.trial, self.problem)

    def scales(self, term: Term) -> dict[str, float]:
        """Factor on the rows of each part: ``sqrt(weight / rows)``."""
        rows = self.rows(term)
        return {name: math.sqrt(self.weights[name] / rows) for name in term.parts}

    def rows(self, term: Term) -> int:
        """Rows of each column of a term, by whose number its loss is a mean."""
        return term.rows

    def place(self, term: Term, x: Tensor, importance: Tensor | None = None) -> None:
        """Give a term the points ``x (n, d)`` and the factors ``importance (n, 1)`` on their rows."""
        term.place(self.trial, x.to(self.like), importance)


def _term_seed(seed: int, k: int) -> int:
    return seed * 101 + k
