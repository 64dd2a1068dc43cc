"""Parts of the SIMD kernels' text: the shape of a jet, rows of scratch memory, sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sciml.kernels.channels import Channels
from sciml.kernels.cpu.fields import BLOCK
from sciml.kernels.orders import bell_terms

NESTED = 32  # terms of a sum in one nested call


class Shape(NamedTuple):
    """What a kernel is compiled for: the jet's channels, degree, precision and width of vectors.

    Attributes:
        base: Whether there is a silu term.
        local: Whether rows are the coefficients themselves, weighed with evenly spaced B-splines, and not Taylor tables.
    """

    channels: Channels
    degree: int
    base: bool
    bits: int
    lanes: int
    local: bool = False


def factors(shape: Shape, order: int, read: Callable[[str], str] = str) -> dict[int, str | None]:
    """What row ``p`` is weighed with in a derivative of an edge: ``e_(p - order)``, or B-spline ``p``'s derivative.

    Rows without weight are left out; None is one. ``read`` says how a kernel reads the many B-splines.
    """
    if order > shape.degree:
        return {}
    if shape.local:
        return {p: read(f"e{order}_{p}") for p in range(shape.degree + 1)}
    return {p: f"e{p - order}" if p > order else None for p in range(order, shape.degree + 1)}


class Rows:
    """Numbers of the rows of the scratch memory, ``BLOCK`` elements each: one an input, prepared once a point."""

    def __init__(self, shape: Shape):
        self.cell = 0
        orders = range(shape.channels.order + 2)  # one more for the inputs' cotangents
        names = [name for order in orders for name in factors(shape, order).values() if name]
        self.e = {name: row for row, name in enumerate(dict.fromkeys(names), 1)}
        count = 1 + len(self.e)
        self.b = {r: count + r for r in orders} if shape.base else {}
        count += len(self.b)
        self.q = {pair: count + n for n, pair in enumerate(shape.channels.curved)}
        self.sums = count + len(self.q)  # behind the rows lie squares of lanes * lanes elements


def sums(shape: Shape) -> int:
    """Number of sums over the outputs that an input's gradient takes."""
    return shape.channels.count + len(shape.channels.curved)


def numbered_sums(shape: Shape) -> dict[tuple[int, int], int]:
    """Number of the sum of ``f^(j) g_c``, by ``(j, c)``; sum 0 is that of the value."""
    C = shape.channels.count
    known = {(1, c): c for c in range(1, C)}
    return known | {pair: C + n for n, pair in enumerate(shape.channels.curved)}


def few_sums(shape: Shape) -> bool:
    """Whether a vector sums one channel for ``lanes`` inputs; with more sums, all channels of one input is cheaper."""
    return sums(shape) <= 8


def many_sums(shape: Shape) -> bool:
    """Whether there are more sums than registers."""
    return sums(shape) > 24


def squares(shape: Shape) -> int:
    """Number of squares ``lanes * lanes`` of scratch memory."""
    if few_sums(shape):
        return sums(shape)
    return 2 * shape.channels.order + 1 if many_sums(shape) else -(-sums(shape) // shape.lanes)


def scratch_size(shape: Shape) -> int:
    """Elements of scratch memory that one thread needs."""
    turned = -(-sums(shape) // shape.lanes) * shape.lanes**2
    return Rows(shape).sums * BLOCK + squares(shape) * shape.lanes**2 + turned


def store_sums(shape: Shape, count: int, place: Callable[[int], str]) -> list[str]:
    """Sum each of the vectors ``a0 .. a(count - 1)``; the sums of group ``n`` go as one vector to ``place(n)``."""
    lines = []
    for group in range(-(-count // shape.lanes)):
        numbers = range(group * shape.lanes, (group + 1) * shape.lanes)
        names = [f"a{c}" if c < count else None for c in numbers]
        lines.append(f"store({place(group)}, {sum_tree(names, shape.lanes)})")
    return lines


def number(value: float, shape: Shape) -> str:
    """A literal."""
    return repr(value)


def total(terms: Sequence[tuple[str | None, str]], start: str | None = None) -> str:
    """Nested fma of ``factor * vector`` terms; a factor of None is one. Long sums are halved: Python reads 200 nested calls
    at most, and halves do not wait for each other.
    """
    if len(terms) > NESTED:
        half = len(terms) // 2
        return f"add({total(terms[:half], start)}, {total(terms[half:])})"
    nested = start
    for factor, vector in terms:
        if nested is None:
            nested = vector if factor is None else f"mul({factor}, {vector})"
        else:
            nested = f"add({nested}, {vector})" if factor is None else f"fma({factor}, {vector}, {nested})"
    return nested if nested is not None else "zero"


def constant(value: float, shape: Shape) -> str:
    """A vector of one number."""
    return f"splat({number(value, shape)})"


def product(factors: Sequence[str]) -> str:
    """Nested products."""
    nested = factors[0]
    for factor in factors[1:]:
        nested = f"mul({nested}, {factor})"
    return nested


def bell(q: int, j: int, along: Callable[[int], str], whole: Callable[[int], str]) -> str:
    """The Bell polynomial ``B_qj``; ``along`` reads the jet's order ``r``, ``whole`` writes a whole number."""
    terms: list[tuple[str | None, str]] = []
    for ways, exponents in bell_terms(q, j):
        powers = [along(r) for r, a in enumerate(exponents, 1) for _ in range(a)]
        terms.append((whole(ways) if ways > 1 else None, product(powers)))
    return total(terms)


def derivative(shape: Shape, order: int, read: Callable[[str], str] = str) -> str:
    """The derivative of one edge's function, from its rows ``T0..Tk``, their factors, ``w`` and ``b0..b3``."""
    terms: list[tuple[str | None, str]] = [(e, f"T{p}") for p, e in factors(shape, order, read).items()]
    if shape.base:
        terms.append((f"b{order}", "w"))
    return total(terms)


def row_cotangent(
    shape: Shape, p: int, cotangents: Sequence[str], start: str | None, read: Callable[[str], str] = str
) -> str:
    """``start`` plus what row ``p`` of the edges gets from the cotangents of value, first and second derivative."""
    known = [(factors(shape, order, read), vector) for order, vector in enumerate(cotangents)]
    return total([(weights[p], vector) for weights, vector in known if p in weights], start)


def rows_an_input(shape: Shape) -> str:
    """Number of rows that belong to one input."""
    return f"CELLS + {shape.degree if shape.local else 2}"


def indent(lines: list[str], depth: int) -> str:
    """Lines at some depth of nesting."""
    return "\n".join("    " * depth + line for line in lines)


def sum_tree(names: list[str | None], groups: int) -> str | None:
    """One vector of the sums of ``groups`` vectors, in their order; None stands for one of no interest."""
    if len(names) == 1:
        return names[0]
    even, odd = sum_tree(names[0::2], groups // 2), sum_tree(names[1::2], groups // 2)
    if even is None:
        return None
    return f"fold{groups // 2}({even}, {odd or even})"
