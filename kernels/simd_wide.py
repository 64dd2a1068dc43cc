"""Text of the kernels for layers with many outputs: vectors run over the outputs."""

from __future__ import annotations

from sciml.kernels.layout import FIELD
from sciml.kernels.simd_parts import (
    BLOCK,
    Rows,
    Shape,
    derivative,
    few_sums,
    indent,
    number,
    store_sums,
    sum_tree,
    sums,
    total,
)


def _spread_edge(shape: Shape, orders: int) -> list[str]:
    """Read what all vectors of edges from input ``i`` share, and use again and again."""
    rows = Rows(shape)
    lines = ["row = (i0 + i) * R + integer(s, i)"]
    lines += [f"e{p} = spread(s, {row * BLOCK} + i)" for p, row in rows.e.items()]
    lines += [f"b{r} = spread(s, {row * BLOCK} + i)" for r, row in rows.b.items() if r < orders]
    return lines


def _factors(shape: Shape) -> dict[str, str]:
    """What an edge uses once: read where it is used, which costs an operand and not a register."""
    factors = {f"x{c}": f"spread(z, {c} * IP + i0 + i)" for c in range(1, 1 + shape.D + shape.S)}
    return factors | {f"q{s}": f"spread(s, {row * BLOCK} + i)" for s, row in Rows(shape).q.items()}


def _read_table(shape: Shape) -> list[str]:
    k, lanes = shape.degree, shape.lanes
    lines = [f"at = (row * JB + j) * {(k + 1) * lanes}"]
    lines += [f"T{p} = load(T, at + {p * lanes})" for p in range(k + 1)]
    if shape.base:
        lines.append(f"w = load(B, (i0 + i) * JP + j * {lanes})")
    return lines


def _forward_edge(shape: Shape) -> list[str]:
    D, S, use = shape.D, shape.S, _factors(shape)
    lines = [f"a0 = add(a0, {derivative(shape, 0)})"]
    if D or S:
        lines.append(f"f1 = {derivative(shape, 1)}")
    if S:
        lines.append(f"f2 = {derivative(shape, 2)}")
    lines += [f"a{c} = fma({use[f'x{c}']}, f1, a{c})" for c in range(1, 1 + D + S)]
    lines += [f"a{1 + D + s} = fma({use[f'q{s}']}, f2, a{1 + D + s})" for s in range(S)]
    return lines


def _split(shape: Shape) -> bool:
    """Whether there are more sums than registers, so that the last ones are better made in a loop of their own."""
    return sums(shape) > 24


def _second_sums(shape: Shape) -> list[str]:
    """The sums with ``f2``, on their own."""
    C, lanes = 1 + shape.D + shape.S, shape.lanes
    lines = [line for line in _read_table(shape) if not line.startswith(("T0", "T1"))]
    lines.append(f"f2 = {derivative(shape, 2)}")
    for s in range(shape.S):
        lines.append(f"a{C + s} = fma(f2, load(g, {1 + shape.D + s} * JP + j * {lanes}), a{C + s})")
    return lines


def _backward_edge(shape: Shape, inputs: bool) -> list[str]:
    D, S, k, lanes, use = shape.D, shape.S, shape.degree, shape.lanes, _factors(shape)
    C, chains = 1 + D + S, 3  # sums are long and their links wait for each other: several side by side
    cotangents = ["g0"] + ["P"] * bool(C > 1) + ["Q"] * bool(S)
    lines = []
    if inputs:
        lines += [f"f{r} = {derivative(shape, r)}" for r in range(1, 1 + len(cotangents))]
    lines.append(f"g0 = load(g, j * {lanes})")
    for c in range(1, C):
        lines.append(f"g{c} = load(g, {c} * JP + j * {lanes})")
        chain = f"P{(c - 1) % chains}"
        lines.append(f"{chain} = " + total([(use[f"x{c}"], f"g{c}")], chain if c > chains else None))
        if c > D:
            lines.append("Q = " + total([(use[f"q{c - 1 - D}"], f"g{c}")], "Q" if c > D + 1 else None))
        if inputs:
            lines.append(f"a{c} = fma(f1, g{c}, a{c})")
        if inputs and c > D and not _split(shape):
            lines.append(f"a{C + c - 1 - D} = fma(f2, g{c}, a{C + c - 1 - D})")
    if C > 1:
        lines.append("P = " + total([(None, f"P{chain}") for chain in range(min(chains, C - 1))]))
    for p in range(k + 1):
        terms = [(f"e{p - r}" if p > r else None, v) for r, v in enumerate(cotangents) if p >= r]
        lines.append(f"store(DT, at + {p * lanes}, {total(terms, f'load(DT, at + {p * lanes})')})")
    if shape.base:
        terms = [(f"b{r}", v) for r, v in enumerate(cotangents)]
        place = f"(i0 + i) * JP + j * {lanes}"
        lines.append(f"store(DB, {place}, {total(terms, f'load(DB, {place})')})")
    if inputs:
        terms = [(f"f{r + 1}", v) for r, v in enumerate(cotangents)]
        lines.append(f"a0 = {total(terms, 'a0')}")
    return lines


def _keep_sums(shape: Shape) -> list[str]:
    """Bring the sums of input ``i`` to memory: as one row a group of sums, or as vectors that are yet to be summed."""
    lanes, first, count = shape.lanes, Rows(shape).sums * BLOCK, sums(shape)
    if few_sums(shape):
        return [f"store(s, {first + c * lanes**2} + (i - v) * {lanes}, a{c})" for c in range(count)]
    return store_sums(shape, count, lambda group: f"s, {first + group * lanes**2} + (i - v) * {lanes}")


