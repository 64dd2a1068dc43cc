"""Text of the fused kernels for CUDA devices, in Triton: unrolled like the SIMD ones, of which it shares the algebra.

A program holds a tile of points and outputs, every channel of which is a variable. ``forward`` loops over the
inputs; ``backward_inputs`` belongs to one input and loops over the outputs; ``backward_weights`` belongs to one
input and some outputs and loops over the points. There, a point's contribution is brought to the row of its cell by a
product with zeros and ones, so that no two programs write to one place: the result is the same in every run.
"""

from __future__ import annotations

from math import comb

from sciml.kernels.cpu.simd.parts import Shape, bell, derivative, indent, numbered_sums, sums, total
from sciml.kernels.orders import sigmoid_coefficients


def _prepare(shape: Shape) -> list[str]:
    """Cell, powers, silu and ``q`` of points ``n`` at input ``i``; columns ``(BN, 1)``."""
    channels, k = shape.channels, shape.degree
    C, limit = channels.count, 80 if shape.bits == 32 else 700
    lines = [
        f"at_z = z + (n * {C} * I + i)",
        "x = tl.load(at_z, mask=live, other=0)",
        "low, high = tl.load(knots + i * (CELLS + 1)), tl.load(knots + i * (CELLS + 1) + CELLS)",
        "cell = tl.zeros((BN,), tl.int32)",
        "for step in tl.static_range(STEPS):",
        "    after = tl.minimum(cell + (1 << (STEPS - 1 - step)), CELLS)",
        "    cell = tl.where(x < tl.load(knots + i * (CELLS + 1) + after), cell, after)",
        "cell = tl.minimum(cell, tl.load(last + i))",
        "outside = (x < low) | (x > high)",
        "cell = tl.where(outside, CELLS, tl.where(x != x, CELLS + 1, cell))",
        "t = tl.where(outside, 0, x - tl.load(centres + i * (CELLS + 2) + cell))",
        "e1 = t[:, None]",
    ]
    lines += [f"e{p} = e{p - 1} * e1 / {p}" for p in range(2, k + 1)]
    lines += [f"x{c} = tl.load(at_z + {c} * I, mask=live, other=0)[:, None]" for c in range(1, C)]
    for q in range(2, channels.order + 1):
        for j in range(2, q + 1):
            for d in range(channels.kept[q - 2]):
                lines.append(f"B{j}_{d} = {bell(q, j, lambda r, d=d: f'x{channels.along(r, d)}', str)}")
            for c, terms in channels.terms(q).items():
                lines.append(f"q{j}_{c} = {total([(_weight(at), f'B{j}_{d}') for d, at in terms])}")
    if shape.base:
        lines += [
            f"u = tl.where(x < -{limit}, -{limit}, tl.where(x > {limit}, {limit}, x))[:, None]",
            "ex = tl.exp(-u)",
            "sg = 1 / (1 + ex)",
            "ds = sg * (sg * ex)",
            f"b0 = tl.where(x < -{limit}, -{limit}, tl.where(x > BIG, BIG, x))[:, None] * sg",
            "b1 = sg + u * ds",
            "b2 = ds * (2 + u * (1 - 2 * sg))",
            "b3 = ds * (3 * (1 - 2 * sg) + u * (1 - 6 * ds))",
        ]
        for r in range(4, channels.order + 2):
            above, below = (_horner(sigmoid_coefficients(q, -0.5, 1.0), "(1 - 2 * sg)") for q in (r, r - 1))
            lines.append(f"b{r} = ds * (u * {above} + {r} * {below})")
    return lines


def _horner(coefficients: list[float], x: str) -> str:
    """``sum_p c_p x^p``; the coefficients are few halves, which every precision holds."""
    nested = repr(coefficients[-1])
    for value in reversed(coefficients[:-1]):
        nested = f"({nested} * {x} + {value!r})"
    return nested


def _weight(at: int | None) -> str | None:
    return None if at is None else f"tl.load(W + {at})"


