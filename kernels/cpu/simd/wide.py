"""Text of the kernels for layers with many outputs: vectors run over the outputs."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

from sciml.kernels.cpu.fields import FIELD
from sciml.kernels.cpu.simd.parts import (
    BLOCK,
    Rows,
    Shape,
    bell,
    constant,
    derivative,
    few_sums,
    indent,
    many_sums,
    number,
    numbered_sums,
    row_cotangent,
    rows_an_input,
    squares,
    store_sums,
    sum_tree,
    sums,
    total,
)


def _spread_edge(shape: Shape, orders: int) -> list[str]:
    """Read what all vectors of edges from input ``i`` share, and use again and again."""
    rows = Rows(shape)
    lines = ["row = (i0 + i) * R + integer(s, i)"]
    if not shape.local:
        lines += [f"{e} = spread(s, {row * BLOCK} + i)" for e, row in rows.e.items()]
    lines += [f"b{r} = spread(s, {row * BLOCK} + i)" for r, row in rows.b.items() if r < orders]
    return lines


def _factors(shape: Shape) -> dict[str, str]:
    """What an edge uses once, by name: where to read it."""
    places = {f"x{c}": f"spread(z, {c} * IP + i0 + i)" for c in range(1, shape.channels.count)}
    return places | {f"q{j}_{c}": f"spread(s, {row * BLOCK} + i)" for (j, c), row in Rows(shape).q.items()}


def _reader(shape: Shape) -> Callable[[str], str]:
    """B-splines are too many for registers: read where they are used, as ``_factors`` are."""
    rows = Rows(shape).e
    return lambda name: f"spread(s, {rows[name] * BLOCK} + i)"


def _place(shape: Shape, p: int) -> str:
    """Where row ``p`` of an edge lies."""
    return f"at + {p} * JP" if shape.local else f"at + {p * shape.lanes}"


def _read_table(shape: Shape, ahead: int = 0) -> list[str]:
    """Read the rows of the vector of outputs that lies ``ahead`` of ``j``."""
    k, lanes, j = shape.degree, shape.lanes, f"(j + {ahead})" if ahead else "j"
    lines = [
        f"at = row * JP + {j} * {lanes}" if shape.local else f"at = (row * JB + {j}) * {(k + 1) * lanes}"
    ]
    lines += [f"T{p} = load(T, {_place(shape, p)})" for p in range(k + 1)]
    if shape.base:
        lines.append(f"w = load(B, (i0 + i) * JP + {j} * {lanes})")
    return lines


def _forward_edge(shape: Shape, a: str) -> list[str]:
    """Add to the sums ``a0, a1, ..``, of which each vector of outputs has its own."""
    channels, use = shape.channels, _factors(shape)
    lines = [f"{a}0 = add({a}0, {derivative(shape, 0, _reader(shape))})"]
    for r in range(1, channels.order + 1):
        lines.append(f"f{r} = {derivative(shape, r, _reader(shape))}")
    lines += [f"{a}{c} = fma({use[f'x{c}']}, f1, {a}{c})" for c in range(1, channels.count)]
    lines += [f"{a}{c} = fma({use[f'q{j}_{c}']}, f{j}, {a}{c})" for j, c in channels.curved]
    return lines


def _forward_vectors(shape: Shape, count: int) -> list[str]:
    """Sum all inputs' edges to ``count`` vectors of outputs from ``j``: side by side they share what they read."""
    C, lanes = shape.channels.count, shape.lanes
    places = [(f"{'aA'[n]}{c}", f"y, {c} * JP + (j + {n}) * {lanes}") for n in range(count) for c in range(C)]
    edge = _spread_edge(shape, 1 + shape.channels.order)
    for n in range(count):
        edge += _read_table(shape, n) + _forward_edge(shape, "aA"[n])
    return [
        "if i0:",
        *(f"    {name} = load({place})" for name, place in places),
        "else:",
        *(f"    {name} = zero" for name, _ in places),
        "for i in range(count):",
        *("    " + line for line in edge),
        *(f"store({place}, {name})" for name, place in places),
    ]