def _turn_sums(shape: Shape) -> tuple[list[str], list[str]]:
    """Blank the rows of inputs that are not there; make a vector over ``lanes`` inputs of each sum."""
    lanes, first, count = shape.lanes, Rows(shape).sums * BLOCK, sums(shape)
    squares = count if few_sums(shape) else -(-count // lanes)
    turned = first + squares * lanes**2
    blank = [f"store(s, {first + n * lanes**2} + (i - v) * {lanes}, zero)" for n in range(squares)]
    if few_sums(shape):
        rows: list[str | None] = [f"load(s, at + {r * lanes})" for r in range(lanes)]
        turn = [
            f"for c in range({count}):",
            f"    at = {first} + c * {lanes**2}",
            f"    store(s, {turned} + c * {lanes}, {sum_tree(rows, lanes)})",
        ]
    else:
        turn = [f"transpose(s, {first + n * lanes**2}, s, {turned + n * lanes**2})" for n in range(squares)]
    return blank, turn


def _finish_inputs(shape: Shape) -> list[str]:
    """Write the cotangents of ``lanes`` inputs from their sums."""
    D, S, lanes, C = shape.D, shape.S, shape.lanes, 1 + shape.D + shape.S
    squares = sums(shape) if few_sums(shape) else -(-sums(shape) // lanes)
    turned = Rows(shape).sums * BLOCK + squares * lanes**2

    def column(c: int) -> str:
        return f"load(s, {turned + c * lanes})"

    lines = [f"store(h, i0 + v, {column(0)})"]
    for d in range(1, 1 + D):
        value = column(d)
        if S:
            second = total([(f"spread(W, {s * D + d - 1})", column(C + s)) for s in range(S)])
            value = f"fma(mul(two, load(z, {d} * IP + i0 + v)), {second}, {value})"
        lines.append(f"store(h, {d} * IP + i0 + v, {value})")
    lines += [f"store(h, {c} * IP + i0 + v, {column(c)})" for c in range(1 + D, C)]
    return lines


def forward(shape: Shape) -> str:
    """The function ``forward_wide``."""
    C, lanes, size = 1 + shape.D + shape.S, shape.lanes, shape.bits // 8
    clear = [f"a{c} = zero" for c in range(C)]
    resume = [f"a{c} = load(y, {c} * JP + j * {lanes})" for c in range(C)]
    save = [f"store(y, {c} * JP + j * {lanes}, a{c})" for c in range(C)]
    edge = _spread_edge(shape, 1 + bool(C > 1) + bool(shape.S)) + _read_table(shape) + _forward_edge(shape)
    return f"""

@jit
def forward_wide(net, l, W, n0, n1, s):
    zero = splat({number(0.0, shape)})
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
{indent(resume, 5)}
                else:
{indent(clear, 5)}
                for i in range(count):
{indent(edge, 5)}
{indent(save, 4)}
"""


def backward(shape: Shape) -> str:
    """The function ``backward_wide``."""
    C, lanes, size, count = 1 + shape.D + shape.S, shape.lanes, shape.bits // 8, sums(shape)
    shared = _spread_edge(shape, 2 + bool(C > 1) + bool(shape.S))
    weights_only = _read_table(shape)[:1] + _backward_edge(shape, inputs=False)
    full = _read_table(shape) + _backward_edge(shape, inputs=True)
    again = ["for j in range(JB):", *("    " + line for line in _second_sums(shape))] if _split(shape) else []
    blank, turn = _turn_sums(shape)
    return f"""

@jit
def backward_wide(net, l, W, n0, n1, s, block):
    zero, two = splat({number(0.0, shape)}), splat({number(2.0, shape)})
    I, IP, JP = net[l, {FIELD["I"]}], net[l, {FIELD["IP"]}], net[l, {FIELD["JP"]}]
    T, B, R = net[l, {FIELD["TABLE"]}], net[l, {FIELD["BASE"]}], net[l, {FIELD["CELLS"]}] + 2
    DT, DB, H = net[l, {FIELD["DTABLE"]}], net[l, {FIELD["DBASE"]}], net[l, {FIELD["H"]}]
    JB = JP // {lanes}
    for i0 in range(0, I, block):
        count = min(I - i0, block)
        for n in range(n0, n1):
            z = net[l, {FIELD["Z"]}] + n * IP * {C * size}
            g = net[l, {FIELD["G"]}] + (n - n0) * JP * {C * size}
            prepare(net, l, z, W, i0, count, s)
            if H == 0:
                for i in range(count):
{indent(shared, 5)}
                    for j in range(JB):
{indent(weights_only, 6)}
                continue
            h = H + (n - n0) * IP * {C * size}
            for v in range(0, count, {lanes}):
                for i in range(v, min(v + {lanes}, count)):
{indent(shared, 5)}
{indent([f"a{c} = zero" for c in range(count)], 5)}
                    for j in range(JB):
{indent(full, 6)}
{indent(again + _keep_sums(shape), 5)}
                for i in range(count, v + {lanes}):
{indent(blank, 5)}
{indent(turn + _finish_inputs(shape), 4)}
"""


def tables(shape: Shape) -> str:
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

@jit
def {name}_wide(net, l):
    zero, nan = splat({number(0.0, shape)}), splat(f(np.nan))
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
