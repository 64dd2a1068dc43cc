"""Source of the fused SIMD kernels for one shape of jet: unrolled, so that every channel has its register.

For one point, with ``e_p = t^p / p!`` from the centre of the cell, silu's derivatives ``b_r``, its weights
``w`` and the Taylor table ``T`` (both vectors over the layer's outputs), every edge of the network needs::

    f = sum_p e_p T_p + b_0 w      f1 = sum_p e_(p-1) T_p + b_1 w      f2, f3 alike

    forward    y_0 += f    y_d += x_d f1    y_s += x_s f1 + q_s f2,       q_s = sum_d W[s, d] x_d^2
    backward   P = sum_d x_d g_d + sum_s x_s g_s,  Q = sum_s q_s g_s
               dT_p += e_p g_0 + e_(p-1) P + e_(p-2) Q,                   dw likewise with b
               h_0 = f1 g_0 + f2 P + f3 Q,  h_s = f1 g_s,  h_d = f1 g_d + 2 x_d sum_s W[s, d] f2 g_s

where ``h`` is summed over the outputs. `source` writes this down for given ``D``, ``S`` and degree. A row of
the table holds, for each vector of outputs, ``T_0 .. T_k`` one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from sciml.kernels.layout import BLOCK, FIELD


class Shape(NamedTuple):
    """What a kernel is compiled for; ``base`` says whether there is a silu term."""

    D: int
    S: int
    degree: int
    base: bool
    bits: int
    lanes: int


class _Rows:
    """Numbers of the rows of the scratch memory, ``BLOCK`` elements each."""

    def __init__(self, shape: Shape):
        self.cell = 0
        self.e = {p: p for p in range(1, shape.degree + 1)}
        count = 1 + shape.degree
        self.b = {r: count + r for r in range(4)} if shape.base else {}
        count += len(self.b)
        self.q = {s: count + s for s in range(shape.S)}
        self.sums = count + shape.S  # one row of BLOCK * lanes elements a group of sums follows


def sums(shape: Shape) -> int:
    """Number of sums over the outputs that an input's gradient takes."""
    return 1 + shape.D + 2 * shape.S