def _backward_edge(shape: Shape, inputs: bool) -> list[str]:
    """The gradients from one vector of edges and, where there are registers for them, the sums."""
    channels, k, lanes = shape.channels, shape.degree, shape.lanes
    many = inputs and many_sums(shape)
    # what an edge uses once is read there, which costs an operand and not a register
    use = {name: name if few_sums(shape) else place for name, place in _factors(shape).items()}
    C, chains = channels.count, 3  # sums are long and their links wait for each other: several side by side
    cotangents = ["g0", *(f"P{j}" for j in range(1, channels.order + 1))]
    number_of, started = numbered_sums(shape), set()
    lines = []
    if inputs:
        lines += [f"f{r} = {derivative(shape, r, _reader(shape))}" for r in range(1, 1 + len(cotangents))]
    for c in range(C) if not many else ():
        lines.append(_read_cotangent(shape, c))
    for c in range(1, C):
        chain, curved = f"p{(c - 1) % chains}", [j for j, at in channels.curved if at == c]
        lines.append(f"{chain} = " + total([(use[f"x{c}"], f"g{c}")], chain if c > chains else None))
        for j in curved:
            lines.append(f"P{j} = " + total([(use[f"q{j}_{c}"], f"g{c}")], f"P{j}" if j in started else None))
            started.add(j)
        for j in (1, *curved) if inputs and not many else ():
            lines.append(f"a{number_of[j, c]} = fma(f{j}, g{c}, a{number_of[j, c]})")
    lines += [f"P{j} = zero" for j in range(2, channels.order + 1) if j not in started]
    if C > 1:
        lines.append("P1 = " + total([(None, f"p{chain}") for chain in range(min(chains, C - 1))]))
    for p in range(k + 1):
        place = _place(shape, p)
        lines.append(
            f"store(DT, {place}, {row_cotangent(shape, p, cotangents, f'load(DT, {place})', _reader(shape))})"
        )
    if shape.base:
        terms = [(f"b{r}", v) for r, v in enumerate(cotangents)]
        place = f"(i0 + i) * JP + j * {lanes}"
        lines.append(f"store(DB, {place}, {total(terms, f'load(DB, {place})')})")
    if inputs:
        terms = [(f"f{r + 1}", v) for r, v in enumerate(cotangents)]
        lines.append(f"a0 = {total(terms, 'a0')}")
    return lines


def _read_cotangent(shape: Shape, c: int) -> str:
    return f"g{c} = load(g, {c} * JP + j * {shape.lanes})"


def _place_of_sums(shape: Shape) -> int:
    """Where in scratch memory the sums of ``lanes`` inputs lie, a vector each; squares lie before them."""
    return Rows(shape).sums * BLOCK + squares(shape) * shape.lanes**2


def _sums_in_registers(shape: Shape) -> list[str]:
    """Sum the inputs' cotangents input by input, then across the vectors for ``lanes`` inputs at once."""
    lanes, first, count = shape.lanes, Rows(shape).sums * BLOCK, sums(shape)
    clear = [f"a{c} = zero" for c in range(count)]
    if few_sums(shape):  # every sum waits in a square of its own
        clear += [f"{name} = {place}" for name, place in _factors(shape).items()]
        keep = [f"store(s, {first + c * lanes**2} + (i - v) * {lanes}, a{c})" for c in range(count)]
        rows: list[str | None] = [f"load(s, at + {r * lanes})" for r in range(lanes)]
        turn = [f"for c in range({count}):", f"    at = {first} + c * {lanes**2}"]
        turn.append(f"    store(s, {_place_of_sums(shape)} + c * {lanes}, {sum_tree(rows, lanes)})")
    else:
        keep = store_sums(shape, count, lambda group: f"s, {first + group * lanes**2} + (i - v) * {lanes}")
        squares_at = [
            (first + n * lanes**2, _place_of_sums(shape) + n * lanes**2) for n in range(squares(shape))
        ]
        turn = [f"transpose(s, {at}, s, {to})" for at, to in squares_at]
    edge = _read_table(shape) + _backward_edge(shape, inputs=True)
    orders = 2 + shape.channels.order
    return [
        f"for i in range(v, min(v + {lanes}, count)):",
        *("    " + line for line in _spread_edge(shape, orders) + clear),
        "    for j in range(JB):",
        *("        " + line for line in edge),
        *("    " + line for line in keep),
        f"for i in range(count, v + {lanes}):",
        *(f"    store(s, {first + n * lanes**2} + (i - v) * {lanes}, zero)" for n in range(squares(shape))),
        *turn,
    ]


def _sums_as_products(shape: Shape) -> list[str]:
    """The same for more sums than registers: squares of the derivatives are turned, so that vectors run over inputs.

    Then there is nothing to sum across a vector, and while edges are read the cotangents have the registers.
    """
    lanes, C, kinds = shape.lanes, shape.channels.count, shape.channels.order
    square = [Rows(shape).sums * BLOCK + n * lanes**2 for n in range(squares(shape))]
    first, last = _place_of_sums(shape), square[-1]
    edge = _spread_edge(shape, 2 + kinds) + _read_table(shape)
    edge += [f"a0 = load(s, {last} + (i - v) * {lanes})", *_backward_edge(shape, inputs=True)]
    edge.append(f"store(s, {last} + (i - v) * {lanes}, a0)")
    edge += [f"store(s, {square[n]} + (i - v) * {lanes}, f{1 + n})" for n in range(kinds)]
    terms = [(at, f"f{j}", c) for (j, c), at in numbered_sums(shape).items()]
    rows: list[str | None] = [f"load(s, {last + r * lanes})" for r in range(lanes)]
    return [
        f"for c in range({lanes}):",
        *(f"    store(s, {at} + c * {lanes}, zero)" for at in (*square[:kinds], last)),
        f"for c in range({sums(shape)}):",
        f"    store(s, {first} + c * {lanes}, zero)",
        "for j in range(JB):",
        *("    " + _read_cotangent(shape, c) for c in range(C)),
        f"    for i in range(v, min(v + {lanes}, count)):",
        *("        " + line for line in edge),
        *(f"    transpose(s, {square[n]}, s, {square[kinds + n]})" for n in range(kinds)),
        *(f"    a{c} = load(s, {first + c * lanes})" for c, _, _ in terms),
        f"    for c in range({lanes}):",
        *(f"        f{1 + n} = load(s, {square[kinds + n]} + c * {lanes})" for n in range(kinds)),
        *(f"        a{c} = fma({f}, spread(g, {k} * JP + j * {lanes} + c), a{c})" for c, f, k in terms),
        *(f"    store(s, {first + c * lanes}, a{c})" for c, _, _ in terms),
        f"store(s, {first}, {sum_tree(rows, lanes)})",
    ]


