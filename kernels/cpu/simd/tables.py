"""Text of the kernels that do not depend on the jets: Taylor tables from coefficients and back, and copies."""

from __future__ import annotations

from sciml.kernels.cpu.fields import FIELD
from sciml.kernels.cpu.simd.parts import Shape, indent, number, total


def wide(shape: Shape) -> str:
    """The functions ``make_wide`` and ``return_wide``."""
    k, lanes = shape.degree, shape.lanes
    size = (k + 1) * lanes
    read = [f"c{r} = load(c, rows + {r} * JP)" for r in range(k + 1)]
    make, back = [], [f"t{p} = load(T, at + {p * lanes})" for p in range(k + 1)]
    for p in range(k + 1):
        terms = [(f"spread(K, place + {p * (k + 1) + r})", f"c{r}") for r in range(k + 1)]
        make.append(f"store(T, at + {p * lanes}, {total(terms)})")
    for r in range(k + 1):
        terms = [(f"spread(K, place + {p * (k + 1) + r})", f"t{p}") for p in range(k + 1)]
        back.append(f"store(c, rows + {r} * JP, {total(terms, f'load(c, rows + {r} * JP)')})")
    dead = [f"store(T, at + {p * lanes}, zero)" for p in range(k + 1)]
    dead += [f"store(T, at + JB * {size} + {p * lanes}, nan)" for p in range(k + 1)]
    poison = total([(None, f"load(T, at + JB * {size} + {p * lanes})") for p in range(1, k + 1)])

    def head(name: str, table: str, coef: str) -> str:
        return f"""

def {name}_wide(net, l):
    zero, nan = splat({number(0.0, shape)}), splat(NAN)
    JP, CELLS, K = net[l, {FIELD["JP"]}], net[l, {FIELD["CELLS"]}], net[l, {FIELD["LOCAL"]}]
    T, c = net[l, {FIELD[table]}], net[l, {FIELD[coef]}]
    JB = JP // {lanes}
    M = CELLS + {k}
    for i in range(net[l, {FIELD["I"]}]):
        for cell in range(CELLS):
            place = (i * CELLS + cell) * {(k + 1) ** 2}
            for j in range(JB):
                rows = (i * M + cell) * JP + j * {lanes}
                at = ((i * (CELLS + 2) + cell) * JB + j) * {size}
"""

    return f"""{head("make", "TABLE", "COEF")}{indent(read + make, 4)}
        for j in range(JB):
            at = ((i * (CELLS + 2) + CELLS) * JB + j) * {size}
{indent(dead, 3)}
{head("return", "DTABLE", "DCOEF")}{indent(back, 4)}
        for j in range(JB):
            at = ((i * (CELLS + 2) + CELLS) * JB + j) * {size}
            poison = {poison}
            for m in range(M):
                rows = (i * M + m) * JP + j * {lanes}
                store(c, rows, add(load(c, rows), poison))
"""


def narrow(shape: Shape) -> str:
    """The functions ``make_narrow`` and ``return_narrow``."""
    k = shape.degree

    def head(name: str, table: str, coef: str) -> str:
        return f"""

def {name}_narrow(net, l):
    I, J, JP = net[l, {FIELD["I"]}], net[l, {FIELD["J"]}], net[l, {FIELD["JP"]}]
    CELLS, K, T, c = net[l, {FIELD["CELLS"]}], net[l, {FIELD["LOCAL"]}], net[l, {FIELD[table]}], net[l, {FIELD[coef]}]
    M, R, size = CELLS + {k}, CELLS + 2, J * {k + 1}
    for i in range(I):
        for cell in range(CELLS):
            for j in range(J):
                for p in range({k + 1}):
                    at = (i * R + cell) * size + j * {k + 1} + p
                    place = ((i * CELLS + cell) * {k + 1} + p) * {k + 1}
"""

    return f"""{head("make", "TABLE", "COEF")}
                    value = f(0)
                    for r in range({k + 1}):
                        value += number(K, place + r) * number(c, (i * M + cell + r) * JP + j)
                    put(T, at, value)
        for n in range(size):
            put(T, (i * R + CELLS) * size + n, f(0))
            put(T, (i * R + CELLS + 1) * size + n, NAN)
    for n in range(I * R * size, net[l, {FIELD["IP"]}] * R * size):
        put(T, n, f(0))
{head("return", "DTABLE", "DCOEF")}
                    for r in range({k + 1}):
                        rows = (i * M + cell + r) * JP + j
                        put(c, rows, number(c, rows) + number(K, place + r) * number(T, at))
        for j in range(J):
            for p in range(1, {k + 1}):
                poison = number(T, (i * R + CELLS + 1) * size + j * {k + 1} + p)
                for m in range(M):
                    rows = (i * M + m) * JP + j
                    put(c, rows, number(c, rows) + poison)
"""


def copies(shape: Shape) -> str:
    """``pack`` and ``unpack``: rows of some width to and from rows that are padded with zeros."""
    return f"""

def pack(source, to, rows, width, padded):
    zero = splat({number(0.0, shape)})
    whole = max(rows - (padded - 1) // max(width, 1), 0)  # rows behind which a vector's worth can still be read
    for r in range(whole):
        for v in range(0, padded, {shape.lanes}):
            value = load(source, r * width + v)
            store(to, r * padded + v, where_less(iota(), splat(f(width - v)), value, zero))
    for r in range(whole, rows):
        for v in range(padded):
            put(to, r * padded + v, number(source, r * width + v) if v < width else f(0))


def unpack(source, to, rows, width, padded):
    for r in range(rows):
        for v in range(width):
            put(to, r * width + v, number(source, r * padded + v))
"""
