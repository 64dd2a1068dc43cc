"""Text of the kernels for elementwise functions of jets; vectors run over a point's numbers, the last overlaps another.

The function's derivatives ``f_0, f_1, ...`` are given, so that one kernel serves all activations. With the Bell polynomials
``B_qj`` along a direction,

    forward    y_0 = f_0    y_c = f_1 x_c + sum_k W_k c_qk,                 c_qk = sum_(j >= 2) f_j B_qj
    backward   h_0 = f_1 g_0 + f_2 sum_c x_c g_c + sum_qk g_qk sum_(j >= 2) f_(j+1) B_qj
               h_c = f_1 g_c for a sum, and for order m along direction k
               h_c = f_1 g_c + sum_(q > m) C(q, m) g_qk sum_j f_(j+1) B_(q-m),j

where ``g_qk`` is what direction ``k`` gave to order ``q``, by its weights (``sciml.kernels.compose``).
"""

from __future__ import annotations

from math import comb

from sciml.kernels.channels import Channels
from sciml.kernels.cpu.simd.parts import bell, indent, total

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
