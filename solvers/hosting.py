"""A solution that keeps adapters: fine-tune it, switch between them, load and drop them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sciml.adapters import Adapter, AdapterConfig, fingerprint
from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedSolution, Superposition, superpose
from sciml.solvers.solution import Solution
from sciml.solvers.training.adapted_collocation import check_compatible


class AdapterHost(Solution):
    """A :class:`~sciml.solvers.solution.Solution` with adapters by name. Its own network is never changed by them.

    While an adapter is set (:meth:`set_adapter`) calls, errors, residuals and plots answer for the adapter's problem.
    """

    def __init__(self, problem: PDE, trial: Any, history: list[dict[str, float]], stats: dict[str, Any]):
        super().__init__(problem, trial, history, stats)
        self._adapters: dict[str, AdaptedSolution] = {}
        self.active: str | None = None

    # ---- making adapters

    def finetune(
        self,
        problem: PDE,
        adapter: str | AdapterConfig | Adapter = "lotra",
        *,
        name: str | None = None,
        **options: Any,
    ) -> AdaptedSolution:
        """Train a small difference for another problem; see :func:`sciml.solvers.finetune.finetune`."""
        from sciml.solvers.finetune import finetune

        tuned = finetune(self, problem, adapter, name=self._free_name(name), **options)
        self._adapters[tuned.name] = tuned
        return tuned

    def finetune_family(
        self, members: Mapping[str, PDE], adapter: str | AdapterConfig = "lotra", **options: Any
    ) -> Any:
        """Fine-tune to every member of a family; see :func:`sciml.solvers.family.finetune_family`."""
        from sciml.solvers.family import finetune_family

        return finetune_family(self, members, adapter, **options)

    def add_adapter(
        self, adapter: str | AdapterConfig, name: str, problem: PDE | None = None
    ) -> AdaptedSolution:
        """An adapter at its start (difference zero), not trained yet."""
        problem = problem or self.problem
        check_compatible(self.problem, problem)
        built = Adapter(adapter, self.network)
        self._adapters[self._free_name(name)] = made = AdaptedSolution(self, problem, built, name)
        return made

    def load_adapter(
        self, path: Any, *, name: str | None = None, problem: PDE | None = None
    ) -> AdaptedSolution:
        """Read an adapter's file; refused when it was made for another base.

        Args:
            path: The file.
            name: To keep it under; the name in the file unless given.
            problem: The problem it solves, where the file cannot hold it (a Python function of the user's).
        """
        from sciml.solvers.files.adapter_file import load_adapter

        loaded = load_adapter(self, path, problem)
        loaded.name = self._free_name(name or loaded.name)
        self._adapters[loaded.name] = loaded
        return loaded

    # ---- choosing among them

    @property
    def adapters(self) -> dict[str, AdaptedSolution]:
        """Name -> adapted solution; a copy, so that only the verbs change what is kept."""
        return dict(self._adapters)

    def __getitem__(self, name: str) -> AdaptedSolution:
        if name not in self._adapters:
            raise ArgumentError(
                f"unknown adapter {name!r}: known are {', '.join(self._adapters) or 'none yet'}."
            )
        return self._adapters[name]

    def set_adapter(self, name: str) -> None:
        """Answer for this adapter's problem from now on. Nothing about training changes."""
        self[name]
        self.active = name

    def delete_adapter(self, name: str) -> None:
        """Forget an adapter."""
        self[name]
        del self._adapters[name]
        if self.active == name:
            self.active = None

    @contextmanager
    def disable_adapter(self) -> Iterator[AdapterHost]:
        """The bare base inside a ``with`` block."""
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
        return superpose(self, dict(weights))

    def print_trainable_parameters(self) -> None:
        """Print the counts of every adapter."""
        for tuned in self._adapters.values():
            print(f"{tuned.name}: ", end="")
            tuned.print_trainable_parameters()

    def fingerprint(self) -> str:
        """What an adapter's file remembers of its base: structure and weights."""
        return fingerprint(self.network)

    # ---- answering for the active adapter

    def __call__(self, x: Any) -> Any:
        """See :meth:`Solution.__call__`; the active adapter answers where one is set."""
        return super().__call__(x) if self.active is None else self[self.active](x)

    def field(self, x: Any) -> Any:
        """See :meth:`Solution.field`."""
        return super().field(x) if self.active is None else self[self.active].field(x)

    def residual(self, x: Any) -> Any:
        """See :meth:`Solution.residual`."""
        return super().residual(x) if self.active is None else self[self.active].residual(x)

    def error(self, points: Any = None) -> float:
        """See :meth:`Solution.error`."""
        return super().error(points) if self.active is None else self[self.active].error(points)

    def plot(self, kind: str | None = None, **options: Any) -> Any:
        """See :meth:`Solution.plot`."""
        if self.active is not None:
            return self[self.active].plot(kind, **options)
        return super().plot(kind, **options)

    def _free_name(self, name: str | None) -> str:
        if name is None:
            k = 1
            while f"adapter{k}" in self._adapters:
                k += 1
            return f"adapter{k}"
        if not isinstance(name, str) or not name or name in self._adapters:
            raise ArgumentError(
                f"name must be a new, non-empty text; got {name!r}, taken are {', '.join(self._adapters)}."
            )
        return name
