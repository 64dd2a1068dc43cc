"""Explicit SIMD inside Numba: one vector type and the few operations that the kernels are written in.

Memory is addressed by an integer (a tensor's ``data_ptr()``) and an offset counted in elements, so that a
kernel takes no array arguments and no index wraps around. ``operations(bits, lanes)`` hands out the
operations for one vector width, which may differ from the machine's: LLVM splits what is too wide.
"""

from __future__ import annotations

from functools import cache
from inspect import Parameter, Signature
from types import SimpleNamespace

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

_INT = ir.IntType(64)


class Vec(types.Type):
    """A vector of ``lanes`` floating-point numbers of ``bits`` bits."""

    def __init__(self, bits: int, lanes: int):
        self.bits, self.lanes = bits, lanes
        super().__init__(name=f"Vec({bits}, {lanes})")


def _llvm(vec: Vec, integer: bool = False) -> ir.VectorType:
    scalar = ir.IntType(vec.bits) if integer else (ir.FloatType() if vec.bits == 32 else ir.DoubleType())
    return ir.VectorType(scalar, vec.lanes)


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _llvm(fe_type))


def _pointer(builder, address, offset, element):
    base = builder.inttoptr(address, element.as_pointer())
    return builder.gep(base, [offset])


def _call(builder, name, vec, args):
    vector = _llvm(vec)
    kind = ir.FunctionType(vector, [vector] * len(args))
    name = f"llvm.{name}.v{vec.lanes}f{vec.bits}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _constant(vector: ir.VectorType, values) -> ir.Constant:
    return ir.Constant(vector, list(values))


