"""``sciml.Solution``: an answer with its verbs, with adapters by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import nn

from sciml.adapters import (
    Adapter,
    AdapterConfig,
    PlainConfig,
    Span,
    SpanAdapter,
    WindowsAdapter,
    fingerprint,
    get_config,
    spread,
)
from sciml.ansatz import Trial
from sciml.ansatz.march import Chain
from sciml.arguments import number
from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.family import FamilyResult, finetune_family
from sciml.solvers.files import adapter_file, solution_file
from sciml.solvers.finetune import AUTO, finetune, windowed
from sciml.solvers.finetuning.snapshots import SnapshotSpace, chosen
from sciml.solvers.polish import SECONDS, polish
from sciml.solvers.posterior.posterior import Posterior
from sciml.solvers.posterior.randomised import Randomised
from sciml.solvers.report import Report
from sciml.solvers.spelling import encodable
from sciml.solvers.superposition import Superposition, superpose
from sciml.solvers.training.adapted_system import check_compatible
from sciml.solvers.verbs import Verbs

if TYPE_CHECKING:
    pass


class AdaptedSolution(Verbs, AdaptedAnswer):
    """What ``solution.finetune(...)`` returns: a solution of the new problem that owns only the adapter's numbers.

    Attributes:
        base: The answer that it differs from; untouched.
        adapter: The factors.
        name: Under which the solution keeps it.
    """

    @classmethod
    def of(cls, answer: AdaptedAnswer) -> AdaptedSolution:
        """The same answer, with verbs."""
        return cls(answer.base, answer.problem, answer.adapter, answer.name, answer.history, answer.stats)

    def merge_and_unload(self) -> Solution:
        """A plain solution of the new problem with the difference merged into its own network."""
        trial = self.base.trial.like(
            self.problem, self.adapter.merge(self.base.network)
        )  # its own: the adapter may train on
        return Solution(self.problem, trial, list(self.history), replace(self.stats))

    def save_adapter(self, path: Any) -> None:
        """Write the adapter alone, some kB; see ``sciml.solvers.files.adapter_file.save``."""
        adapter_file.save(self, path)

    def save(self, path: Any) -> None:
        """Write the merged solution; ``save_adapter`` writes the small difference alone."""
        self.merge_and_unload().save(path)


class Solution(Verbs):
    """A solved problem, with adapters by name. Its own network is never changed by them.

    While an adapter is set (``set_adapter``), everything answers for the adapter's problem: calls, errors, residuals,
    pictures, the summary and what ``save`` writes. Fine-tuning always starts from the bare solution.

    Args:
        problem, trial, history, stats, statement: As in ``sciml.solvers.answer.Answer``.
    """

    def __init__(
        self,
        problem: PDE,
        trial: Trial,
        history: list[dict[str, float]],
        stats: Report,
        statement: PDE | None = None,
    ):
        self.base = Answer(problem, trial, history, stats, statement)
        self.active: str | None = None
        self._adapters: dict[str, AdaptedSolution] = {}

    @property
    def problem(self) -> PDE:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What is solved."""
        return self._shown.problem

    @property
    def trial(self) -> Trial:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The trained trial function."""
        return self._shown.trial

    @property
    def history(self) -> list[dict[str, float]]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Rows of numbers over the steps."""
        return self._shown.history

    @property
    def stats(self) -> Report:  # pyright: ignore[reportIncompatibleVariableOverride]
        """How it ended."""
        return self._shown.stats

    @property
    def statement(self) -> PDE:
        """The problem as it was stated, with unknown coefficients where ``problem`` has what was found."""
        return self._shown.statement

    def posterior(self) -> Posterior:
        """See ``sciml.solvers.answer.Answer.posterior``."""
        return self._shown.posterior()

    def randomised(self, samples: int = 30, seed: int = 0) -> Randomised:
        """See ``sciml.solvers.answer.Answer.randomised``."""
        return self._shown.randomised(samples, seed)

    @property
    def _shown(self) -> Answer:
        return self.base if self.active is None else self._adapters[self.active]

    def polish(self, max_time: float | None = None) -> Solution:
        """The same solution with the correction that its error estimate is made of; see ``sciml.solvers.polish``.

        Args:
            max_time: Seconds of one core that it may take; 60 unless given.

        Returns:
            A new solution; where a correction does not gain, with a note that says so. This one stays as it is.
        """
        seconds = SECONDS if max_time is None else number("max_time", max_time, least=0)
        trial, report = polish(self.statement, self.trial, self.stats, seconds)
        return Solution(self.problem, trial, list(self.history), report, self.statement)

    # ---- making adapters

    def finetune(
        self,
        problem: PDE,
        adapter: str | PlainConfig | Adapter = AUTO,
        *,
        name: str | None = None,
        **options: Any,
    ) -> AdaptedSolution:
        """Solve another problem with what is known from this one and from its adapters; see
        ``sciml.solvers.finetune.finetune``.
        """
        options = {"members": self._adapters, **options}
        tuned = finetune(self.base, problem, adapter, name=self._free_name(name), **options)
        return self._keep(AdaptedSolution.of(tuned))

    def finetune_family(
        self, members: Mapping[str, PDE], adapter: str | PlainConfig = AUTO, **options: Any
    ) -> FamilyResult[AdaptedSolution]:
        """Fine-tune to every member of a family; see ``sciml.solvers.family.finetune_family``."""
        return finetune_family(self.base, members, adapter, **options).map(AdaptedSolution.of)

    def add_adapter(
        self, adapter: str | PlainConfig, name: str, problem: PDE | None = None
    ) -> AdaptedSolution:
        """An adapter at its start (difference zero), not trained yet."""
        problem = problem or self.base.problem
        check_compatible(self.base.problem, problem)
        config = get_config(adapter)
        if isinstance(self.base.trial, Chain):
            own = windowed(config, adapter)
            assert isinstance(own, AdapterConfig)
            built: Adapter | SpanAdapter = WindowsAdapter(spread(own, self.base.network), self.base.network)
        elif isinstance(config, Span):
            space = SnapshotSpace(self.base, chosen(config, self._adapters, self.base))
            built = space.adapter(config.r)
        else:
            built = Adapter(config, self.base.network)
        return self._keep(AdaptedSolution(self.base, problem, built, self._free_name(name)))

    def load_adapter(
        self, path: Any, *, name: str | None = None, problem: PDE | None = None
    ) -> AdaptedSolution:
        """Read an adapter's file; refused when it was made for another base, or for members that are not here.

        Args:
            path: The file.
            name: To keep it under; the name in the file unless given.
            problem: The problem it solves, where the file cannot hold it (a Python function of the user's).
        """
        loaded = AdaptedSolution.of(adapter_file.load(self.base, path, problem, self._adapters))
        loaded.name = self._free_name(name or loaded.name)
        return self._keep(loaded)

    # ---- choosing among them

    @property
    def adapters(self) -> dict[str, AdaptedSolution]:
        """Name -> adapted solution; a copy, so that only the verbs change what is kept."""
        return dict(self._adapters)

    def __getitem__(self, name: str) -> AdaptedSolution:
        if name not in self._adapters:
            known = ", ".join(self._adapters) or "none yet"
            raise ArgumentError(f"name needs the name of an adapter ({known}), got {name!r}.")
        return self._adapters[name]

    def set_adapter(self, name: str) -> None:
        """Answer for this adapter's problem from now on. Nothing about training changes."""
        self[name]
        self.active = name

    def delete_adapter(self, name: str) -> None:
        """Forget an adapter."""
        self[name]
        if self.active == name:
            self.active = None
        del self._adapters[name]

    @contextmanager
    def disable_adapter(self) -> Iterator[Solution]:
        """The bare solution inside a ``with`` block."""
        kept, self.active = self.active, None
        try:
            yield self
        finally:
            self.active = kept if kept in self._adapters else None

    def superpose(self, weights: Mapping[str, float]) -> Superposition:
        """The weighted sum of adapted solutions, which solves the weighted sum of their right-hand sides.

        Sums solutions, not weights: exact for a linear equation.

        Raises:
            ArgumentError: The equation is not linear in the unknown.
        """
        return superpose({name: self[name] for name in weights}, weights)

    def print_trainable_parameters(self) -> None:
        """Print the counts of every adapter."""
        for tuned in self._adapters.values():
            print(encodable(f"{tuned.name}: ", sys.stdout), end="")
            tuned.print_trainable_parameters()

    def fingerprint(self) -> str:
        """What an adapter's file remembers of its base: structure and weights."""
        return fingerprint(self.base.network)

    def _keep(self, tuned: AdaptedSolution) -> AdaptedSolution:
        self._adapters[tuned.name] = tuned
        return tuned

    def _free_name(self, name: str | None) -> str:
        if name is None:
            k = 1
            while f"adapter{k}" in self._adapters:
                k += 1
            return f"adapter{k}"
        if not isinstance(name, str) or not name or name in self._adapters:
            taken = ", ".join(self._adapters) or "none"
            raise ArgumentError(f"name needs a new, non-empty text (taken are {taken}), got {name!r}.")
        return name


def load(path: str | os.PathLike, problem: PDE | None = None, model: nn.Module | None = None) -> Solution:
    """The solution that ``Solution.save`` wrote; its predictions are the same bit by bit.

    Args:
        path: The file.
        problem: The problem, where the file cannot hold it: your own class, or one ``with_source``.
        model: A module of the saved structure, where the network is none of ``sciml.nn``; the weights are written into it.

    Raises:
        FileFormatError: The file is missing, damaged or no solution.
        ArgumentError: ``problem`` or ``model`` is needed, or is not the one that was saved.
    """
    found = solution_file.load(path, problem, model)
    return Solution(found.problem, found.trial, found.history, found.stats, found.statement)
