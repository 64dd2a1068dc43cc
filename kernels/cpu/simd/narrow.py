"""Text of the kernels for layers with few outputs, often one: vectors run over the inputs.

Tables are compact here, ``(IP, R, J, k + 1)``; a vector gathers its inputs' rows. The inputs' cotangents need no
sums across a vector, the outputs' jets one for each channel.
"""

from __future__ import annotations

from math import comb

from sciml.kernels.cpu.fields import FIELD
from sciml.kernels.cpu.simd.parts import (
    BLOCK,
    Rows,
    Shape,
    bell,
    constant,
    derivative,
    indent,
    number,
    row_cotangent,
    rows_an_input,
    store_sums,
    total,
)


def _step(shape: Shape, p: int) -> str:
    """Bytes from an edge's first row to row ``p``: all share one vector of offsets, taken apart but once."""
    size = shape.bits // 8
    return f"{p * size} * JP" if shape.local else f"{p * size}"


def _read_edges(shape: Shape, orders: int) -> list[str]:
    """Read ``lanes`` edges to output ``j``."""
    k, rows = shape.degree, Rows(shape)
    lines = [
        "lane = add(splat(f(i0 + v)), iota())",
        "row = fma(lane, splat(f(R)), counts(s, v))",
    ]
    if shape.local:
        lines.append("at = fma(row, splat(f(JP)), splat(f(j)))")
    else:
        lines.append(f"at = mul(fma(row, splat(f(J)), splat(f(j))), splat({number(float(k + 1), shape)}))")
    lines += [f"T{p} = gather(T + {_step(shape, p)}, at)" for p in range(k + 1)]
    lines += [f"{e} = load(s, {row * BLOCK} + v)" for e, row in rows.e.items()]
    if shape.base:
        lines.append("w = load(B, j * IP + i0 + v)")
        lines += [f"b{r} = load(s, {row * BLOCK} + v)" for r, row in rows.b.items() if r < orders]
    lines += [f"x{c} = load(z, {c} * IP + i0 + v)" for c in range(1, shape.channels.count)]
    lines += [f"q{j}_{c} = load(s, {row * BLOCK} + v)" for (j, c), row in rows.q.items()]
    return lines


def _forward_edges(shape: Shape) -> list[str]:
    channels = shape.channels
    lines = [f"a0 = add(a0, {derivative(shape, 0)})"]
    lines += [f"f{r} = {derivative(shape, r)}" for r in range(1, channels.order + 1)]
    lines += [f"a{c} = fma(x{c}, f1, a{c})" for c in range(1, channels.count)]
    lines += [f"a{c} = fma(q{j}_{c}, f{j}, a{c})" for j, c in channels.curved]
    return lines


def _cotangents(shape: Shape) -> list[str]:
    """Names of the cotangents of value and derivatives."""
    return ["g0", *(f"P{j}" for j in range(1, shape.channels.order + 1))]


def _weight_cotangents(shape: Shape) -> list[str]:
    channels, k, cotangents = shape.channels, shape.degree, _cotangents(shape)
    C = channels.count
    lines = [f"g{c} = spread(g, {c} * JP + j)" for c in range(C)]
    if C > 1:
        lines.append("P1 = " + total([(f"x{c}", f"g{c}") for c in range(1, C)]))
    for j in range(2, channels.order + 1):
        lines.append(f"P{j} = " + total([(f"q{r}_{c}", f"g{c}") for r, c in channels.curved if r == j]))
    for p in range(k + 1):
        place = f"DT + {_step(shape, p)}, at"
        lines.append(f"scatter({place}, {row_cotangent(shape, p, cotangents, f'gather({place})')})")
    if shape.base:
        terms = [(f"b{r}", c) for r, c in enumerate(cotangents)]
        lines.append(f"store(DB, j * IP + i0 + v, {total(terms, 'load(DB, j * IP + i0 + v)')})")
    return lines


def _input_cotangents(shape: Shape) -> list[str]:
    channels, cotangents = shape.channels, _cotangents(shape)
    C = channels.count
    lines = [f"f{r} = {derivative(shape, r)}" for r in range(1, 1 + len(cotangents))]
    lines.append("h0 = " + total([(f"f{r + 1}", c) for r, c in enumerate(cotangents)]))
    lines += [f"h{c} = mul(f1, g{c})" for c in range(1, C)]
    for m in range(1, channels.order):
        for k in range(channels.kept[m - 1]):
            lines += _inner_cotangent(shape, m, k)
    for c in range(C):
        place = f"{c} * IP + i0 + v"
        lines.append(f"store(h, {place}, add(h{c}, load(h, {place})) if j else h{c})")
    return lines