@cache
def operations(bits: int, lanes: int) -> SimpleNamespace:
    """The operations on vectors of ``lanes`` (a power of two) floats of ``bits`` (32 or 64) bits.

    With ``a, b, c`` vectors, ``s`` a float, ``at, off`` an address and an offset in elements:

    * memory: ``load(at, off)``, ``store(at, off, a)``, ``spread(at, off)`` (one element in all lanes),
      ``gather(at, a)`` and ``scatter(at, a, b)`` (offsets ``a``, all different), ``number(at, off)`` and
      ``put(at, off, s)``, ``transpose(source, off, to, off)`` (``lanes`` rows);
    * whole numbers of ``bits`` bits in memory: ``cells(at, off, a)`` writes and ``counts(at, off)`` reads a
      vector, ``integer(at, off)`` reads one;
    * lanes: ``splat(s)``, ``iota()``, ``fold[g](a, b)``: both hold ``g`` groups of partial sums, the
      result ``2 g`` groups of half the length, alternately from ``a`` and ``b``;
    * arithmetic: ``add``, ``sub``, ``mul``, ``div``, ``fma(a, b, c) = a b + c``, ``floor``,
      ``power_of_two(a)`` of a whole number, ``where_less(a, b, x, y)`` (``y`` when either is NaN),
      ``where_nan(a, x, y)``, ``any_less(a, b)``.
    """
    vec = Vec(bits, lanes)
    scalar = types.float32 if bits == 32 else types.float64
    align = bits // 8
    element = ir.FloatType() if bits == 32 else ir.DoubleType()
    vector, integers = _llvm(vec), _llvm(vec, integer=True)
    lane_index = ir.VectorType(ir.IntType(32), lanes)
    i64 = types.int64

    def splat_value(builder, value):
        first = builder.insert_element(
            ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        return builder.shuffle_vector(
            first, ir.Constant(vector, ir.Undefined), _constant(lane_index, [0] * lanes)
        )

    def vector_pointer(builder, address, offset, of=vector):
        return builder.bitcast(_pointer(builder, address, offset, of.element), of.as_pointer())

    def shuffle(builder, a, b, mask):
        return builder.shuffle_vector(a, b, _constant(lane_index, mask))

    def define(arguments, result, generate):
        def typed(typingctx, *_):
            def lower(context, builder, sig, args):
                value = generate(builder, *args)
                return context.get_dummy_value() if result is types.void else value

            return result(*arguments), lower

        # Numba counts an intrinsic's arguments by its signature
        names = ["typingctx", *"abcd"[: len(arguments)]]
        typed.__signature__ = Signature([Parameter(n, Parameter.POSITIONAL_OR_KEYWORD) for n in names])
        return intrinsic(typed)

    def load(builder, at, off):
        return builder.load(vector_pointer(builder, at, off), align=align)

    def store(builder, at, off, a):
        builder.store(a, vector_pointer(builder, at, off), align=align)

    def spread(builder, at, off):
        return splat_value(builder, builder.load(_pointer(builder, at, off, element), align=align))

    def integer(builder, at, off):
        value = builder.load(_pointer(builder, at, off, ir.IntType(bits)), align=align)
        return builder.sext(value, _INT) if bits < 64 else value

    def cells(builder, at, off, a):
        whole = builder.fptosi(a, integers)
        builder.store(whole, vector_pointer(builder, at, off, integers), align=align)

    def gather(builder, at, a):
        index = builder.fptosi(a, lane_index)
        base = builder.inttoptr(at, element.as_pointer())
        value = ir.Constant(vector, ir.Undefined)
        for lane in range(lanes):
            position = ir.Constant(ir.IntType(32), lane)
            pointer = builder.gep(base, [builder.extract_element(index, position)])
            value = builder.insert_element(value, builder.load(pointer, align=align), position)
        return value

    def scatter(builder, at, a, b):
        index = builder.fptosi(a, lane_index)
        base = builder.inttoptr(at, element.as_pointer())
        for lane in range(lanes):
            position = ir.Constant(ir.IntType(32), lane)
            pointer = builder.gep(base, [builder.extract_element(index, position)])
            builder.store(builder.extract_element(b, position), pointer, align=align)

    def counts(builder, at, off):
        whole = builder.load(vector_pointer(builder, at, off, integers), align=align)
        return builder.sitofp(whole, vector)

    def number(builder, at, off):
        return builder.load(_pointer(builder, at, off, element), align=align)

    def put(builder, at, off, s):
        builder.store(s, _pointer(builder, at, off, element), align=align)

    def power_of_two(builder, a):
        bias, mantissa = (127, 23) if bits == 32 else (1023, 52)
        whole = builder.fptosi(a, integers)
        shifted = builder.shl(
            builder.add(whole, _constant(integers, [bias] * lanes)), _constant(integers, [mantissa] * lanes)
        )
        return builder.bitcast(shifted, vector)

    def any_less(builder, a, b):
        flags = builder.bitcast(builder.fcmp_ordered("<", a, b), ir.IntType(lanes))
        return builder.icmp_unsigned("!=", flags, ir.Constant(ir.IntType(lanes), 0))

    def where_less(builder, a, b, x, y):
        return builder.select(builder.fcmp_ordered("<", a, b), x, y)

    def where_nan(builder, a, x, y):
        return builder.select(builder.fcmp_unordered("uno", a, a), x, y)

    def halves(groups):
        """Lanes of the first and of the second half of each of ``groups`` groups of a pair of vectors."""
        size = lanes // groups
        first, second = [], []
        for group in range(groups):
            for side in (0, lanes):
                start = side + group * size
                first += range(start, start + size // 2)
                second += range(start + size // 2, start + size)
        return first, second

    def fold_with(groups):
        def generate(builder, a, b):
            first, second = halves(groups)
            return builder.fadd(shuffle(builder, a, b, first), shuffle(builder, a, b, second))

        return define((vec, vec), vec, generate)

    def transpose(builder, source, off, to, to_off):
        width = ir.Constant(_INT, lanes)
        rows, row_off = [], off
        for _ in range(lanes):
            rows.append(load(builder, source, row_off))
            row_off = builder.add(row_off, width)
        h = lanes // 2
        while h:
            low = [lane - h + lanes if lane & h else lane for lane in range(lanes)]
            high = [lane + lanes if lane & h else lane + h for lane in range(lanes)]
            for r in range(lanes):
                if not r & h:
                    a, b = rows[r], rows[r + h]
                    rows[r], rows[r + h] = shuffle(builder, a, b, low), shuffle(builder, a, b, high)
            h //= 2
        for row in rows:
            store(builder, to, to_off, row)
            to_off = builder.add(to_off, width)

    def arithmetic(method):
        return define((vec, vec), vec, lambda builder, a, b: getattr(builder, method)(a, b))

    return SimpleNamespace(
        load=define((i64, i64), vec, load),
        store=define((i64, i64, vec), types.void, store),
        splat=define((scalar,), vec, splat_value),
        spread=define((i64, i64), vec, spread),
        integer=define((i64, i64), i64, integer),
        cells=define((i64, i64, vec), types.void, cells),
        iota=define((), vec, lambda builder: _constant(vector, map(float, range(lanes)))),
        counts=define((i64, i64), vec, counts),
        number=define((i64, i64), scalar, number),
        put=define((i64, i64, scalar), types.void, put),
        gather=define((i64, vec), vec, gather),
        scatter=define((i64, vec, vec), types.void, scatter),
        add=arithmetic("fadd"),
        sub=arithmetic("fsub"),
        mul=arithmetic("fmul"),
        div=arithmetic("fdiv"),
        fma=define((vec, vec, vec), vec, lambda builder, *args: _call(builder, "fma", vec, args)),
        floor=define((vec,), vec, lambda builder, a: _call(builder, "floor", vec, [a])),
        power_of_two=define((vec,), vec, power_of_two),
        any_less=define((vec, vec), types.boolean, any_less),
        where_less=define((vec, vec, vec, vec), vec, where_less),
        where_nan=define((vec, vec, vec), vec, where_nan),
        fold={groups: fold_with(groups) for groups in (1, 2, 4, 8, 16) if groups < lanes},
        transpose=define((i64, i64, i64, i64), types.void, transpose),
    )
