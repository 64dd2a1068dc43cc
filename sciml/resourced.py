"""What ``PDE.with_source`` makes: a problem of its own class with another right-hand side."""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sciml.conditions import evaluate
from sciml.errors import ArgumentError

if TYPE_CHECKING:
    from sciml.problem import PDE


class Resourced:
    """Stands before a problem's own class and answers for the right-hand side."""

    parameters: Callable[[], dict[str, Any]]
    _kind: type[PDE]
    _measured: tuple[Any, ...]
    _given: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor] | None] | None = None

    def source(self, x: Tensor) -> Tensor:
        """The given right-hand side, with its shape checked so that a wrong one is not broadcast."""
        if self._given is None:
            raise ArgumentError(
                f"{type(self).__name__} lost its source in dataclasses.replace: it needs with_parameters instead."
            )
        # a copy: the function may write into its argument
        return evaluate(self._given[0], x.clone(), "source")

    def exact(self, x: Tensor) -> Tensor:
        """The given solution.

        Raises:
            ArgumentError: None was given.
        """
        if self._given is None or self._given[1] is None:
            raise ArgumentError(
                "the problem has no exact solution: its source was replaced without giving exact=."
            )
        return self._given[1](x)

    def reference(self) -> None:
        """None: that of the problem belongs to its own source."""
        return None

    @property
    def has_exact(self) -> bool:
        """Whether ``exact`` was given with the source."""
        return self._given is not None and self._given[1] is not None

    @property
    def is_custom(self) -> bool:
        """True: a file cannot hold a Python function."""
        return True

    def with_parameters(self, **values: Any) -> PDE:
        """Other parameters, the same source; the exact solution was that of the old ones, so there is none."""
        if self._given is None:
            raise ArgumentError(f"{type(self).__name__} lost its source in dataclasses.replace.")
        new = self._kind(**{**self.parameters(), **values}).with_source(self._given[0])
        return new.with_data(*self._measured) if self._measured else new

    def __eq__(self, other: object) -> bool:
        same = super().__eq__(other)
        return same if same is not True else self._given == getattr(other, "_given", None)

    def __hash__(self) -> int:
        return hash((super().__hash__(), self._given))

    def __reduce__(self) -> tuple[Any, ...]:
        # the class is made on demand, so it cannot be found by its name
        return _restore, (self._kind, dict(vars(self)))

    def __repr__(self) -> str:
        return f"{super().__repr__()} with another source"


@cache
def resourced(kind: type[PDE]) -> type[Any]:
    """The subclass of a problem's class that answers for another source, with the class's own name."""
    if issubclass(kind, Resourced):
        return kind
    body = {
        "_kind": kind,
        "__doc__": kind.__doc__,
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
    }
    return types.new_class(kind.__name__, (Resourced, kind), {}, lambda names: names.update(body))


def _restore(kind: type[PDE], attributes: dict[str, Any]) -> Any:
    made = resourced(kind)
    problem = object.__new__(made)
    vars(problem).update(attributes)
    return problem