def _inner_cotangent(shape: Shape, m: int, k: int) -> list[str]:
    """What order ``m`` along direction ``k`` gets from the orders above it."""
    channels, lines = shape.channels, []
    h = f"h{channels.along(m, k)}"

    def whole(value: int) -> str:
        return constant(float(value), shape)

    for q, pairs in channels.inner(m, k):
        slopes = []
        for r, j in pairs:
            inner = bell(r, j, lambda p: f"x{channels.along(p, k)}", whole)
            slopes.append((f"mul({whole(comb(q, m))}, {inner})", f"f{j + 1}"))
        seen = [(None if at is None else f"spread(W, {at})", f"g{c}") for c, at in channels.seen_by(q, k)]
        lines.append(f"{h} = fma({total(slopes)}, {total(seen)}, {h})")
    return lines


def forward(shape: Shape) -> str:
    """The function ``forward_narrow``."""
    C, size = shape.channels.count, shape.bits // 8
    edges = _read_edges(shape, 1 + shape.channels.order) + _forward_edges(shape)
    free = Rows(shape).sums * BLOCK
    keep = store_sums(shape, C, lambda group: f"s, {free + group * shape.lanes}")
    return f"""

def forward_narrow(net, l, W, n0, n1, s):
    zero = splat({number(0.0, shape)})
    I, IP, J, JP = net[l, {FIELD["I"]}], net[l, {FIELD["IP"]}], net[l, {FIELD["J"]}], net[l, {FIELD["JP"]}]
    T, B, CELLS = net[l, {FIELD["TABLE"]}], net[l, {FIELD["BASE"]}], net[l, {FIELD["CELLS"]}]
    R = {rows_an_input(shape)}
    for n in range(n0, n1):
        z = net[l, {FIELD["Z"]}] + n * IP * {C * size}
        y = net[l, {FIELD["Y"]}] + n * JP * {C * size}
        for v in range(0, {C} * JP, {shape.lanes}):
            store(y, v, zero)
        for i0 in range(0, I, {BLOCK}):
            count = min(I - i0, {BLOCK})
            prepare(net, l, z, W, i0, count, s)
            for j in range(J):
{indent([f"a{c} = zero" for c in range(C)], 4)}
                for v in range(0, count, {shape.lanes}):
{indent(edges, 5)}
{indent(keep, 4)}
                for c in range({C}):
                    put(y, c * JP + j, number(y, c * JP + j) + number(s, {free} + c))
"""


def backward(shape: Shape) -> str:
    """The function ``backward_narrow``."""
    C, size = shape.channels.count, shape.bits // 8
    edges = _read_edges(shape, 2 + shape.channels.order) + _weight_cotangents(shape)
    return f"""

def backward_narrow(net, l, W, n0, n1, s):
    zero = splat({number(0.0, shape)})
    I, IP, J, JP = net[l, {FIELD["I"]}], net[l, {FIELD["IP"]}], net[l, {FIELD["J"]}], net[l, {FIELD["JP"]}]
    T, B, CELLS = net[l, {FIELD["TABLE"]}], net[l, {FIELD["BASE"]}], net[l, {FIELD["CELLS"]}]
    R = {rows_an_input(shape)}
    DT, DB, H = net[l, {FIELD["DTABLE"]}], net[l, {FIELD["DBASE"]}], net[l, {FIELD["H"]}]
    for n in range(n0, n1):
        z = net[l, {FIELD["Z"]}] + n * IP * {C * size}
        g = net[l, {FIELD["G"]}] + (n - n0) * JP * {C * size}
        h = H + (n - n0) * IP * {C * size}
        for i0 in range(0, I, {BLOCK}):
            count = min(I - i0, {BLOCK})
            prepare(net, l, z, W, i0, count, s)
            for j in range(J):
                for v in range(0, count, {shape.lanes}):
{indent(edges, 5)}
                    if H:
{indent(_input_cotangents(shape), 6)}
"""
