"""Text of the kernel that writes one layer's rows of the Jacobian, a point each; vectors run over the outputs."""

from __future__ import annotations

from sciml.kernels.cpu.fields import FIELD
from sciml.kernels.cpu.simd.parts import BLOCK, Rows, Shape, indent, number, row_cotangent, total


def _cotangents(shape: Shape) -> list[str]:
    """``P0, P1, ..``: what value and derivatives of input ``i``'s edges are weighed with, for a vector of outputs."""
    channels = shape.channels
    lines = [f"g{c} = load(g, {c} * JP + j * {shape.lanes})" for c in range(channels.count)]
    lines.append("P0 = g0")
    for r in range(1, channels.order + 1):
        pairs = [(f"x{c}", c) for c in range(1, channels.count)] if r == 1 else []
        pairs += [(f"q{j}_{c}", c) for j, c in channels.curved if j == r]
        lines.append(f"P{r} = {total([(factor, f'g{c}') for factor, c in pairs])}")
    return lines


def _write(value: str, place: str, shape: Shape) -> list[str]:
    """Write a vector of outputs, of which the last may not be full: what lies behind a row belongs to another."""
    free = Rows(shape).sums * BLOCK
    return [
        f"if left >= {shape.lanes}:",
        f"    store(row, {place}, {value})",
        "else:",
        f"    store(s, {free}, {value})",
        "    for t in range(left):",
        f"        put(row, {place} + t, number(s, {free} + t))",
    ]


def jacobian(shape: Shape) -> str:
    """The function ``jacobian``: coefficients ``(I, M, J)``, then base weights ``(I, J)``; row ``n`` lies at
    ``rows + n stride``.
    """
    k, lanes, size, C = shape.degree, shape.lanes, shape.bits // 8, shape.channels.count
    rows, orders = Rows(shape), shape.channels.order + 1
    names = [f"P{r}" for r in range(orders)]
    shared = [f"{e} = spread(s, {row * BLOCK} + i)" for e, row in rows.e.items()]
    shared += [f"b{r} = spread(s, {row * BLOCK} + i)" for r, row in rows.b.items() if r < orders]
    shared += [f"x{c} = spread(z, {c} * IP + i0 + i)" for c in range(1, C)]
    shared += [f"q{j}_{c} = spread(s, {row * BLOCK} + i)" for (j, c), row in rows.q.items()]
    taylor = [f"t{p} = {row_cotangent(shape, p, names, None)}" for p in range(k + 1)]
    coefficients = []
    for r in range(k + 1):
        value = total([(f"spread(K, place + {p * (k + 1) + r})", f"t{p}") for p in range(k + 1)])
        coefficients.append(f"m = cell - {k - r}")
        coefficients.append("if (m >= 0) and (m < M):")
        lines = [f"c = {value}", *_write("c", f"first + m * J + j * {lanes}", shape)]
        coefficients += ["    " + line for line in lines]
    silu = []
    if shape.base:
        silu.append(f"c = {total([(f'b{r}', name) for r, name in enumerate(names)])}")
        silu += _write("c", f"I * M * J + (i0 + i) * J + j * {lanes}", shape)
    return f"""
def fill(row, first, count, beyond, s):
    zero = splat({number(0.0, shape)})
    if beyond > 0:
        zero = splat(NAN)
    store(s, {rows.sums * BLOCK}, zero)
    whole = count // {lanes} * {lanes}
    for v in range(0, whole, {lanes}):
        store(row, first + v, zero)
    for v in range(whole, count):
        put(row, first + v, number(s, {rows.sums * BLOCK}))

def jacobian(net, layers, W, n0, n1, s, rows, stride, M, silu):
    l = 0
    zero = splat({number(0.0, shape)})
    I, IP, J, JP = net[l, {FIELD["I"]}], net[l, {FIELD["IP"]}], net[l, {FIELD["J"]}], net[l, {FIELD["JP"]}]
    CELLS, K = net[l, {FIELD["CELLS"]}], net[l, {FIELD["LOCAL"]}]
    for n in range(n0, n1):
        z = net[l, {FIELD["Z"]}] + n * IP * {C * size}
        g = net[l, {FIELD["G"]}] + n * JP * {C * size}
        row = rows + n * stride * {size}
        for i0 in range(0, I, {BLOCK}):
            count = min(I - i0, {BLOCK})
            prepare(net, l, z, W, i0, count, s)
            for i in range(count):
                cell = integer(s, i)
                first = (i0 + i) * M * J
                place = ((i0 + i) * CELLS + cell) * {(k + 1) ** 2}
                fill(row, first, M * J, cell - CELLS, s)
{indent(shared, 4)}
                for j in range(JP // {lanes}):
                    left = J - j * {lanes}
{indent(_cotangents(shape), 5)}
                    if cell < CELLS:
{indent(taylor + coefficients, 6)}
{indent(silu, 5)}
"""