def _read_table(shape: Shape) -> list[str]:
    k = shape.degree
    lines = [f"row = (i * (CELLS + 2) + cell).to(tl.int64)[:, None] * ({k + 1} * J) + o[None, :]"]
    lines += [f"T{p} = tl.load(T + row + {p} * J, mask=both, other=0)" for p in range(k + 1)]
    if shape.base:
        lines.append("w = tl.load(B + i * J + o, mask=there, other=0)[None, :]")
    return lines


def _read_cotangents(shape: Shape) -> list[str]:
    channels = shape.channels
    C = channels.count
    lines = [f"at_g = g + (n[:, None] * {C} * J + o[None, :])"]
    lines += [f"g{c} = tl.load(at_g + {c} * J, mask=both, other=0)" for c in range(C)]
    if C > 1:
        lines.append("P1 = " + total([(f"x{c}", f"g{c}") for c in range(1, C)]))
    for j in range(2, channels.order + 1):
        lines.append(f"P{j} = " + total([(f"q{r}_{c}", f"g{c}") for r, c in channels.curved if r == j]))
    return lines


def _cotangents(shape: Shape) -> list[str]:
    return ["g0", *(f"P{j}" for j in range(1, shape.channels.order + 1))]


def _forward(shape: Shape) -> str:
    channels = shape.channels
    C = channels.count
    edge = [f"a0 += {derivative(shape, 0)}"]
    edge += [f"f{r} = {derivative(shape, r)}" for r in range(1, channels.order + 1)]
    edge += [f"a{c} += x{c} * f1" for c in range(1, C)]
    edge += [f"a{c} += q{j}_{c} * f{j}" for j, c in channels.curved]
    save = [f"tl.store(at_y + {c} * J, a{c}, mask=both)" for c in range(C)]
    return f"""

@triton.jit
def forward(z, y, T, B, knots, centres, last, W, BIG, N, I, J, CELLS,
            STEPS: tl.constexpr, BN: tl.constexpr, BO: tl.constexpr):
    n = (tl.program_id(0) * BN + tl.arange(0, BN)).to(tl.int64)
    o = tl.program_id(1) * BO + tl.arange(0, BO)
    live, there = n < N, o < J
    both = live[:, None] & there[None, :]
    BIG = tl.load(BIG)
    zero = tl.zeros((BN, BO), z.dtype.element_ty)
{indent([f"a{c} = zero" for c in range(C)], 1)}
    for i in range(0, I):
{indent(_prepare(shape) + _read_table(shape) + edge, 2)}
    at_y = y + (n[:, None] * {C} * J + o[None, :])
{indent(save, 1)}
"""


def _input_cotangents(shape: Shape) -> list[str]:
    """Add to the sums ``h`` of the directions what higher orders hand to them."""
    channels, number_of, lines = shape.channels, numbered_sums(shape), []
    for m in range(1, channels.order):
        for d in range(channels.kept[m - 1]):
            for q, pairs in channels.inner(m, d):
                for r, j in pairs:
                    inner = bell(r, j, lambda p, d=d: f"tl.reshape(x{channels.along(p, d)}, (BN,))", str)
                    seen = [(_weight(at), f"h{number_of[j + 1, c]}") for c, at in channels.seen_by(q, d)]
                    if seen:  # a direction may give to no channel of that order
                        lines.append(f"h{channels.along(m, d)} += {comb(q, m)} * {inner} * ({total(seen)})")
    return lines


