"""A solution that is a base plus an adapter, and what can be said about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from sciml.adapters import Adapter, AdapterConfig, normalised_spectra
from sciml.ansatz import Trial
from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.solution import Solution
from sciml.solvers.training.adapted_collocation import adapted_trial

if TYPE_CHECKING:
    import numpy as np

    from sciml.solvers.hosting import AdapterHost


class AdaptedSolution(Solution):
    """What ``base.finetune(...)`` returns: a solution of the new problem that owns only the adapter's numbers.

    Attributes:
        base: The solution that it differs from; untouched.
        adapter: The factors.
        name: Under which the base keeps it.
    """

    def __init__(
        self,
        base: AdapterHost,
        problem: PDE,
        adapter: Adapter,
        name: str,
        history: list[dict[str, float]] | None = None,
        stats: dict[str, Any] | None = None,
    ):
        self.base, self.adapter, self.name = base, adapter, name
        self.problem = problem
        self.history, self.stats = history or [], stats or {}
        self._built: Trial | None = None

    @property
    def trial(self) -> Trial:  # type: ignore[override]
        """The trial function with the difference added, built when first needed."""
        if self._built is None:
            self._built = adapted_trial(self.problem, self.base.network, self.adapter)
        return self._built

    @property
    def config(self) -> AdapterConfig:
        """The adapter's configuration, with the ranks that a search found."""
        return self.adapter.config

    def merge_and_unload(self) -> Solution:
        """A plain solution of the new problem with the difference merged into its own network."""
        from sciml.solvers.hosting import AdapterHost

        trial = adapted_trial(self.problem, self.base.network, self.adapter)
        return AdapterHost(self.problem, trial, list(self.history), dict(self.stats))

    def save_adapter(self, path: Any) -> None:
        """Write the adapter alone, some kB; see :func:`sciml.solvers.files.adapter_file.save_adapter`."""
        from sciml.solvers.files.adapter_file import save_adapter

        save_adapter(self, path)

    def save(self, path: Any) -> None:
        """Write the merged solution; ``save_adapter`` writes the small difference alone."""
        self.merge_and_unload().save(path)

    @property
    def report(self) -> dict[str, Any]:
        """What the fine-tuning cost and gave.

        ``gain`` is the base's own time to the residual that the adapter reached, over the adapter's time: how many times
        sooner it was than training from the start, on the base's problem. It is NaN where the base never got there.
        """
        out: dict[str, Any] = {
            "name": self.name,
            "adapter": self.config.kind,
            "trained": self.adapter.size,
            "parameters": self.adapter.dense_size,
            "bytes": 8 * self.adapter.size,
            "ranks": self.ranks(),
            **{
                k: self.stats[k]
                for k in ("outcome", "seconds", "steps", "residual", "start")
                if k in self.stats
            },
            "gain": self._gain(),
        }
        if self.has_answer:
            out["error"] = self.error()
        return out

    def ranks(self) -> dict[str, Any]:
        """Rank of each adapted parameter; empty for kinds without ranks."""
        rank = getattr(self.config, "rank", None)
        if rank is None:
            return {}
        out = {}
        for name, site in self.adapter.adapted.items():
            if self.adapter.rules[name] is self.config:
                found = rank(site)
                out[name] = tuple(found.values()) if isinstance(found, dict) else found
        return out

    def spectra(self) -> dict[str, dict[str, np.ndarray]]:
        """Singular values of the difference from the base, ``{parameter: {mode: (k,)}}``, over the difference's norm.

        The squares of each mode sum to one; see :func:`sciml.adapters.normalised_spectra`. ``plot("spectra")`` draws them.
        """
        found = normalised_spectra(self.adapter.deltas())
        return {name: {mode: s.cpu().numpy() for mode, s in modes.items()} for name, modes in found.items()}

    def _gain(self) -> float:
        reached = self.stats.get("residual", math.inf)
        scale = self.base.stats.get("scale", math.nan)
        took = [
            row["seconds"]
            for row in self.base.history
            if math.sqrt(max(2 * row["held_out"], 0.0)) <= reached * scale
        ]
        own = self.stats.get("seconds", math.nan)
        return took[0] / own if took and own > 0 else math.nan

    def print_trainable_parameters(self) -> None:
        """Print how many numbers are trained, of how many."""
        share = 100 * self.adapter.size / self.adapter.dense_size
        print(
            f"trainable params: {self.adapter.size:,} || all params: {self.adapter.dense_size:,} || trainable%: {share:.2f}"
        )

    def __repr__(self) -> str:
        return f"<{self.config.kind} adapter {self.name!r} of {self.problem!r}: {self.summary()}>"


def superpose(host: AdapterHost, weights: dict[str, float]) -> Superposition:
    """See :meth:`AdapterHost.superpose`."""
    if not weights:
        raise ArgumentError("weights needs at least one adapter's name; got none.")
    members = {name: host[name] for name in weights}
    problems = [m.problem for m in members.values()]
    kind = type(problems[0])
    if any(type(p) is not kind for p in problems):
        raise ArgumentError(
            f"superpose needs problems of one equation; got {sorted({type(p).__name__ for p in problems})}."
        )
    _check_linear(members)
    return Superposition(members, {name: float(w) for name, w in weights.items()})


class Superposition:
    """A weighted sum of solutions of a linear equation: exact, because the equation is.

    Call it like a solution. Its right-hand side is the weighted sum of its members'.
    """

    def __init__(self, members: dict[str, AdaptedSolution], weights: dict[str, float]):
        self.members, self.weights = members, weights

    def __call__(self, x: Any) -> Any:
        """Values ``(n, m)`` at ``x (n, d)``; array in, array out."""
        return sum(w * self.members[name](x) for name, w in self.weights.items())

    def source(self, x: torch.Tensor) -> torch.Tensor:
        """The right-hand side that this solves, ``(n, 1)``."""
        parts = [w * self.members[name].problem.source(x) for name, w in self.weights.items()]
        return torch.stack(parts).sum(0)

    def __repr__(self) -> str:
        terms = " + ".join(f"{w:g} {name}" for name, w in self.weights.items())
        return f"<Superposition {terms}>"


def _check_linear(members: dict[str, AdaptedSolution]) -> None:
    """Refuse equations and conditions under which a sum of solutions is none."""
    first = next(iter(members.values()))
    problem = first.problem
    x = problem.sample(16, seed=1).to(next(first.network.parameters()))
    rng = torch.Generator().manual_seed(0)
    waves = torch.randn(2, x.shape[1], problem.outputs, generator=rng, dtype=torch.float64).to(x)

    def residual(a: float, b: float) -> torch.Tensor:
        from sciml.derivatives import AutogradSource

        def u(y: torch.Tensor) -> torch.Tensor:
            return a * torch.sin(y @ waves[0]) + b * torch.cos(y @ waves[1])

        terms = problem.residual_terms(problem.field(AutogradSource(u, x)), x)
        return torch.cat([t.detach().reshape(-1) for t in terms.values()])

    zero = residual(0.0, 0.0)
    together = residual(2.0, -3.0) - zero
    apart = 2.0 * (residual(1.0, 0.0) - zero) - 3.0 * (residual(0.0, 1.0) - zero)
    if float((together - apart).norm()) > 1e-8 * float(together.norm().clamp(min=1e-300)):
        raise ArgumentError(
            f"superpose needs a linear equation: {type(problem).__name__} is not linear in u, so a sum of its solutions "
            "solves nothing."
        )
