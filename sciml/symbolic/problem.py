"""``sciml.from_sympy``: a problem from equations of SymPy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sciml.arguments import coordinate_name
from sciml.conditions import BaseCondition
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.field import Field
from sciml.problem import PDE
from sciml.symbolic.translate import Equation, expression_of, translate, unknowns_in

if TYPE_CHECKING:
    from sciml.domains import Domain


class SymbolicPDE(PDE):
    """A problem whose residual is made of SymPy's equations; ``sciml.from_sympy`` makes one.

    Attributes:
        equations: Left-hand side minus right-hand side of each, as expressions of SymPy.
    """

    _equations: tuple[Equation, ...] = ()

    @property
    def equations(self) -> tuple[Any, ...]:
        """The expressions that are zero."""
        return tuple(equation.expression for equation in self._equations)

    @property
    def latex(self) -> str:
        """The equations in LaTeX."""
        from sympy import latex

        return r" \\ ".join(f"{latex(expression)} = 0" for expression in self.equations)

    def residual(self, u: Field, x: Tensor) -> Any:
        """The equations at points ``x (n, d)``: ``(n, 1)``, or a tuple of such."""
        columns = [x[:, j : j + 1] for j in range(x.shape[1])]
        parameters = [getattr(self, name) for name in self.parameters()]
        single = len(self.unknowns) == 1

        def value(name: str, by: tuple[str, ...]) -> Tensor:
            one = u if single else u[name]
            return one.d(*by) if by else one.value

        found = []
        for equation in self._equations:
            asked = [value(one.unknown, one.by) for one in equation.asked]
            found.append(equation.function(*columns, *parameters, *asked) + torch.zeros_like(columns[0]))
        return found[0] if len(found) == 1 else tuple(found)


def from_sympy(
    equations: Any,
    domain: Domain,
    conditions: Sequence[BaseCondition],
    parameters: Mapping[str, Any] | None = None,
    *,
    unknowns: Sequence[str] | None = None,
    name: str = "Symbolic",
) -> PDE:
    """A problem from equations of SymPy.

    ```python
    x, y, k = sympy.symbols("x y k")
    u = sympy.Function("u")(x, y)
    equation = sympy.Eq(-u.diff(x, 2) - u.diff(y, 2) + k * u**3, 1)
    square = sciml.Box([0, 0], [1, 1], names=("x", "y"))
    problem = sciml.from_sympy(equation, square, [sciml.Dirichlet(0.0)], {"k": 2.0})
    ```

    Args:
        equations: One or several, each a ``sympy.Eq`` or an expression that is zero. Derivatives may be of any order.
            Coordinates are known by their names, unknowns are functions of all of them in the domain's order.
        domain: Where they hold.
        conditions: As of a ``sciml.PDE``.
        parameters: Values of the other symbols by name: numbers, or ``sciml.Unknown`` for one that is to be found. They are
            fields of the problem, so ``with_parameters`` and ``family`` change them.
        unknowns: The unknowns' order; sorted by name unless given.
        name: Of the problem's class.

    Returns:
        A ``sciml.PDE``; ``problem.equations`` holds the expressions, ``problem.latex`` them in LaTeX.

    Raises:
        ArgumentTypeError: No equation of SymPy.
        ArgumentError: A symbol without a value, an unknown of other coordinates, a function that torch does not have, an
            unknown in no equation; the message names it.
        MissingPackageError: SymPy is not installed.
    """
    stated = list(equations) if isinstance(equations, (list, tuple)) else [equations]
    if not stated:
        raise ArgumentError("equations needs at least one equation, got none.")
    expressions = [expression_of(one) for one in stated]
    values = dict(parameters or {})
    for given in (*values, name):
        coordinate_name("parameters and name", given)
    found = unknowns_in(expressions)
    names = found if unknowns is None else tuple(unknowns)
    if not found or sorted(names) != sorted(found):
        raise ArgumentError(
            f"unknowns needs the functions of the equations ({', '.join(found) or 'none'}), got "
            f"{', '.join(names) or 'none'}."
        )
    _check_names(values, domain.names, names, expressions)
    translated = tuple(translate(one, domain.names, names, tuple(values)) for one in expressions)
    space = {"domain": domain, "conditions": tuple(conditions), "unknowns": names, "_equations": translated}
    fields = [(key, Any, dataclasses.field(default=value)) for key, value in values.items()]
    kind = dataclasses.make_dataclass(
        name, fields, bases=(SymbolicPDE,), namespace=space, frozen=True, repr=False, eq=False
    )
    return kind()


def _check_names(
    values: Mapping[str, Any], coordinates: Sequence[str], unknowns: Sequence[str], expressions: Sequence[Any]
) -> None:
    """Whether a name stands for one thing, and every parameter for something."""
    written = {s.name for e in expressions for s in e.free_symbols}
    for key in values:
        if key in coordinates or key in unknowns or hasattr(SymbolicPDE, key):
            raise ArgumentError(
                f"parameters needs names of their own, got {key!r}, which has a meaning already."
            )
        if key not in written:
            raise ArgumentError(f"parameters needs symbols of the equations, got {key!r}, which is in none.")
    for key, value in values.items():
        if isinstance(value, (str, bytes)) or value is None:
            raise ArgumentTypeError(f"parameters needs numbers, got {key} = {value!r}.")
