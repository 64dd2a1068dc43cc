"""Text of the fused kernels for CUDA devices, in Triton: unrolled like the SIMD ones, of which it shares the algebra.

A program holds a tile of points and outputs, every channel of which is a variable. ``forward`` loops over the
inputs; ``backward_inputs`` belongs to one input and loops over the outputs; ``backward_weights`` belongs to one
input and some outputs and loops over the points. There, a point's contribution is brought to the row of its cell by a
product with zeros and ones, so that no two programs write to one place: the result is the same in every run.
"""

from __future__ import annotations

from sciml.kernels.cpu.simd.parts import Shape, derivative, indent, total


def _prepare(shape: Shape) -> list[str]:
    """Cell, powers, silu and ``q`` of points ``n`` at input ``i``; columns ``(BN, 1)``."""
    D, S, k = shape.D, shape.S, shape.degree
    C, limit = 1 + D + S, 80 if shape.bits == 32 else 700
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
    for s in range(S):
        terms = [(f"tl.load(W + {s * D + d - 1})", f"x{d} * x{d}") for d in range(1, 1 + D)]
        lines.append(f"q{s} = {total(terms)}")
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
    return lines


def _read_table(shape: Shape) -> list[str]:
    k = shape.degree
    lines = [f"row = (i * (CELLS + 2) + cell).to(tl.int64)[:, None] * ({k + 1} * J) + o[None, :]"]
    lines += [f"T{p} = tl.load(T + row + {p} * J, mask=both, other=0)" for p in range(k + 1)]
    if shape.base:
        lines.append("w = tl.load(B + i * J + o, mask=there, other=0)[None, :]")
    return lines


def _read_cotangents(shape: Shape) -> list[str]:
    D, S = shape.D, shape.S
    C = 1 + D + S
    lines = [f"at_g = g + (n[:, None] * {C} * J + o[None, :])"]
    lines += [f"g{c} = tl.load(at_g + {c} * J, mask=both, other=0)" for c in range(C)]
    if C > 1:
        lines.append("P = " + total([(f"x{c}", f"g{c}") for c in range(1, C)]))
    if S:
        lines.append("Q = " + total([(f"q{s}", f"g{1 + D + s}") for s in range(S)]))
    return lines


def _cotangents(shape: Shape) -> list[str]:
    return ["g0"] + ["P"] * bool(shape.D or shape.S) + ["Q"] * bool(shape.S)


def _forward(shape: Shape) -> str:
    D, S = shape.D, shape.S
    C = 1 + D + S
    edge = [f"a0 += {derivative(shape, 0)}"]
    if C > 1:
        edge.append(f"f1 = {derivative(shape, 1)}")
    if S:
        edge.append(f"f2 = {derivative(shape, 2)}")
    edge += [f"a{c} += x{c} * f1" for c in range(1, C)]
    edge += [f"a{1 + D + s} += q{s} * f2" for s in range(S)]
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


def _backward_inputs(shape: Shape) -> str:
    D, S = shape.D, shape.S
    C = 1 + D + S
    names = _cotangents(shape)
    edge = [f"f{r} = {derivative(shape, r)}" for r in range(1, 1 + len(names))]
    edge += [f"a0 += f{r + 1} * {name}" for r, name in enumerate(names)]
    edge += [f"a{c} += f1 * g{c}" for c in range(1, C)]
    edge += [f"a{C + s} += f2 * g{1 + D + s}" for s in range(S)]
    finish = [f"h{c} = tl.sum(a{c}, 1)" for c in range(C + S)]
    for d in range(1, 1 + D) if S else ():
        second = total([(f"tl.load(W + {s * D + d - 1})", f"h{C + s}") for s in range(S)])
        finish.append(f"h{d} += 2 * tl.reshape(x{d}, (BN,)) * ({second})")
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
{indent([f"a{c} = zero" for c in range(C + S)], 1)}
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
