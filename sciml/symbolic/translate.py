"""An equation of SymPy as a function of tensors: coordinates, parameters, and the unknowns with their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sciml.errors import ArgumentError, ArgumentTypeError, MissingPackageError, did_you_mean

sympy: Any
try:
    import sympy
except ImportError:
    sympy = None

KNOWN = (
    *(
        "Abs",
        "sign",
        "exp",
        "log",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "atan2",
        "sinh",
        "cosh",
    ),
    *(
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "erf",
        "erfc",
        "Min",
        "Max",
        "Heaviside",
        "Piecewise",
        "ExprCondPair",
    ),
)
PLAIN = (
    *("Add", "Mul", "Pow", "Symbol", "Dummy", "Integer", "Rational", "Float", "Zero", "One", "NegativeOne"),
    *("Half", "Pi", "Exp1", "BooleanTrue"),
)
COMPARED = ["StrictLessThan", "StrictGreaterThan", "LessThan", "GreaterThan", "And", "Or"]  # within Piecewise
DIGITS = 17  # of numbers such as pi


@dataclass(frozen=True)
class Asked:
    """An unknown, or a derivative of it, in an equation: its name and the coordinates that it is differentiated by."""

    unknown: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Equation:
    """An equation, ready to be evaluated.

    Attributes:
        expression: Left-hand side minus right-hand side, of SymPy.
        asked: What it needs of the unknowns.
        function: ``(coordinates, parameters, what is asked) -> (n, 1)``, each of them tensors ``(n, 1)`` or numbers.
    """

    expression: Any
    asked: tuple[Asked, ...]
    function: Callable[..., Any]


def expression_of(equation: Any) -> Any:
    """Left-hand side minus right-hand side, products and powers differentiated.

    Raises:
        ArgumentTypeError: No equation and no expression of SymPy.
        MissingPackageError: SymPy is not installed.
    """
    if sympy is None:
        raise MissingPackageError('from_sympy needs SymPy, got none: pip install "sciml-kan[symbolic]".')
    if isinstance(equation, sympy.Equality):
        equation = equation.lhs - equation.rhs
    if not isinstance(equation, sympy.Expr):
        raise ArgumentTypeError(
            f"equations needs equations or expressions of SymPy, such as Eq(u(x).diff(x), 1), got {equation!r:.120}."
        )
    return equation.doit()


def unknowns_in(expressions: Sequence[Any]) -> tuple[str, ...]:
    """Names of the undefined functions, sorted."""
    return tuple(
        sorted({f.func.__name__ for e in expressions for f in e.atoms(sympy.core.function.AppliedUndef)})
    )


def translate(
    expression: Any, coordinates: Sequence[str], unknowns: Sequence[str], parameters: Sequence[str]
) -> Equation:
    """One equation as a function.

    Raises:
        ArgumentError: An unknown of other coordinates, a symbol that is neither a coordinate nor a parameter, or an
            operation that has no counterpart; the message names it.
    """
    symbols = {name: sympy.Symbol(name) for name in (*coordinates, *parameters)}
    by_name = {s: symbols[s.name] for s in expression.free_symbols if s.name in symbols}
    expression = expression.xreplace(by_name)  # symbols with assumptions are others to SymPy
    dummies: dict[Asked, Any] = {}

    def ask(node: Any) -> Any:
        asked = _asked(node, coordinates, unknowns)
        return dummies.setdefault(asked, sympy.Dummy(asked.unknown))

    plain = expression.replace(lambda e: isinstance(e, sympy.Derivative), ask)
    plain = plain.replace(lambda e: isinstance(e, sympy.core.function.AppliedUndef), ask)
    _check(plain, expression, {*symbols.values(), *dummies.values()})
    arguments = [*(symbols[n] for n in coordinates), *(symbols[n] for n in parameters), *dummies.values()]
    # a constant such as sqrt(2) is a number, not a function of one
    function = sympy.lambdify(arguments, sympy.N(plain, DIGITS), modules="torch", cse=True)
    return Equation(expression, tuple(dummies), function)


def _asked(node: Any, coordinates: Sequence[str], unknowns: Sequence[str]) -> Asked:
    of, by = (node.expr, node.variables) if isinstance(node, sympy.Derivative) else (node, ())
    if not isinstance(of, sympy.core.function.AppliedUndef):
        raise ArgumentError(
            f"equations needs derivatives of unknowns, got {node}: write it out with .doit()."
        )
    name, given = of.func.__name__, [str(a) for a in of.args]
    if name not in unknowns:
        raise ArgumentError(f"equations needs the unknowns {', '.join(unknowns)}, got {of}.")
    if given != list(coordinates):
        raise ArgumentError(
            f"equations needs {name}({', '.join(coordinates)}), the coordinates of the domain in their order, got {of}."
        )
    return Asked(name, tuple(sorted(map(str, by), key=list(coordinates).index)))


def _check(plain: Any, written: Any, symbols: set[Any]) -> None:
    """Whether every part of an expression has a counterpart in torch."""
    for node in sympy.preorder_traversal(plain):
        kind = type(node).__name__
        if isinstance(node, (sympy.Symbol, sympy.Dummy)):
            if node not in symbols:
                names = [s.name for s in symbols if not isinstance(s, sympy.Dummy)]
                raise ArgumentError(
                    f"equations needs symbols that are coordinates or parameters ({', '.join(sorted(names))}), got "
                    f"{node.name} in {written}.{did_you_mean(node.name, names)}"
                )
        elif kind not in (*PLAIN, *KNOWN, *COMPARED):
            raise ArgumentError(
                f"equations needs operations that torch has ({', '.join(KNOWN[:-2])}), got {kind}: {node} in {written}."
            )
