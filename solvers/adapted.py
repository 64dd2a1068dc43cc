"""An answer that is a base plus an adapter, and what can be said about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sciml.adapters import Adapter, PlainConfig, SpanAdapter, normalised_spectra
from sciml.ansatz import Trial
from sciml.ansatz.march import Chain
from sciml.problem import PDE
from sciml.solvers.answer import Answer
from sciml.solvers.report import Report

if TYPE_CHECKING:
    import numpy as np

REPORTED = ("outcome", "seconds", "steps", "residual", "start", "error_estimate")


class AdaptedAnswer(Answer):
    """The answer to a new problem that owns only an adapter's numbers.

    Args:
        base: The answer that it differs from; untouched.
        problem: The new problem.
        adapter: The factors.
        name: To call it by.
        history, stats: Of the fine-tuning.
    """

    def __init__(
        self,
        base: Answer,
        problem: PDE,
        adapter: Adapter | SpanAdapter,
        name: str,
        history: list[dict[str, float]] | None = None,
        stats: Report | None = None,
    ):
        self.base, self.adapter, self.name = base, adapter, name
        self.problem = problem
        self.history, self.stats = history or [], stats or Report()
        self._built: Trial | None = None

    @property
    def trial(self) -> Trial:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The trial function with the difference added, built when first needed."""
        if self._built is None:
            self._built = self.base.trial.like(self.problem, self.adapter.network(self.base.network))
        return self._built

    @property
    def config(self) -> PlainConfig:
        """The adapter's configuration, with the ranks that a search found."""
        return self.adapter.config

    @property
    def report(self) -> dict[str, Any]:
        """What the fine-tuning cost and gave.

        ``gain`` is the base's own time to the residual that the adapter reached, over the adapter's time: how many times
        sooner it was than training from the start, on the base's problem. It is NaN where the base never got there, and for
        a base in windows.
        """
        out: dict[str, Any] = {
            "name": self.name,
            "adapter": self.config.kind,
            "trained": self.adapter.size,
            "parameters": self.adapter.dense_size,
            "bytes": 8 * self.adapter.size,
            "ranks": self.ranks(),
            **{k: self.stats[k] for k in REPORTED if k in self.stats},
            "gain": self._gain(),
        }
        if self.stats.attempts:
            out["stages"] = list(self.stats.attempts)
        if self.has_answer:
            out["error"] = self.error()
        return out

    def ranks(self) -> dict[str, Any]:
        """Rank of each adapted parameter; empty for kinds without ranks."""
        rank = getattr(self.config, "rank", None)
        if rank is None or isinstance(self.adapter, SpanAdapter):
            return {}
        out = {}
        for name, parameter in self.adapter.adapted.items():
            if self.adapter.rules[name] is self.config:
                found = rank(parameter)
                out[name] = tuple(found.values()) if isinstance(found, dict) else found
        return out

    def spectra(self) -> dict[str, dict[str, np.ndarray]]:
        """Singular values of the difference from the base, ``{parameter: {mode: (k,)}}``, over the difference's norm.

        The squares of each mode sum to one; see ``sciml.adapters.normalised_spectra``. ``plot("spectra")`` draws them.
        """
        found = normalised_spectra(self.adapter.deltas())
        return {name: {mode: s.cpu().numpy() for mode, s in modes.items()} for name, modes in found.items()}

    def print_trainable_parameters(self) -> None:
        """Print how many numbers are trained, of how many."""
        trained, every = self.adapter.size, self.adapter.dense_size
        print(
            f"trainable params: {trained:,} || all params: {every:,} || trainable%: {100 * trained / every:.2f}"
        )

    def __repr__(self) -> str:
        return f"<{self.config.kind} adapter {self.name!r} of {self.problem!r}: {self.summary()}>"

    def _gain(self) -> float:
        reached, scale, own = self.stats.residual, self.base.stats.scale, self.stats.seconds
        if reached is None or scale is None or not own or isinstance(self.base.trial, Chain):
            return math.nan  # the residuals of windows are those of one window after another
        took = [
            row["seconds"]
            for row in self.base.history
            if math.sqrt(max(2 * row["held_out"], 0.0)) <= reached * scale
        ]
        return took[0] / own if took else math.nan
