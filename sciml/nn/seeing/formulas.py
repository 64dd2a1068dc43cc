"""A KAN read as a formula: the elementary function that each edge looks like, put together by SymPy.

Every edge is fitted by ``c f(a z + b) + d``: ``a`` and ``b`` on a grid, then all four by least squares (KAN, Liu et al.
2024, section 2.5.1). The simplest function that is near enough is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares
from torch import Tensor

from sciml.errors import ArgumentError, MissingPackageError
from sciml.nn.seeing.edges import inputs_of, passes, shares_of

if TYPE_CHECKING:
    from sciml.nn.kan import KAN

try:
    import sympy as found_sympy
except ImportError:  # PyTorch brings it along today
    found_sympy = None
sympy: Any = found_sympy

Function = Callable[[np.ndarray], np.ndarray]
POINTS = 400  # of an edge that are fitted
SLOPES = np.geomspace(0.15, 12.0, 16)  # of a z, in units of half the range of z
SHIFTS = np.linspace(-4.0, 4.0, 33)
STARTS = 3  # from the grid, which are fitted further
CONSTANT = 1e-6  # share below which an edge is its mean
LARGEST = 1e6
NOTHING = 1e-6  # of the largest number: smaller ones go
DIGITS = 4  # in print


class Shape(NamedTuple):
    """An elementary function: how simple it is (lower is simpler), its values, and its name in SymPy."""

    simple: int
    values: Function
    name: str


def _inside(values: Function, low: float) -> Function:
    """nan where a function is not defined: at arguments not above ``low``."""
    return lambda y: np.where(y > low, values(np.where(y > low, y, 1.0)), np.nan)


SHAPES: dict[str, Shape] = {
    "z": Shape(0, lambda y: y, "z"),
    "z^2": Shape(1, lambda y: y**2, "z**2"),
    "z^3": Shape(2, lambda y: y**3, "z**3"),
    "exp": Shape(2, lambda y: np.exp(np.clip(y, -50, 50)), "exp(z)"),
    "sin": Shape(2, np.sin, "sin(z)"),
    "tanh": Shape(3, np.tanh, "tanh(z)"),
    "log": Shape(3, _inside(np.log, 0.0), "log(z)"),
    "sqrt": Shape(3, _inside(np.sqrt, 0.0), "sqrt(z)"),
    "1/z": Shape(3, _inside(lambda y: 1 / y, 0.0), "1/z"),
    "z^4": Shape(3, lambda y: y**4, "z**4"),
    "gauss": Shape(4, lambda y: np.exp(-np.clip(y**2, 0, 50)), "exp(-z**2)"),
}


@dataclass(frozen=True)
class Edge:
    """What stands for an edge.

    Attributes:
        layer, source, target: Which edge.
        function: Its name; ``"constant"`` for one that carries nothing.
        error: Root mean square distance of the fit in the edge's standard deviation.
        share: Of the output that the edge carries.
        a, b, c, d: ``c f(a z + b) + d``.
    """

    layer: int
    source: int
    target: int
    function: str
    error: float
    share: float
    a: float
    b: float
    c: float
    d: float


@dataclass(frozen=True)
class Formula:
    """A network as a formula.

    Attributes:
        expressions: One SymPy expression an output.
        error: Root mean square distance from the network over the inputs, in its outputs' largest standard deviation.
        edges: What stands for each edge, those that carry most first.
    """

    expressions: list[Any]
    error: float
    edges: list[Edge]

    def __str__(self) -> str:
        lines = [
            str(e.xreplace({n: sympy.Float(float(n), DIGITS) for n in e.atoms(sympy.Float)}))
            for e in self.expressions
        ]
        return "\n".join([*lines, f"(relative error {self.error:.1e})"])


def read(kan: KAN, x: Tensor | None, inputs: Sequence[Any] | None, within: float) -> Formula:
    """See ``KAN.symbolic``."""
    if sympy is None:
        raise MissingPackageError("symbolic needs SymPy, got none: pip install sympy.")
    given, symbols = _given(inputs, kan.widths[0]), sympy.symbols(f"z0:{kan.widths[0]}", cls=sympy.Dummy)
    points = inputs_of(kan, x)
    seen = passes(kan, points)
    shares = shares_of(seen)
    edges: list[Edge] = []
    expressions: Sequence[Any] = symbols
    for k, (part, share) in enumerate(zip(seen, shares, strict=True)):
        z, phi = part.z.double().cpu().numpy(), part.edges.double().cpu().numpy()
        built = []
        for o in range(share.shape[1]):
            total: Any = sympy.Float(0)
            for i in range(share.shape[0]):
                edge = _edge(k, i, o, z[:, i], phi[:, i, o], float(share[i, o]), within)
                edges.append(edge)
                total += _expression(edge, expressions[i])
            built.append(total)
        expressions = built
    built = [_without_nothing(sympy.expand(e, power_exp=False)) for e in expressions]
    whole = seen[-1].edges.sum(1).double().cpu().numpy()
    with np.errstate(all="ignore"):
        found = sympy.lambdify(symbols, built, "numpy")(*seen[0].z.double().cpu().numpy().T)
    values = np.stack([np.broadcast_to(v, len(whole)) for v in found], 1)
    error = float(np.sqrt(np.mean((values - whole) ** 2))) / max(float(whole.std(0).max()), 1e-300)
    named = [e.xreplace(dict(zip(symbols, given, strict=True))) for e in built]
    return Formula(named, error, sorted(edges, key=lambda e: -e.share))


def _given(inputs: Sequence[Any] | None, n: int) -> list[Any]:
    if inputs is None:
        return [sympy.Symbol("x")] if n == 1 else [sympy.Symbol(f"x{k + 1}") for k in range(n)]
    if isinstance(inputs, str) or len(inputs) != n:
        raise ArgumentError(f"inputs needs {n} names or expressions, got {inputs!r}.")
    return [sympy.sympify(one) for one in inputs]


def _edge(layer: int, i: int, o: int, z: np.ndarray, y: np.ndarray, share: float, within: float) -> Edge:
    """The simplest function that is within the error, or the nearest one."""
    spread = float(y.std())
    mean = float(y.mean())
    if share < CONSTANT or spread == 0.0 or float(np.ptp(z)) == 0.0:
        return Edge(layer, i, o, "constant", 0.0, share, 0.0, 0.0, 0.0, mean)
    pick = np.linspace(0, len(z) - 1, min(POINTS, len(z))).astype(int)
    order = np.argsort(z)[pick]
    z, y = z[order], y[order]
    best: Edge | None = None
    for name, shape in sorted(SHAPES.items(), key=lambda item: item[1].simple):
        error, (a, b, c, d) = _fit(name, shape.values, z, y, spread)
        if best is None or error < best.error:
            best = Edge(layer, i, o, name, error, share, a, b, c, d)
        if error <= within:
            break
    assert best is not None
    return best


def _fit(
    name: str, f: Function, z: np.ndarray, y: np.ndarray, spread: float
) -> tuple[float, tuple[float, float, float, float]]:
    """Relative error of the best ``c f(a z + b) + d`` found, and its numbers."""
    middle, half = (z.max() + z.min()) / 2, (z.max() - z.min()) / 2
    s = (z - middle) / half
    if name == "z":
        c, d = np.polyfit(z, y, 1)
        return float(np.sqrt(np.mean((c * z + d - y) ** 2))) / spread, (1.0, 0.0, float(c), float(d))
    slopes = np.concatenate([SLOPES, -SLOPES]) if name in ("exp", "log", "sqrt", "1/z") else SLOPES
    if name in ("z^2", "z^3", "z^4"):
        slopes = np.ones(1)  # a factor of z is one of the function
    a, b = (grid.ravel() for grid in np.meshgrid(slopes, SHIFTS, indexing="ij"))
    with np.errstate(all="ignore"):
        g = f(a[:, None] * s + b[:, None])
        g0 = g - g.mean(1, keepdims=True)
        norm = (g0**2).sum(1)
        y0 = y - y.mean()
        left = (y0**2).sum() - (g0 @ y0) ** 2 / norm
    left = np.where(np.isfinite(left) & (norm > 1e-20), left, np.inf)
    best_error, best = np.inf, (1.0, 0.0, 0.0, float(y.mean()))

    def off(p: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            value = p[2] * f(p[0] * s + p[1]) + p[3] - y
        return np.where(np.isfinite(value), value, 1e3 * spread) / spread

    for k in np.argsort(left)[:STARTS]:
        if not np.isfinite(left[k]):
            continue
        c = float(g0[k] @ y0 / norm[k])
        start = np.array([a[k], b[k], c, float(y.mean() - c * g[k].mean())])
        found = least_squares(off, start, method="lm", max_nfev=400, xtol=1e-13, ftol=1e-13, gtol=1e-13)
        error = float(np.sqrt(np.mean(found.fun**2)))
        if error < best_error and np.abs(found.x).max() < LARGEST:
            p = found.x
            best_error, best = error, (p[0] / half, p[1] - p[0] * middle / half, p[2], p[3])
    a_, b_, c_, d_ = (float(v) for v in best)
    return float(best_error), (a_, b_, c_, d_)


def _expression(edge: Edge, z: Any) -> Any:
    if edge.function == "constant":
        return sympy.Float(edge.d)
    y = sympy.Symbol("z")
    shape = sympy.sympify(SHAPES[edge.function].name)
    return edge.c * shape.subs(y, edge.a * z + edge.b) + edge.d


def _without_nothing(expression: Any) -> Any:
    """The same without the numbers that are next to nothing."""
    sizes = [abs(float(n)) for n in expression.atoms(sympy.Float)]
    least = NOTHING * max(sizes, default=0.0)
    swap = {n: n if abs(float(n)) > least else sympy.Integer(0) for n in expression.atoms(sympy.Float)}
    return expression.xreplace(swap)
