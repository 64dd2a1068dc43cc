"""``sciml.Solution``: an answer with its verbs, which plot, save and fine-tune it, and with adapters by name."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from sciml.adapters import Adapter, PlainConfig, Span, SpanAdapter, fingerprint, get_config
from sciml.ansatz import Trial
from sciml.ansatz.march import Chain
from sciml.arguments import number
from sciml.conservation.fluxes import Fluxes, fluxes
from sciml.conservation.velocity import velocity_of
from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.exports.dataset import to_xarray
from sciml.solvers.exports.program import export
from sciml.solvers.exports.table import to_csv
from sciml.solvers.exports.vtk import to_vtk
from sciml.solvers.family import FamilyResult, finetune_family
from sciml.solvers.files import adapter_file, solution_file
from sciml.solvers.finetune import AUTO, finetune
from sciml.solvers.finetuning.snapshots import SnapshotSpace, chosen
from sciml.solvers.polish import SECONDS, polish
from sciml.solvers.posterior.posterior import Posterior
from sciml.solvers.posterior.randomised import Randomised
from sciml.solvers.quantities.integrals import Integral, flux, integrate
from sciml.solvers.report import Report
from sciml.solvers.spelling import encodable
from sciml.solvers.superposition import Superposition, superpose
from sciml.solvers.tangent.kernel import ProblemKernel, kernel_of
from sciml.solvers.training.adapted_system import check_compatible
from sciml.solvers.training.settings import Settings

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


class Verbs(Answer):
    """What every solution can do besides answering."""

    def plot(self, kind: str | None = None, **options: Any) -> Figure:
        """Solution, reference, error and history as a Matplotlib figure; see ``sciml.solvers.plots.plotting.plot``."""
        from sciml.solvers.plots.plotting import plot  # Matplotlib takes as long as all the rest

        return plot(self, kind, **options)

    def animate(self, path: Any, kind: str = "solution", **options: Any) -> Path:
        """Write an evolution as a moving picture (.gif, .html, .mp4); see ``sciml.solvers.plots.animation.animate``."""
        from sciml.solvers.plots.animation import animate

        return animate(self, path, kind, **options)

    def integrate(self, f: Any = None, **options: Any) -> Integral:
        """The integral over the domain, a side or a moment; see ``sciml.solvers.quantities.integrals.integrate``."""
        return integrate(self, f, **options)

    def flux(self, on: Any = None, coefficient: Any = 1.0, **options: Any) -> Integral:
        """What passes outwards through a side; see ``sciml.solvers.quantities.integrals.flux``."""
        return flux(self, on, coefficient, **options)

    def to_xarray(self, grid: Any = None) -> xarray.Dataset:
        """Values on a grid with named coordinates; see ``sciml.solvers.exports.dataset.to_xarray``."""
        return to_xarray(self, grid)

    def to_vtk(self, path: Any, grid: Any = None, **options: Any) -> Path:
        """Write a mesh with values for ParaView (.vtu, .vtk, .pvd); see ``sciml.solvers.exports.vtk.to_vtk``."""
        return to_vtk(self, path, grid, **options)

    def to_csv(self, path: Any, points: Any = None) -> Path:
        """Write points and values as comma-separated values; see ``sciml.solvers.exports.table.to_csv``."""
        return to_csv(self, path, points)

    def export(self, path: Any) -> Path:
        """Write the solution as a program that runs without sciml (.pt2); see ``sciml.solvers.exports.program.export``."""
        return export(self, path)

    def save(self, path: Any) -> None:
        """Write one HDF5 file; see ``sciml.solvers.files.solution_file.save``."""
        solution_file.save(self, path)

    def fluxes(self) -> Fluxes:
        """What flows out through each part of the boundary, for an incompressible flow, and the share that is lost.

        Raises:
            ArgumentError: No equation of the problem is the divergence of some of its unknowns.
        """
        velocity = velocity_of(self.problem)
        if velocity is None:
            raise ArgumentError(
                "fluxes needs an incompressible flow, one of whose equations is the divergence of its velocity, got "
                f"{self.problem!r}."
            )
        return fluxes(self.problem.domain, velocity, self)

    def kernel(self, points: int | None = None, seed: int = 0) -> ProblemKernel:
        """The tangent kernel at the solved parameters; see ``sciml.tangent_kernel``.

        Raises:
            ArgumentError: A solution in windows of time, whose networks have a kernel each.
        """
        if isinstance(self.trial, Chain):
            raise ArgumentError("kernel needs a solution with one network, got one in windows of time.")
        trial = self.trial.like(self.problem, copy.deepcopy(self.trial.network))
        return kernel_of(Settings(self.problem, points=points, seed=seed), trial)

    def card(self) -> str:
        """What a notebook shows of it, as HTML: how the solve ended, and a small picture.

        Above them stands the equation in LaTeX, where ``from_sympy`` made it.
        """
        from sciml.solvers.plots.html import solution_table

        return solution_table(self)

    def _repr_html_(self) -> str:
        return self.card()


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
        if isinstance(config, Span):
            space = SnapshotSpace(self.base, chosen(config, self._adapters, self.base))
            built: Adapter | SpanAdapter = space.adapter(config.r)
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
