"""What a problem is: a domain, conditions, a residual, and, where known, the answer."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sciml.checks.effect import check_source_counts
from sciml.checks.findings import refuse
from sciml.conditions import BaseCondition, Data, Initial, Interface, Periodic
from sciml.corners.choose import corner_inputs
from sciml.corners.functions import CornerInputs
from sciml.corners.terms import CornerTerms, corner_terms
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.expressions import evaluate_residual
from sciml.expressions.parts import parts_of
from sciml.field import Field
from sciml.resourced import resourced

if TYPE_CHECKING:
    from sciml.domains import Domain


@dataclass(frozen=True)
class Reference:
    """An independent solution at given points.

    Attributes:
        points: ``(n, d)``, float64.
        values: ``(n, m)``, float64.
        floor: Relative L2 error of the values themselves: no claim below it.
        source: Where the values come from.
    """

    points: Tensor
    values: Tensor
    floor: float
    source: str


class PDE:
    """A partial differential equation with its conditions; subclass it and write ``residual``.

    A subclass sets ``domain`` and ``conditions`` (class attributes, properties, or fields of a frozen dataclass) and may
    set ``unknowns``, ``units``, ``source`` and ``exact``:

    ```python
    class Reaction(sciml.PDE):
        domain = sciml.Box([0, 0], [1, 1], names=("x", "y"))
        conditions = [sciml.Dirichlet(0.0)]

        def residual(self, u, x):
            return -u.laplacian() + u**3 - self.source(x)
    ```

    Instances are treated as immutable: ``with_source`` makes a changed copy.
    """

    domain: Domain
    conditions: Sequence[BaseCondition] = ()
    unknowns: tuple[str, ...] = ("u",)
    units: Mapping[str, str] = MappingProxyType({})
    """Units of coordinates and unknowns by name, such as ``{"x": "m", "u": "K"}``; pictures and exports name them."""
    _measured: tuple[Data, ...] = ()
    floor: float = 1e-15
    """Relative L2 error of the problem's own exact or reference solution."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if inspect.isfunction(own := cls.__dict__.get("source")):
            setattr(cls, "source", _tensor_valued(own))  # noqa: B010 - a type checker compares signatures

    def residual(self, u: Field, x: Tensor) -> Any:
        """Left-hand side minus right-hand side at points ``x (n, d)``.

        Returns:
            A tensor ``(n, k)``, or a tuple or dict of such for several equations. Row n must depend on point n only.
        """
        raise ArgumentTypeError(f"{type(self).__name__} needs a method residual(self, u, x); it has none.")

    def source(self, x: Tensor) -> Tensor:
        """The right-hand side at ``x (n, d)``: ``(n, 1)``. Zero unless a subclass or ``with_source`` sets it.

        Only its values are needed, so it may be written with NumPy or SciPy.
        """
        return torch.zeros_like(x[:, :1])

    def exact(self, x: Tensor) -> Tensor:
        """The solution at ``x (n, d)``: ``(n, m)``, where it is known.

        Raises:
            ArgumentError: This problem has none.
        """
        raise ArgumentError(f"{type(self).__name__} has no exact solution.")

    def reference(self) -> Reference | None:
        """An independent solution at fixed points, where there is one."""
        return None

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Interior points for training, ``(n, d)``; a subclass may prefer another density than the domain's."""
        return self.domain.sample(n, seed=seed)

    def with_source(
        self, source: Callable[[Tensor], Tensor], exact: Callable[[Tensor], Tensor] | None = None
    ) -> PDE:
        """The same problem with another right-hand side.

        Args:
            source: ``(n, d) -> (n, 1)``; takes the place of ``source``.
            exact: The new solution where it is known; without it the copy has none.
        """
        if not callable(source):
            raise ArgumentTypeError(
                f"source needs a function of the coordinates, got {type(source).__name__}. "
                "For a constant write lambda x: torch.full_like(x[:, :1], c)."
            )
        if exact is not None and not callable(exact):
            raise ArgumentTypeError(
                f"exact needs a function of the coordinates or None, got {type(exact).__name__}."
            )
        if type(self).residual is PDE.residual:
            raise ArgumentTypeError(
                f"{type(self).__name__} has no residual, so a source would be without effect."
            )
        check_source_counts(self)
        new = copy.copy(self)
        for name in ("source", "exact", "reference"):  # an instance's own would hide those of the class
            vars(new).pop(name, None)
        # past __setattr__: catalogue problems are frozen
        object.__setattr__(new, "__class__", resourced(type(self)))
        object.__setattr__(new, "_given", (source, exact))
        return new

    def with_parameters(self, **values: Any) -> PDE:
        """The same problem with other values of some of its parameters (a dataclass's fields)."""
        new = dataclasses.replace(self, **values)  # type: ignore[type-var]
        lost = [one for one in self._measured if one not in new.conditions]
        return new.with_data(*lost) if lost else new

    def with_data(self, *data: Data) -> PDE:
        """The same problem with measurements besides its conditions.

        Args:
            data: One or several sets.

        Raises:
            ArgumentTypeError: Something else than ``sciml.Data``.
            ArgumentError: The conditions are a property that cannot be replaced.
        """
        for one in data:
            if not isinstance(one, Data):
                raise ArgumentTypeError(f"data needs a sciml.Data, got {one!r}.")
        new = copy.copy(self)
        object.__setattr__(new, "_measured", (*self._measured, *data))
        try:
            object.__setattr__(new, "conditions", [*self.conditions, *data])
        except AttributeError:
            raise ArgumentError(
                f"with_data needs conditions of {type(self).__name__} that can be replaced, got a property: return the "
                "Data from it."
            ) from None
        return new

    def family(self, **values: Iterable[Any]) -> dict[str, PDE]:
        """Copies of a catalogue problem over all combinations of some parameters: ``{"eps=0.5": ..., ...}``.

        Raises:
            ArgumentError: A parameter that the problem does not have.
        """
        known = self.parameters()
        if not values or (unknown := sorted(set(values) - set(known))):
            got = ", ".join(unknown) if values else "none"
            raise ArgumentError(
                f"family needs parameters of {type(self).__name__} ({', '.join(known)}), got {got}."
            )
        members = {}
        for combination in itertools.product(*values.values()):
            chosen = dict(zip(values, combination, strict=True))
            name = ",".join(f"{k}={v}" for k, v in chosen.items())
            members[name] = self.with_parameters(**chosen)
        return members

    # ---- what follows is derived from the above

    @property
    def has_exact(self) -> bool:
        """Whether ``exact`` answers."""
        return getattr(self.exact, "__func__", self.exact) is not PDE.exact

    @property
    def is_custom(self) -> bool:
        """Whether a Python function of the user is part of it, which a file cannot hold."""
        return getattr(type(self), "registry_name", None) is None or bool(self._measured)

    def parameters(self) -> dict[str, Any]:
        """The plain parameters that make this problem (a dataclass's fields)."""
        if not dataclasses.is_dataclass(self):
            return {}
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}

    @property
    def periodic_axes(self) -> tuple[int, ...]:
        """Coordinates that enter a network as ``cos`` and ``sin`` (exact periodicity)."""
        exact = {self.axis_of(c) for c in self.conditions if isinstance(c, Periodic) and c.hard is not False}
        if any(isinstance(c, Initial) for c in self.conditions):
            exact.discard(self.domain.time_axis)  # type: ignore[arg-type]
        return tuple(sorted(exact))

    @property
    def inputs(self) -> int:
        """Width of a network's first layer: the coordinates, one more for each periodic one and each interface, and the
        functions of corners (``corner_inputs``).
        """
        return self.plain_inputs + self.corner_inputs.count

    @property
    def plain_inputs(self) -> int:
        """As ``inputs``, without the functions of corners."""
        return self.domain.dim + len(self.periodic_axes) + len(self.interfaces)

    @property
    def corner_inputs(self) -> CornerInputs:
        """The functions of the domain's corners that a network sees besides the coordinates, see ``sciml.corners``."""
        return self._own("_corner_inputs", corner_inputs)

    @property
    def corner_terms(self) -> CornerTerms:
        """The flows at corners of which a trial function has multiples, see ``sciml.corners.terms``."""
        return self._own("_corner_terms", corner_terms)

    def _own(self, name: str, find: Callable[[PDE], Any]) -> Any:
        """What is found once; a copy of the problem carries what belongs to another one."""
        owner, known = vars(self).get(name, (None, None))
        if owner != id(self):
            known = find(self)
            object.__setattr__(self, name, (id(self), known))
        return known

    @property
    def interfaces(self) -> list[Interface]:
        """Interfaces between materials, to each of which a network sees the distance."""
        return [c for c in self.conditions if isinstance(c, Interface)]

    @property
    def outputs(self) -> int:
        """Width of a network's last layer: the number of unknowns."""
        return len(self.unknowns)

    def field(self, source: Any) -> Field:
        """A Field over this problem's coordinates and unknowns, fed by a derivative source."""
        return Field(source, self.domain.names, self.domain.space_axes, self.unknowns)

    def residual_terms(self, u: Field, x: Tensor) -> dict[str, Tensor]:
        """The residual as named terms ``(n, k)``.

        Raises:
            ArgumentError: A term that is no tensor, has another number of rows than ``x``, or is empty.
        """
        return parts_of(
            f"residual of {type(self).__name__}", evaluate_residual(self, self.residual, u, x), len(x)
        )

    def component(self, condition: BaseCondition) -> int:
        """Index of the unknown that a condition applies to.

        Raises:
            ArgumentError: An unknown name, or none given for a system.
        """
        if condition.component is None:
            if len(self.unknowns) > 1:
                raise ArgumentError(
                    f"{condition.label}: component needs one of {', '.join(self.unknowns)} for a system, got None."
                )
            return 0
        if condition.component not in self.unknowns:
            raise ArgumentError(
                f"{condition.label}: component {condition.component!r} is not one of {', '.join(self.unknowns)}."
            )
        return self.unknowns.index(condition.component)

    def axis_of(self, condition: Periodic) -> int:
        """Index of the coordinate that a periodic condition names.

        Raises:
            ArgumentError: The domain has none of that name.
        """
        names, coordinate = tuple(self.domain.names), condition.coordinate
        if coordinate not in names:
            raise ArgumentError(
                f"Periodic coordinate {coordinate!r} is unknown: the domain has {', '.join(names)}."
            )
        return names.index(coordinate)

    def validate(self) -> None:
        """Check the statement before any training: attributes, shapes, and contradictions between conditions.

        The residual and the functions of the conditions are called at a few points. ``sciml.check`` shows what else is
        odd.

        Raises:
            ArgumentError, ArgumentTypeError: naming what is wrong, what it needs and what it got.
        """
        refuse(self)

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v!r}" for k, v in self.parameters().items())
        return f"{type(self).__name__}({values})"


def _tensor_valued(source: Callable[[Any, Any], Any]) -> Callable[[Any, Tensor], Any]:
    """A subclass's ``source`` whose arrays become tensors, and which is given an array where it takes no tensor."""

    @functools.wraps(source)
    def with_tensors(self: Any, x: Tensor) -> Any:
        try:
            out = source(self, x)
        except Exception:
            try:
                out = source(self, x.detach().cpu().numpy())
            except Exception:
                out = None
            if not isinstance(out, np.ndarray):
                raise
        if not isinstance(out, np.ndarray) or out.ndim > 2:
            return out
        out = torch.as_tensor(out, dtype=x.dtype, device=x.device)
        return out[:, None] if out.shape == x.shape[:1] else out

    return with_tensors
