"""Text of the kernels' first stage: it works out what the edges from one input share, ``lanes`` inputs at a time."""

from __future__ import annotations

import math

import torch

from sciml.kernels.bspline import local_taylor
from sciml.kernels.cpu.fields import FIELD
from sciml.kernels.cpu.simd.parts import BLOCK, Rows, Shape, bell, constant, indent, number, total
from sciml.kernels.orders import sigmoid_coefficients
from sciml.kernels.taylor_table import UNIFORM


def _silu(shape: Shape) -> list[str]:
    """``b0, b1, ..`` of ``x``: silu and its derivatives; exp by range reduction and a Taylor polynomial."""
    rows = Rows(shape)
    limit, terms = (87.0, 7) if shape.bits == 32 else (708.0, 13)
    # ln 2 in two parts, of which multiples of the first are exact
    high, low = (
        (0.693359375, -2.12194440e-4) if shape.bits == 32 else (0.6931471803691238, 1.9082149292705877e-10)
    )
    biggest = 3.4028234663852886e38 if shape.bits == 32 else 1.7976931348623157e308

    def n(value: float) -> str:
        return constant(value, shape)

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
    for r in range(
        4, len(rows.b)
    ):  # (x s)^(r) = x s^(r) + r s^(r - 1), with polynomials in dd by Horner's rule
        above, below = (
            _horner(sigmoid_coefficients(q, -0.5, 1.0), "dd", shape, scale)
            for q, scale in ((r, 1), (r - 1, r))
        )
        values.append(f"mul(ds, fma(u, {above}, {below}))")
    lines += [f"store(s, {row * BLOCK} + v, where_nan(x, x, {values[r]}))" for r, row in rows.b.items()]
    return lines


def _horner(coefficients: list[float], x: str, shape: Shape, scale: float = 1.0) -> str:
    """``scale sum_p c_p x^p``."""
    nested = constant(scale * coefficients[-1], shape)
    for value in reversed(coefficients[:-1]):
        nested = f"fma({x}, {nested}, {constant(scale * value, shape)})" if value else f"mul({x}, {nested})"
    return nested


def _powers(shape: Shape) -> list[str]:
    """``e_p = t^p / p!``."""
    rows, lines = Rows(shape), ["e1 = t"]
    for p in range(2, shape.degree + 1):
        lines.append(f"e{p} = mul(mul(e{p - 1}, t), splat({number(1 / p, shape)}))")
    return lines + [f"store(s, {row * BLOCK} + v, {e})" for e, row in rows.e.items()]


def _splines(shape: Shape) -> list[str]:
    """The derivatives of the ``k + 1`` B-splines on a cell, by Horner from its centre; zero outside, NaN for NaN."""
    k, rows = shape.degree, Rows(shape)
    pieces = local_taylor(torch.arange(2 * k + 2, dtype=torch.float64), k)[k].tolist()  # of width one
    lines = ["inverse = load(net[l, {}], i0 + v)".format(FIELD["INVERSE"]), "u = mul(t, inverse)"]
    lines.append("scale = where_nan(x, x, where_less(x, start, zero, where_less(stop, x, zero, one)))")
    for order in range(min(k, shape.channels.order + 1) + 1):
        if order:
            lines.append("scale = mul(scale, inverse)")
        for r in range(k + 1):
            value = f"splat({number(pieces[k][r] / math.factorial(k - order), shape)})"
            for p in range(k - 1, order - 1, -1):
                value = f"fma(u, {value}, splat({number(pieces[p][r] / math.factorial(p - order), shape)}))"
            place = rows.e[f"e{order}_{r}"] * BLOCK
            lines.append(f"store(s, {place} + v, mul(scale, {value}))")
    return lines


def _curvature(shape: Shape) -> list[str]:
    """What each channel multiplies the derivatives above the first by: Bell polynomials of the directions, weighed."""
    channels, rows = shape.channels, Rows(shape).q
    inner = [c for q in range(1, channels.order) for c in channels.of_order(q)[: channels.kept[q - 1]]]
    lines = [f"x{c} = load(z, {c} * IP + i0 + v)" for c in inner]
    for q in range(2, channels.order + 1):
        for j in range(2, q + 1):
            for k in range(channels.kept[q - 2]):
                value = bell(
                    q, j, lambda r, k=k: f"x{channels.along(r, k)}", lambda ways: constant(float(ways), shape)
                )
                lines.append(f"B{j}_{k} = {value}")
            for c, terms in channels.terms(q).items():
                weighed = [(None if at is None else f"spread(W, {at})", f"B{j}_{k}") for k, at in terms]
                lines.append(f"store(s, {rows[j, c] * BLOCK} + v, {total(weighed)})")
    return lines


def prepare(shape: Shape) -> str:
    """The function ``prepare``: cells, powers, silu and curvature for ``count`` inputs from ``i0``."""
    one = constant(1.0, shape)
    # coefficients have no rows for points outside and for NaN: such points read row 0, weighed with 0 or NaN
    known = ["cell = where_less(cell, dead, cell, zero)"] if shape.local else []
    powers = [*known, "cells(s, v, cell)", *(_splines(shape) if shape.local else _powers(shape))]
    silu = _silu(shape) if shape.base else []
    return f"""
def prepare(net, l, z, W, i0, count, s):
    IP, CELLS = net[l, {FIELD["IP"]}], net[l, {FIELD["CELLS"]}]
    knots, centres = net[l, {FIELD["KNOTS"]}], net[l, {FIELD["CENTRES"]}]
    zero, one = splat({number(0.0, shape)}), {one}
    width, dead = splat(f(CELLS + 1)), splat(f(CELLS))
    for v in range(0, count, {shape.lanes}):
        x = load(z, i0 + v)
        start, stop = load(net[l, {FIELD["START"]}], i0 + v), load(net[l, {FIELD["STOP"]}], i0 + v)
        last = load(net[l, {FIELD["LAST"]}], i0 + v)
        inside = where_nan(x, start, where_less(x, start, start, where_less(stop, x, stop, x)))
        lane = add(splat(f(i0 + v)), iota())
        first = mul(lane, width)
        if net[l, {FIELD["UNIFORM"]}]:
            guess = mul(sub(inside, start), load(net[l, {FIELD["INVERSE"]}], i0 + v))
            cell = floor(guess)
            part = sub(guess, cell)
            near = splat({number(2 * UNIFORM, shape)})
            if any_less(part, near) or any_less(sub(one, near), part):  # only there a guess can be wrong
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
        t = sub(x, gather(centres, add(add(first, lane), cell)))
        t = where_less(x, start, zero, where_less(stop, x, zero, t))
{indent(powers + _curvature(shape) + silu, 2)}
"""
