"""Text of the kernels for elementwise functions of jets; vectors run over a point's numbers, the last overlaps another.

The function's derivatives ``f_0, f_1, ...`` are given, so that one kernel serves all activations. With the Bell polynomials
``B_qj`` along a direction,

    forward    y_0 = f_0    y_c = f_1 x_c + sum_k W_k c_qk,                 c_qk = sum_(j >= 2) f_j B_qj
    backward   h_0 = f_1 g_0 + f_2 sum_c x_c g_c + sum_qk g_qk sum_(j >= 2) f_(j+1) B_qj
               h_c = f_1 g_c for a sum, and for order m along direction k
               h_c = f_1 g_c + sum_(q > m) C(q, m) g_qk sum_j f_(j+1) B_(q-m),j

where ``g_qk`` is what direction ``k`` gave to order ``q``, by its weights (``sciml.kernels.compose``). The derivatives of
tanh have a kernel, too: it takes a quarter of the time of torch's tanh, which was most of a small network's.
"""

from __future__ import annotations

from math import comb, factorial, log

from sciml.kernels.channels import Channels
from sciml.kernels.cpu.simd.parts import bell, indent, total
from sciml.kernels.orders import sigmoid_coefficients

Terms = list[tuple[str | None, str]]


def _whole(value: int) -> str:
    return f"splat(f({value}))"


def _bell(channels: Channels, q: int, j: int, k: int) -> str:
    return bell(q, j, lambda r: f"x{channels.along(r, k)}", _whole)


def _curved(channels: Channels, q: int, k: int, shift: int) -> str:
    """``sum_(j >= 2) f_(j + shift) B_qj`` along direction ``k``."""
    return total([(_bell(channels, q, j, k), f"f{j + shift}") for j in range(2, q + 1)])


def _weight(at: int | None) -> str | None:
    return None if at is None else f"spread(W, {at})"


def _forward(channels: Channels) -> list[str]:
    lines = ["store(y, at, f0)"]
    for c in channels.of_order(1):
        lines.append(f"store(y, at + {c} * I, mul(x{c}, f1))")
    for q in range(2, channels.order + 1):
        lines += [f"c{k} = {_curved(channels, q, k, 0)}" for k in range(channels.kept[q - 2])]
        for c, terms in channels.terms(q).items():
            value = total([(_weight(at), f"c{k}") for k, at in terms], f"mul(x{c}, f1)")
            lines.append(f"store(y, at + {c} * I, {value})")
    return lines


def _backward(channels: Channels) -> list[str]:
    lines = [f"g{c} = load(g, at + {c} * I)" for c in range(channels.count)]
    lines += [f"h{c} = mul(f1, g{c})" for c in range(channels.count)]
    value: Terms = [("f2", total([(f"x{c}", f"g{c}") for c in range(1, channels.count)]))]
    for q in range(2, channels.order + 1):
        for k in range(channels.kept[q - 2]):
            seen = [(_weight(at), f"g{c}") for c, at in channels.seen_by(q, k)]
            lines.append(f"s{q}_{k} = {total(seen)}")
            value.append((f"s{q}_{k}", _curved(channels, q, k, 1)))
    lines.append(f"store(h, at, {total(value, 'h0')})")
    for r in range(1, channels.order):  # the jet of the function's slope
        for k in range(channels.kept[r - 1]):
            terms = [(_bell(channels, r, j, k), f"f{j + 1}") for j in range(1, r + 1)]
            lines.append(f"d{r}_{k} = {total(terms)}")
    for m in range(1, channels.order):
        for k in range(channels.kept[m - 1]):
            terms = []
            for q, _ in channels.inner(m, k):
                slope = f"d{q - m}_{k}"
                terms.append(
                    (f"s{q}_{k}", slope if comb(q, m) == 1 else f"mul({_whole(comb(q, m))}, {slope})")
                )
            c = channels.along(m, k)
            lines.append(f"h{c} = {total(terms, f'h{c}')}")
    return lines + [f"store(h, at + {c} * I, h{c})" for c in range(1, channels.count)]


def elementwise_source(channels: Channels, lanes: int) -> str:
    """The text with ``compose`` and ``pullback``, for points ``n0 .. n1`` of ``N`` with ``I >= lanes`` numbers each."""
    C = channels.count
    names = {"compose": ("z, slopes, W, y", 1, _forward), "pullback": ("z, slopes, W, g, h", 2, _backward)}
    text = ""
    for name, (arguments, more, body) in names.items():
        derivatives = range(channels.order + more)
        lines = [f"f{r} = load(slopes, ({r} * N + n) * I + v)" for r in derivatives]
        lines += [f"x{c} = load(z, at + {c} * I)" for c in range(1, C)]
        text += f"""
def {name}({arguments}, n0, n1, N, I):
    zero = splat(f(0))
    for n in range(n0, n1):
        for start in range(0, I, {lanes}):
            v = min(start, I - {lanes})
            at = n * {C} * I + v
{indent(lines + body(channels), 3)}
"""
    return text


# by bits: where tanh is 1 to rounding, terms of the exponential series, ln 2 in two parts (multiples of the first are exact)
_TANH = {
    32: (10.0, 7, 0.693359375, -2.12194440e-4),
    64: (22.0, 13, 0.6931471803691238, 1.9082149292705877e-10),
}


def _splat(value: float) -> str:
    return f"splat({value!r})"


def tanh_source(order: int, bits: int, lanes: int) -> str:
    """The text with ``slopes``: tanh and its derivatives up to ``order``, from rows that lie ``stride`` apart.

    ``tanh(x) = e / (e + 2)`` with ``e = exp(2 x) - 1``, which keeps all digits near 0; ``exp`` by range reduction.
    """
    limit, terms, high, low = _TANH[bits]
    series = _splat(1 / factorial(terms))
    for p in range(terms - 1, 0, -1):
        series = f"fma(r, {series}, {_splat(1 / factorial(p))})"
    lines = [
        "x = load(z, n * stride + v)",
        f"u = where_less(x, {_splat(-limit)}, {_splat(-limit)}, where_nan(x, {_splat(0.0)}, x))",
        f"u = where_less({_splat(limit)}, u, {_splat(limit)}, u)",
        f"c = floor(fma(u, {_splat(2 / log(2))}, {_splat(0.5)}))",
        f"r = sub(fma(c, {_splat(-high)}, add(u, u)), mul(c, {_splat(low)}))",
        "p = power_of_two(c)",
        f"e = fma(p, mul(r, {series}), sub(p, {_splat(1.0)}))",
        f"f0 = where_nan(x, x, div(e, add(e, {_splat(2.0)})))",
        f"f1 = sub({_splat(1.0)}, mul(f0, f0))",
    ]
    for q in range(2, order + 1):
        *rest, last = sigmoid_coefficients(q, 1.0, -2.0)
        nested = _splat(last)
        for value in reversed(rest):
            nested = f"fma(f0, {nested}, {_splat(value)})" if value else f"mul(f0, {nested})"
        lines.append(f"f{q} = mul(f1, {nested})")
    lines += [f"store(y, ({q} * N + n) * I + v, f{q})" for q in range(order + 1)]
    return f"""
def slopes(z, y, n0, n1, N, I, stride):
    for n in range(n0, n1):
        for start in range(0, I, {lanes}):
            v = min(start, I - {lanes})
{indent(lines, 3)}
"""