def _finish_inputs(shape: Shape) -> list[str]:
    """Write the cotangents of ``lanes`` inputs from their sums."""
    channels, lanes, number_of = shape.channels, shape.lanes, numbered_sums(shape)

    def column(n: int) -> str:
        return f"load(s, {_place_of_sums(shape) + n * lanes})"

    def whole(value: int) -> str:
        return constant(float(value), shape)

    def cotangent(m: int, k: int) -> str:
        value = column(channels.along(m, k))
        for q, pairs in channels.inner(m, k):
            for r, j in pairs:
                seen = [
                    (None if at is None else f"spread(W, {at})", column(number_of[j + 1, c]))
                    for c, at in channels.seen_by(q, k)
                ]
                inner = bell(r, j, lambda p: f"load(z, {channels.along(p, k)} * IP + i0 + v)", whole)
                value = f"fma(mul({whole(comb(q, m))}, {inner}), {total(seen)}, {value})"
        return value

    lines = [f"store(h, i0 + v, {column(0)})"]
    for m in range(1, channels.order + 1):
        for n, c in enumerate(channels.of_order(m)):
            value = cotangent(m, n) if n < channels.kept[m - 1] else column(c)
            lines.append(f"store(h, {c} * IP + i0 + v, {value})")
    return lines


def forward(shape: Shape) -> str:
    """The function ``forward_wide``."""
    C, lanes, size = shape.channels.count, shape.lanes, shape.bits // 8
    at_once = 2 if C <= 8 else 1  # sums of more would not fit into the registers
    pairs = ["for j in range(0, JB - 1, 2):", *("    " + line for line in _forward_vectors(shape, 2))]
    single = [f"for j in range({'JB - JB % 2' if at_once > 1 else 0}, JB):"]
    single += ["    " + line for line in _forward_vectors(shape, 1)]
    return f"""

def forward_wide(net, l, W, n0, n1, s):
    zero = splat({number(0.0, shape)})
    I, IP, JP = net[l, {FIELD["I"]}], net[l, {FIELD["IP"]}], net[l, {FIELD["JP"]}]
    T, B, CELLS = net[l, {FIELD["TABLE"]}], net[l, {FIELD["BASE"]}], net[l, {FIELD["CELLS"]}]
    R = {rows_an_input(shape)}
    JB = JP // {lanes}
    for n in range(n0, n1):
        z = net[l, {FIELD["Z"]}] + n * IP * {C * size}
        y = net[l, {FIELD["Y"]}] + n * JP * {C * size}
        for i0 in range(0, I, {BLOCK}):
            count = min(I - i0, {BLOCK})
            prepare(net, l, z, W, i0, count, s)
{indent((pairs if at_once > 1 else []) + single, 3)}
"""


def backward(shape: Shape) -> str:
    """The function ``backward_wide``."""
    C, lanes, size = shape.channels.count, shape.lanes, shape.bits // 8
    shared = _spread_edge(shape, 1 + shape.channels.order)
    if few_sums(shape):
        shared += [f"{name} = {place}" for name, place in _factors(shape).items()]
    edge = _read_table(shape)[:1] + _backward_edge(shape, inputs=False)
    return f"""

def backward_wide(net, l, W, n0, n1, s, block):
    zero = splat({number(0.0, shape)})
    I, IP, JP = net[l, {FIELD["I"]}], net[l, {FIELD["IP"]}], net[l, {FIELD["JP"]}]
    T, B, CELLS = net[l, {FIELD["TABLE"]}], net[l, {FIELD["BASE"]}], net[l, {FIELD["CELLS"]}]
    R = {rows_an_input(shape)}
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
{indent(edge, 6)}
                continue
            h = H + (n - n0) * IP * {C * size}
            for v in range(0, count, {lanes}):
{indent(_sums_as_products(shape) if many_sums(shape) else _sums_in_registers(shape), 4)}
{indent(_finish_inputs(shape), 4)}
"""
