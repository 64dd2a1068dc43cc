"""Explicit SIMD: vectors and the few operations that the kernels are written in, as LLVM code.

Memory is addressed by an integer (a tensor's ``data_ptr()``) and an offset counted in elements, so that a
kernel takes no array arguments and no index wraps around. ``operations(bits, lanes)`` hands out the
operations for one vector width, which may differ from the machine's: LLVM splits what is too wide.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from llvmlite import ir

_INT = ir.IntType(64)


class _Kind:
    """The LLVM types of one kind of vector, and what the code of several operations is made of."""

    def __init__(self, bits: int, lanes: int):
        self.bits, self.lanes, self.align = bits, lanes, bits // 8
        self.element = ir.FloatType() if bits == 32 else ir.DoubleType()
        self.vector = ir.VectorType(self.element, lanes)
        self.integers = ir.VectorType(ir.IntType(bits), lanes)
        self.lane_index = ir.VectorType(ir.IntType(32), lanes)

    def constant(self, vector: ir.VectorType, values) -> ir.Constant:
        return ir.Constant(vector, list(values))

    def element_pointer(self, builder, address, offset, of=None):
        base = builder.inttoptr(address, (of or self.element).as_pointer())
        return builder.gep(base, [offset])

    def vector_pointer(self, builder, address, offset, of=None):
        of = of or self.vector
        return builder.bitcast(self.element_pointer(builder, address, offset, of.element), of.as_pointer())

    def lane_pointers(self, builder, address, offsets):
        """For each lane its number and a pointer to the element that its offset names."""
        index = builder.fptosi(offsets, self.lane_index)
        base = builder.inttoptr(address, self.element.as_pointer())
        for lane in range(self.lanes):
            position = ir.Constant(ir.IntType(32), lane)
            yield position, builder.gep(base, [builder.extract_element(index, position)])

    def load(self, builder, at, off):
        return builder.load(self.vector_pointer(builder, at, off), align=self.align)

    def store(self, builder, at, off, a):
        builder.store(a, self.vector_pointer(builder, at, off), align=self.align)

    def splat(self, builder, value):
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, nothing, self.constant(self.lane_index, [0] * self.lanes))

    def shuffle(self, builder, a, b, mask):
        return builder.shuffle_vector(a, b, self.constant(self.lane_index, mask))

    def call(self, builder, name, args):
        name = f"llvm.{name}.v{self.lanes}f{self.bits}"
        known = builder.module.globals.get(name)
        if known is None:
            kind = ir.FunctionType(self.vector, [self.vector] * len(args))
            known = ir.Function(builder.module, kind, name)
        return builder.call(known, args)


def _memory(kind: _Kind) -> dict:
    """Operations on numbers in memory."""
    align = kind.align

    def spread(builder, at, off):
        return kind.splat(builder, builder.load(kind.element_pointer(builder, at, off), align=align))

    def gather(builder, at, a):
        value = ir.Constant(kind.vector, ir.Undefined)
        for position, pointer in kind.lane_pointers(builder, at, a):
            value = builder.insert_element(value, builder.load(pointer, align=align), position)
        return value

    def scatter(builder, at, a, b):
        for position, pointer in kind.lane_pointers(builder, at, a):
            builder.store(builder.extract_element(b, position), pointer, align=align)

    def number(builder, at, off):
        return builder.load(kind.element_pointer(builder, at, off), align=align)

    def put(builder, at, off, s):
        builder.store(s, kind.element_pointer(builder, at, off), align=align)

    return {
        "load": kind.load,
        "store": kind.store,
        "spread": spread,
        "gather": gather,
        "scatter": scatter,
        "number": number,
        "put": put,
        "transpose": lambda *args: _transpose(kind, *args),
    }


def _transpose(kind: _Kind, builder, source, off, to, to_off) -> None:
    """Swap blocks of half the size in every pass: ``log2(lanes)`` passes over the rows of a square."""
    lanes = kind.lanes
    width = ir.Constant(_INT, lanes)
    rows = []
    for _ in range(lanes):
        rows.append(kind.load(builder, source, off))
        off = builder.add(off, width)
    h = lanes // 2
    while h:
        low = [lane - h + lanes if lane & h else lane for lane in range(lanes)]
        high = [lane + lanes if lane & h else lane + h for lane in range(lanes)]
        for r in range(lanes):
            if not r & h:
                a, b = rows[r], rows[r + h]
                rows[r], rows[r + h] = kind.shuffle(builder, a, b, low), kind.shuffle(builder, a, b, high)
        h //= 2
    for row in rows:
        kind.store(builder, to, to_off, row)
        to_off = builder.add(to_off, width)


def _whole_numbers(kind: _Kind) -> dict:
    """Operations on whole numbers in memory, as wide as the floating-point ones."""
    bits, align = kind.bits, kind.align

    def integer(builder, at, off):
        value = builder.load(kind.element_pointer(builder, at, off, ir.IntType(bits)), align=align)
        return builder.sext(value, _INT) if bits < 64 else value

    def cells(builder, at, off, a):
        whole = builder.fptosi(a, kind.integers)
        builder.store(whole, kind.vector_pointer(builder, at, off, kind.integers), align=align)

    def counts(builder, at, off):
        whole = builder.load(kind.vector_pointer(builder, at, off, kind.integers), align=align)
        return builder.sitofp(whole, kind.vector)

    return {
        "integer": integer,
        "cells": cells,
        "counts": counts,
    }


def _lanes(kind: _Kind) -> dict:
    """Operations that make vectors, or move numbers between lanes."""
    lanes = kind.lanes

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
        first, second = halves(groups)

        def generate(builder, a, b):
            return builder.fadd(kind.shuffle(builder, a, b, first), kind.shuffle(builder, a, b, second))

        return generate

    numbers = kind.constant(kind.vector, map(float, range(lanes)))
    return {
        "splat": kind.splat,
        "iota": lambda builder: numbers,
        **{f"fold{groups}": fold_with(groups) for groups in (1, 2, 4, 8, 16) if groups < lanes},
    }


def _arithmetic(kind: _Kind) -> dict:
    """Operations lane by lane."""
    bits, lanes = kind.bits, kind.lanes

    def method(name):
        return lambda builder, a, b: getattr(builder, name)(a, b)

    def power_of_two(builder, a):
        bias, mantissa = (127, 23) if bits == 32 else (1023, 52)
        exponent = builder.add(builder.fptosi(a, kind.integers), kind.constant(kind.integers, [bias] * lanes))
        shifted = builder.shl(exponent, kind.constant(kind.integers, [mantissa] * lanes))
        return builder.bitcast(shifted, kind.vector)

    def any_less(builder, a, b):
        flags = builder.bitcast(builder.fcmp_ordered("<", a, b), ir.IntType(lanes))
        return builder.icmp_unsigned("!=", flags, ir.Constant(ir.IntType(lanes), 0))

    def where_less(builder, a, b, x, y):
        return builder.select(builder.fcmp_ordered("<", a, b), x, y)

    def where_nan(builder, a, x, y):
        return builder.select(builder.fcmp_unordered("uno", a, a), x, y)

    return {
        "add": method("fadd"),
        "sub": method("fsub"),
        "mul": method("fmul"),
        "div": method("fdiv"),
        "fma": lambda builder, *args: kind.call(builder, "fma", args),
        "floor": lambda builder, a: kind.call(builder, "floor", [a]),
        "power_of_two": power_of_two,
        "any_less": any_less,
        "where_less": where_less,
        "where_nan": where_nan,
    }


class Operations(NamedTuple):
    """What a kernel is written in.

    Attributes:
        element: The LLVM type of one number.
        generate: By name, what writes an operation's code: ``(builder, *values) -> value``.
    """

    element: Any
    generate: dict[str, Callable[..., Any]]


@cache
def operations(bits: int, lanes: int) -> Operations:
    """The operations on vectors of ``lanes`` (a power of two) floats of ``bits`` (32 or 64) bits.

    With ``a, b, c`` vectors, ``s`` a float, ``at, off`` an address and an offset in elements:

    * memory: ``load(at, off)``, ``store(at, off, a)``, ``spread(at, off)`` (one element in all lanes),
      ``gather(at, a)`` and ``scatter(at, a, b)`` (offsets ``a``, all different), ``number(at, off)`` and
      ``put(at, off, s)``, ``transpose(source, off, to, off)`` (``lanes`` rows);
    * whole numbers of ``bits`` bits in memory: ``cells(at, off, a)`` writes and ``counts(at, off)`` reads a
      vector, ``integer(at, off)`` reads one;
    * lanes: ``splat(s)``, ``iota()``, ``fold{g}(a, b)``: both hold ``g`` groups of partial sums, the
      result ``2 g`` groups of half the length, alternately from ``a`` and ``b``;
    * arithmetic: ``add``, ``sub``, ``mul``, ``div``, ``fma(a, b, c) = a b + c``, ``floor``,
      ``power_of_two(a)`` of a whole number, ``where_less(a, b, x, y)`` (``y`` when either is NaN),
      ``where_nan(a, x, y)``, ``any_less(a, b)``.
    """
    kind = _Kind(bits, lanes)
    groups = (_memory, _whole_numbers, _lanes, _arithmetic)
    return Operations(kind.element, {name: made for group in groups for name, made in group(kind).items()})
