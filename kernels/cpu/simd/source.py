"""Source of the fused SIMD kernels for one shape of jet: unrolled, so that every channel has its register.

For one point, with ``e_p = t^p / p!`` from the centre of the cell, silu's derivatives ``b_r``, its weights
``w`` and the Taylor table ``T`` (both vectors over the layer's outputs), every edge of the network needs:

    f = sum_p e_p T_p + b_0 w      f1 = sum_p e_(p-1) T_p + b_1 w      f2, f3, ... alike

With ``B_qj`` the Bell polynomials of the jet along a direction (``sciml.kernels.orders``) and ``q_jc`` their weighted sums
for channel ``c`` of order ``q``,

    forward    y_0 += f    y_c += x_c f1 + sum_(j >= 2) q_jc fj
    backward   P1 = sum_c x_c g_c,  Pj = sum_c q_jc g_c
               dT_p += e_p g_0 + sum_j e_(p-j) Pj,                        dw likewise with b
               h_0 = f1 g_0 + sum_j f(j+1) Pj,  h_c = f1 g_c for a sum, and for order m along direction k
               h_c = f1 g_c + sum_(q > m) C(q, m) sum_j B_(q-m),j  f(j+1) g_qk

where ``h`` is summed over the outputs, and ``g_qk`` is what direction ``k`` gave to order ``q``, by its weights. Up to
second order that is ``q_s = sum_d W[s, d] x_d^2`` and ``h_d = f1 g_d + 2 x_d sum_s W[s, d] f2 g_s``. ``jets_source`` writes
this down for given channels and degree. A row of the table holds, for each vector of outputs, ``T_0 .. T_k`` one after the
other.
"""

from __future__ import annotations

from sciml.kernels.cpu.fields import FIELD
from sciml.kernels.cpu.simd import narrow, rows, tables, wide
from sciml.kernels.cpu.simd.parts import Shape
from sciml.kernels.cpu.simd.prepare import prepare


def _each_layer(name: str, arguments: str, more: str = "", order: str = "range(layers)") -> str:
    """A function that goes through the layers and calls the kernel for each one's kind."""
    calls = f"net, l{arguments}"
    function = {"make": "make_tables", "return": "return_tables"}.get(name, name)
    return f"""

def {function}(net, layers{arguments}{more}):
    for l in {order}:
        if net[l, {FIELD["NARROW"]}]:
            {name}_narrow({calls})
        else:
            {name}_wide({calls}{more})
"""


def tables_source(shape: Shape) -> str:
    """The text of what every kind of jet needs: tables and copies."""
    text = tables.wide(shape) + tables.narrow(shape) + tables.copies(shape)
    return text + _each_layer("make", "") + _each_layer("return", "")


def jets_source(shape: Shape) -> str:
    """The text with ``forward``, ``backward`` and, from tables, ``jacobian``."""
    kinds = (wide, narrow)
    bodies = prepare(shape) + "".join(kind.forward(shape) + kind.backward(shape) for kind in kinds)
    forward = _each_layer("forward", ", W, n0, n1, s")
    backward = _each_layer("backward", ", W, n0, n1, s", ", block", "range(layers - 1, -1, -1)")
    return bodies + forward + backward + ("" if shape.local else rows.jacobian(shape))