def scratch_size(shape: Shape) -> int:
    """Elements of scratch memory that one thread needs."""
    groups = -(-sums(shape) // shape.lanes)
    return _Rows(shape).sums * BLOCK + groups * (BLOCK * shape.lanes + shape.lanes**2)


def _number(value: float, shape: Shape) -> str:
    return f"f({value!r})" if shape.bits == 32 else repr(value)


def _sum(terms: Sequence[tuple[str | None, str]], start: str | None = None) -> str:
    """Nested fma of ``factor * vector`` terms; a factor of None is one."""
    total = start
    for factor, vector in terms:
        if total is None:
            total = vector if factor is None else f"mul({factor}, {vector})"
        else:
            total = f"add({total}, {vector})" if factor is None else f"fma({factor}, {vector}, {total})"
    return total if total is not None else "zero"


def _derivative(shape: Shape, order: int) -> str:
    """The derivative of one edge's function, from ``T0..Tk``, ``w``, ``e1..ek`` and ``b0..b3``."""
    terms: list[tuple[str | None, str]] = []
    for p in range(order, shape.degree + 1):
        terms.append((f"e{p - order}" if p > order else None, f"T{p}"))
    if shape.base:
        terms.append((f"b{order}", "w"))
    return _sum(terms)


def _indent(lines: list[str], depth: int) -> str:
    return "\n".join("    " * depth + line for line in lines)


def _spread_edge(shape: Shape, orders: int) -> list[str]:
    """Read what the edges from input ``i`` share."""
    rows = _Rows(shape)
    lines = ["row = (i0 + i) * R + integer(s, i)"]
    lines += [f"e{p} = spread(s, {row * BLOCK} + i)" for p, row in rows.e.items()]
    lines += [f"b{r} = spread(s, {row * BLOCK} + i)" for r, row in rows.b.items() if r < orders]
    lines += [f"x{d} = spread(z, {d} * IP + i0 + i)" for d in range(1, 1 + shape.D + shape.S)]
    lines += [f"q{s} = spread(s, {row * BLOCK} + i)" for s, row in rows.q.items()]
    return lines


def _read_table(shape: Shape) -> list[str]:
    k, lanes = shape.degree, shape.lanes
    lines = [f"at = (row * JB + j) * {(k + 1) * lanes}"]
    lines += [f"T{p} = load(T, at + {p * lanes})" for p in range(k + 1)]
    if shape.base:
        lines.append(f"w = load(B, (i0 + i) * JP + j * {lanes})")
    return lines


def _forward_edge(shape: Shape) -> list[str]:
    D, S = shape.D, shape.S
    lines = [f"a0 = add(a0, {_derivative(shape, 0)})"]
    if D or S:
        lines.append(f"f1 = {_derivative(shape, 1)}")
    if S:
        lines.append(f"f2 = {_derivative(shape, 2)}")
    lines += [f"a{d} = fma(x{d}, f1, a{d})" for d in range(1, 1 + D)]
    lines += [f"a{c} = fma(q{c - 1 - D}, f2, fma(x{c}, f1, a{c}))" for c in range(1 + D, 1 + D + S)]
    return lines


def _backward_edge(shape: Shape, inputs: bool) -> list[str]:
    D, S, k, lanes = shape.D, shape.S, shape.degree, shape.lanes
    C = 1 + D + S
    lines = [f"g{c} = load(g, {c} * JP + j * {lanes})" for c in range(C)]
    # independent chains: the sum is long and its links wait for each other
    chains = [[(f"x{c}", f"g{c}") for c in range(1 + chain, C, 3)] for chain in range(3)]
    parts = [_sum(chain) for chain in chains if chain]
    if parts:
        lines.append("P = " + _sum([(None, part) for part in parts]))
    if S:
        lines.append("Q = " + _sum([(f"q{s}", f"g{1 + D + s}") for s in range(S)]))
    cotangents = ["g0"] + ["P"] * bool(parts) + ["Q"] * bool(S)
    for p in range(k + 1):
        terms = [(f"e{p - r}" if p > r else None, v) for r, v in enumerate(cotangents) if p >= r]
        lines.append(f"store(DT, at + {p * lanes}, {_sum(terms, f'load(DT, at + {p * lanes})')})")
    if shape.base:
        terms = [(f"b{r}", v) for r, v in enumerate(cotangents)]
        place = f"(i0 + i) * JP + j * {lanes}"
        lines.append(f"store(DB, {place}, {_sum(terms, f'load(DB, {place})')})")
    if inputs:
        lines += [f"f{r} = {_derivative(shape, r)}" for r in range(1, 1 + len(cotangents))]
        terms = [(f"f{r + 1}", v) for r, v in enumerate(cotangents)]
        lines.append(f"a0 = {_sum(terms, 'a0')}")
        lines += [f"a{c} = fma(f1, g{c}, a{c})" for c in range(1, C)]
        lines += [f"a{C + s} = fma(f2, g{1 + D + s}, a{C + s})" for s in range(S)]
    return lines


def _sum_tree(names: list[str | None], groups: int) -> str | None:
    """One vector of the sums of ``groups`` vectors, in their order; None stands for one of no interest."""
    if len(names) == 1:
        return names[0]
    even, odd = _sum_tree(names[0::2], groups // 2), _sum_tree(names[1::2], groups // 2)
    if even is None:
        return None
    return f"fold{groups // 2}({even}, {odd or even})"


def _store_sums(shape: Shape) -> list[str]:
    count, lanes = sums(shape), shape.lanes
    lines = []
    for group in range(-(-count // lanes)):
        names = [f"a{c}" if c < count else None for c in range(group * lanes, (group + 1) * lanes)]
        place = f"{_Rows(shape).sums * BLOCK + group * BLOCK * lanes} + i * {lanes}"
        lines.append(f"store(s, {place}, {_sum_tree(names, lanes)})")
    return lines


def _finish_inputs(shape: Shape) -> list[str]:
    """Turn the rows of sums into columns and write the cotangents of ``lanes`` inputs."""
    D, S, lanes, C = shape.D, shape.S, shape.lanes, 1 + shape.D + shape.S
    groups = -(-sums(shape) // lanes)
    first = _Rows(shape).sums * BLOCK
    turned = first + groups * BLOCK * lanes
    lines = [
        f"transpose(s, {first + group * BLOCK * lanes} + v * {lanes}, s, {turned + group * lanes**2})"
        for group in range(groups)
    ]

    def column(c: int) -> str:
        return f"load(s, {turned + c * lanes})"

    lines.append(f"store(h, i0 + v, {column(0)})")
    for d in range(1, 1 + D):
        value = column(d)
        if S:
            second = _sum([(f"spread(W, {s * D + d - 1})", column(C + s)) for s in range(S)])
            value = f"fma(mul(two, load(z, {d} * IP + i0 + v)), {second}, {value})"
        lines.append(f"store(h, {d} * IP + i0 + v, {value})")
    lines += [f"store(h, {c} * IP + i0 + v, {column(c)})" for c in range(1 + D, C)]
    return lines


def _silu(shape: Shape) -> list[str]:
    """``b0..b3`` of ``x``: silu and its derivatives; exp by range reduction and a Taylor polynomial."""
    rows = _Rows(shape)
    limit, terms = (87.0, 7) if shape.bits == 32 else (708.0, 13)
    # ln 2 in two parts, of which multiples of the first are exact
    high, low = (
        (0.693359375, -2.12194440e-4) if shape.bits == 32 else (0.6931471803691238, 1.9082149292705877e-10)
    )
    biggest = 3.4028234663852886e38 if shape.bits == 32 else 1.7976931348623157e308

    def n(value: float) -> str:
        return f"splat({_number(value, shape)})"

    poly = n(1 / math.factorial(terms))
    for p in range(terms - 1, -1, -1):
        poly = f"fma(r, {poly}, {n(1 / math.factorial(p))})"
    lines = [
        f"u = where_nan(x, {n(0.0)}, x)",
        f"u = where_less(u, {n(-limit)}, {n(-limit)}, u)",
        f"u = where_less({n(limit)}, u, {n(limit)}, u)",
        f"c = floor(fma(u, {n(-1 / math.log(2))}, {n(0.5)}))",
        f"r = sub(fma(c, {n(-high)}, sub({n(0.0)}, u)), mul(c, {n(low)}))",
        f"ex = mul({poly}, power_of_two(c))",
        f"sg = div({n(1.0)}, add({n(1.0)}, ex))",
        "ds = mul(sg, mul(sg, ex))",
        f"dd = fma({n(-2.0)}, sg, {n(1.0)})",
    ]
    values = [
        f"mul(where_less(x, {n(-limit)}, u, where_less({n(biggest)}, x, {n(biggest)}, x)), sg)",
        "fma(u, ds, sg)",
        f"mul(ds, fma(u, dd, {n(2.0)}))",
        f"mul(ds, fma(u, fma({n(-6.0)}, ds, {n(1.0)}), mul({n(3.0)}, dd)))",
    ]
    lines += [
        f"store(s, {rows.b[r] * BLOCK} + v, where_nan(x, x, {value}))" for r, value in enumerate(values)
    ]
    return lines


def _prepare(shape: Shape) -> str:
    """All that the edges from one input share, for ``lanes`` inputs at a time."""
    rows, D = _Rows(shape), shape.D
    one = f"splat({_number(1.0, shape)})"
    powers = ["e1 = t", f"store(s, {rows.e[1] * BLOCK} + v, e1)"]
    for p in range(2, shape.degree + 1):
        powers.append(f"e{p} = mul(mul(e{p - 1}, t), splat({_number(1 / p, shape)}))")
        powers.append(f"store(s, {rows.e[p] * BLOCK} + v, e{p})")
    squares = [f"x{d} = load(z, {d} * IP + i0 + v)" for d in range(1, 1 + D)] if shape.S else []
    for s, row in rows.q.items():
        terms = [(f"spread(W, {s * D + d - 1})", f"mul(x{d}, x{d})") for d in range(1, 1 + D)]
        squares.append(f"store(s, {row * BLOCK} + v, {_sum(terms)})")
    silu = _silu(shape) if shape.base else []
    return f"""
@jit
def prepare(net, l, z, W, i0, count, s):
    IP, CELLS = net[l, {FIELD["IP"]}], net[l, {FIELD["CELLS"]}]
    knots, centres = net[l, {FIELD["KNOTS"]}], net[l, {FIELD["CENTRES"]}]
    zero, one = splat({_number(0.0, shape)}), {one}
    width, dead = splat(f(CELLS + 1)), splat(f(CELLS))
    for v in range(0, count, {shape.lanes}):
        x = load(z, i0 + v)
        start, stop = load(net[l, {FIELD["START"]}], i0 + v), load(net[l, {FIELD["STOP"]}], i0 + v)
        last = load(net[l, {FIELD["LAST"]}], i0 + v)
        inside = where_nan(x, start, where_less(x, start, start, where_less(stop, x, stop, x)))
        lane = add(splat(f(i0 + v)), iota())
        first = mul(lane, width)
        if net[l, {FIELD["UNIFORM"]}]:
            cell = floor(mul(sub(inside, start), load(net[l, {FIELD["INVERSE"]}], i0 + v)))
            cell = where_less(last, cell, last, cell)
            cell = where_less(inside, gather(knots, add(first, cell)), sub(cell, one), cell)
            after = add(cell, one)
            cell = where_less(inside, gather(knots, add(first, after)), cell, after)
        else:
            cell = zero
            step = 1 << net[l, {FIELD["STEPS"]}]
            while step:
                after = add(cell, splat(f(step)))
                after = where_less(dead, after, dead, after)
                cell = where_less(inside, gather(knots, add(first, after)), cell, after)
                step >>= 1
        cell = where_less(last, cell, last, cell)
        cell = where_less(x, start, dead, where_less(stop, x, dead, cell))
        cell = where_nan(x, width, cell)
        cells(s, v, cell)
        t = sub(x, gather(centres, add(add(first, lane), cell)))
        t = where_less(x, start, zero, where_less(stop, x, zero, t))
{_indent(powers + squares + silu, 2)}
"""


def _tables(shape: Shape) -> str:
    k, lanes = shape.degree, shape.lanes
    size = (k + 1) * lanes
    make, back = [], []
    for p in range(k + 1):
        terms = [(f"spread(K, place + {p * (k + 1) + r})", f"c{r}") for r in range(k + 1)]
        make.append(f"store(T, at + {p * lanes}, {_sum(terms)})")
        back.append(f"t{p} = load(T, at + {p * lanes})")
    for r in range(k + 1):
        terms = [(f"spread(K, place + {p * (k + 1) + r})", f"t{p}") for p in range(k + 1)]
        back.append(f"store(c, rows + {r} * JP, {_sum(terms, f'load(c, rows + {r} * JP)')})")
    read = [f"c{r} = load(c, rows + {r} * JP)" for r in range(k + 1)]
    dead = [f"store(T, at + {p * lanes}, zero)" for p in range(k + 1)]
    dead += [f"store(T, at + JB * {size} + {p * lanes}, nan)" for p in range(k + 1)]
    poison = _sum([(None, f"load(T, at + JB * {size} + {p * lanes})") for p in range(1, k + 1)])
    head = f"""
    for l in range(net.shape[0]):
        JP, CELLS, K = net[l, {FIELD["JP"]}], net[l, {FIELD["CELLS"]}], net[l, {FIELD["LOCAL"]}]
        T, c = net[l, {{table}}], net[l, {{coef}}]
        JB = JP // {lanes}
        M = CELLS + {k}
        for i in range(net[l, {FIELD["I"]}]):
            for cell in range(CELLS):
                place = (i * CELLS + cell) * {(k + 1) ** 2}
                for j in range(JB):
                    rows = (i * M + cell) * JP + j * {lanes}
                    at = ((i * (CELLS + 2) + cell) * JB + j) * {size}
"""
    return (
        "\n@jit\ndef make_tables(net):\n"
        f"    zero, nan = splat({_number(0.0, shape)}), splat(f(np.nan))"
        + head.format(table=FIELD["TABLE"], coef=FIELD["COEF"])
        + _indent(read + make, 5)
        + f"""
            for j in range(JB):
                at = ((i * (CELLS + 2) + CELLS) * JB + j) * {size}
{_indent(dead, 4)}


@jit
def return_tables(net):
"""
        + head.format(table=FIELD["DTABLE"], coef=FIELD["DCOEF"]).lstrip("\n")
        + _indent(back, 5)
        + f"""
            for j in range(JB):
                at = ((i * (CELLS + 2) + CELLS) * JB + j) * {size}
                poison = {poison}
                for m in range(M):
                    rows = (i * M + m) * JP + j * {lanes}
                    store(c, rows, add(load(c, rows), poison))
"""
    )


def _forward(shape: Shape) -> str:
    C, lanes, size = 1 + shape.D + shape.S, shape.lanes, shape.bits // 8
    clear = [f"a{c} = zero" for c in range(C)]
    resume = [f"a{c} = load(y, {c} * JP + j * {lanes})" for c in range(C)]
    save = [f"store(y, {c} * JP + j * {lanes}, a{c})" for c in range(C)]
    edge = _spread_edge(shape, 1 + bool(shape.D or shape.S) + bool(shape.S)) + _read_table(shape)
    return f"""

@jit
def forward(net, W, n0, n1, s):
    zero = splat({_number(0.0, shape)})
    for l in range(net.shape[0]):
        I, IP, JP = net[l, {FIELD["I"]}], net[l, {FIELD["IP"]}], net[l, {FIELD["JP"]}]
        T, B, R = net[l, {FIELD["TABLE"]}], net[l, {FIELD["BASE"]}], net[l, {FIELD["CELLS"]}] + 2
        JB = JP // {lanes}
        for n in range(n0, n1):
            z = net[l, {FIELD["Z"]}] + n * IP * {C * size}
            y = net[l, {FIELD["Y"]}] + n * JP * {C * size}
            for i0 in range(0, I, {BLOCK}):
                count = min(I - i0, {BLOCK})
                prepare(net, l, z, W, i0, count, s)
                for j in range(JB):
                    if i0:
{_indent(resume, 6)}
                    else:
{_indent(clear, 6)}
                    for i in range(count):
{_indent(edge + _forward_edge(shape), 6)}
{_indent(save, 5)}
"""


def _backward(shape: Shape) -> str:
    C, lanes, size, count = 1 + shape.D + shape.S, shape.lanes, shape.bits // 8, sums(shape)
    groups = -(-count // lanes)
    first = _Rows(shape).sums * BLOCK
    order = 1 + bool(shape.D or shape.S) + bool(shape.S)
    shared = _spread_edge(shape, order + 1)
    weights_only = _read_table_address(shape) + _backward_edge(shape, inputs=False)
    full = _read_table(shape) + _backward_edge(shape, inputs=True)
    blank = [f"store(s, {first + g * BLOCK * lanes} + i * {lanes}, zero)" for g in range(groups)]
    return f"""

@jit
def backward(net, W, n0, n1, s, block):
    zero, two = splat({_number(0.0, shape)}), splat({_number(2.0, shape)})
    for l in range(net.shape[0] - 1, -1, -1):
        I, IP, JP = net[l, {FIELD["I"]}], net[l, {FIELD["IP"]}], net[l, {FIELD["JP"]}]
        T, B, R = net[l, {FIELD["TABLE"]}], net[l, {FIELD["BASE"]}], net[l, {FIELD["CELLS"]}] + 2
        DT, DB, H = net[l, {FIELD["DTABLE"]}], net[l, {FIELD["DBASE"]}], net[l, {FIELD["H"]}]
        JB = JP // {lanes}
        for i0 in range(0, I, block):
            count = min(I - i0, block)
            for i in range(count, min(IP - i0, block)):
{_indent(blank, 4)}
            for n in range(n0, n1):
                z = net[l, {FIELD["Z"]}] + n * IP * {C * size}
                g = net[l, {FIELD["G"]}] + (n - n0) * JP * {C * size}
                prepare(net, l, z, W, i0, count, s)
                if H == 0:
                    for i in range(count):
{_indent(shared, 6)}
                        for j in range(JB):
{_indent(weights_only, 7)}
                    continue
                for i in range(count):
{_indent(shared, 5)}
{_indent([f"a{c} = zero" for c in range(count)], 5)}
                    for j in range(JB):
{_indent(full, 6)}
{_indent(_store_sums(shape), 5)}
                h = H + (n - n0) * IP * {C * size}
                for v in range(0, count, {lanes}):
{_indent(_finish_inputs(shape), 5)}
"""


def _read_table_address(shape: Shape) -> list[str]:
    return _read_table(shape)[:1]


def source(shape: Shape) -> str:
    """The text of a module with ``make_tables``, ``forward``, ``backward`` and ``return_tables``."""
    names = "load store spread integer cells splat iota gather add sub mul div fma floor power_of_two"
    names += " where_less where_nan transpose"
    binds = [f"{name} = V.{name}" for name in names.split()]
    groups = 1
    while groups < shape.lanes:
        binds.append(f"fold{groups} = V.fold[{groups}]")
        groups *= 2
    head = f'''"""Generated by sciml.kernels for {shape}; remove it at will."""

import numpy as np
from numba import njit

from sciml.kernels.simd import operations

V = operations({shape.bits}, {shape.lanes})
{_indent(binds, 0)}
f = np.float{shape.bits}


def jit(function):
    return njit(function, nogil=True, error_model="numpy", cache=CACHE)

'''
    body = _prepare(shape) + "\n" + _tables(shape) + _forward(shape) + _backward(shape)
    return head + body