def _backward_inputs(shape: Shape) -> str:
    names, number_of = _cotangents(shape), numbered_sums(shape)
    C, count = shape.channels.count, sums(shape)
    edge = [f"f{r} = {derivative(shape, r)}" for r in range(1, 1 + len(names))]
    edge += [f"a0 += f{r + 1} * {name}" for r, name in enumerate(names)]
    edge += [f"a{at} += f{j} * g{c}" for (j, c), at in number_of.items()]
    finish = [f"h{n} = tl.sum(a{n}, 1)" for n in range(count)] + _input_cotangents(shape)
    finish += [f"tl.store(h + (n * {C} + {c}) * I + i, h{c}, mask=live)" for c in range(C)]
    return f"""

@triton.jit
def backward_inputs(z, g, h, T, B, knots, centres, last, W, BIG, N, I, J, CELLS,
                    STEPS: tl.constexpr, BN: tl.constexpr, BO: tl.constexpr):
    n = (tl.program_id(0) * BN + tl.arange(0, BN)).to(tl.int64)
    i = tl.program_id(1)
    live = n < N
    BIG = tl.load(BIG)
    zero = tl.zeros((BN, BO), z.dtype.element_ty)
{indent([f"a{n} = zero" for n in range(count)], 1)}
{indent(_prepare(shape), 1)}
    for o0 in range(0, J, BO):
        o = o0 + tl.arange(0, BO)
        there = o < J
        both = live[:, None] & there[None, :]
{indent(_read_table(shape) + _read_cotangents(shape) + edge, 2)}
{indent(finish, 1)}
"""


def _backward_weights(shape: Shape) -> str:
    k, names = shape.degree, _cotangents(shape)
    edge = ["hot = cell[None, :] == tl.arange(0, ROWS)[:, None]"]
    edge += [f"k{p} = tl.where(hot, tl.reshape(e{p}, (1, BN)), 0)" for p in range(1, k + 1)]
    edge.append("k0 = tl.where(hot, tl.reshape(1 + 0 * t, (1, BN)), 0)")
    ieee = 'input_precision="ieee", out_dtype=t.dtype'
    for p in range(k + 1):
        edge += [f"d{p} += tl.dot(k{p - r}, {name}, {ieee})" for r, name in enumerate(names) if p >= r]
    if shape.base:
        terms = " + ".join(f"b{r} * {name}" for r, name in enumerate(names))
        edge.append(f"dw += tl.sum({terms}, 0)")
    rows = [f"tl.store(at + {p} * J, d{p}, mask=kept)" for p in range(k + 1)]
    weight = ["tl.store(DB + (part * I + i) * J + o, dw, mask=there)"] if shape.base else []
    return f"""

@triton.jit
def backward_weights(z, g, DT, DB, knots, centres, last, W, BIG, N, I, J, CELLS, EACH,
                     STEPS: tl.constexpr, ROWS: tl.constexpr, BN: tl.constexpr, BO: tl.constexpr):
    i, part = tl.program_id(0), tl.program_id(2)
    o = tl.program_id(1) * BO + tl.arange(0, BO)
    there = o < J
    BIG = tl.load(BIG)
    zero = tl.zeros((ROWS, BO), z.dtype.element_ty)
    dw = tl.zeros((BO,), z.dtype.element_ty)
{indent([f"d{p} = zero" for p in range(k + 1)], 1)}
    for n0 in range(part * EACH, tl.minimum((part + 1) * EACH, N), BN):
        n = (n0 + tl.arange(0, BN)).to(tl.int64)
        live = n < N
        both = live[:, None] & there[None, :]
{indent(_prepare(shape) + _read_cotangents(shape) + edge, 2)}
    r = tl.arange(0, ROWS)
    kept = (r < CELLS + 2)[:, None] & there[None, :]
    at = DT + (((part * I + i) * (CELLS + 2) + r).to(tl.int64)[:, None] * ({k + 1} * J) + o[None, :])
{indent(rows + weight, 1)}
"""


def triton_source(shape: Shape) -> str:
    """The text of a module with ``forward``, ``backward_inputs`` and ``backward_weights``."""
    return f'''"""Generated by sciml.kernels: Triton kernels for {shape}. Remove it at will."""

import triton
import triton.language as tl


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def mul(a, b):
    return a * b


@triton.jit
def fma(a, b, c):
    return a * b + c
{_forward(shape)}{_backward_inputs(shape)}{_backward_weights(shape)}'''
