"""Kernels' text to machine code: the small part of Python in which it is written, to LLVM, without a type inference.

Every argument of a function is a whole number of 64 bits (sizes, addresses, offsets); there are vectors, floats and truth
values besides, and a name keeps the type that it is first given. There are assignments, ``for`` over ``range``, ``while``,
``if``, ``continue``, calls of operations and of the text's other functions, and ``net[l, field]``. ``f`` makes a float of a
whole number and ``NAN`` is one. A compiler for all of Python takes five times as long for the same code.
"""

from __future__ import annotations

import ast
import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import llvmlite.binding as llvm
from llvmlite import ir

from sciml.kernels.cpu.fields import FIELDS
from sciml.kernels.cpu.simd.vectors import operations

_INT, _FLAG = ir.IntType(64), ir.IntType(1)
_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "sdiv", ast.Mod: "srem"}
_BINARY |= {ast.LShift: "shl", ast.RShift: "ashr"}
_COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


class _Function:
    """One function of the text while it is translated; nodes of Python's syntax come as ``ast`` has them."""

    def __init__(
        self, node: ast.FunctionDef, function: ir.Function, known: dict[str, ir.Function], kind: Any
    ):
        self.node, self.function, self.known = node, function, known
        self.operations, self.element = kind.generate, kind.element
        self.head = ir.IRBuilder(function.append_basic_block("head"))  # of the variables
        self.builder = ir.IRBuilder(function.append_basic_block("body"))
        self.places: dict[str, Any] = {}
        self.ends: list[ir.Block] = []  # where ``continue`` goes
        for name, value in zip(node.args.args, function.args, strict=True):
            self.assign(name.arg, value)
        first = self.builder.block
        self.body(node.body)
        self.builder.ret_void()
        self.head.branch(first)

    @property
    def _ended(self) -> bool:
        """Whether nothing can follow in the block that is being built."""
        block: Any = self.builder.block
        return block.is_terminated

    def assign(self, name: str, value: Any) -> None:
        if name not in self.places:
            self.places[name] = self.head.alloca(value.type, name=name)
        self.builder.store(value, self.places[name])

    def body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            getattr(self, f"do_{type(statement).__name__}")(statement)
            if self._ended:
                return

    def do_Assign(self, node: Any) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Tuple):
            values = [self.value(part) for part in node.value.elts]
            for name, value in zip(target.elts, values, strict=True):
                self.assign(cast(ast.Name, name).id, value)
        else:
            self.assign(target.id, self.value(node.value))

    def do_AugAssign(self, node: Any) -> None:
        name = node.target.id
        left = self.builder.load(self.places[name])
        self.assign(name, self.binary(node.op, left, self.value(node.value)))

    def do_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self.value(node.value)

    def do_Continue(self, node: ast.Continue) -> None:
        self.builder.branch(self.ends[-1])

    def do_If(self, node: ast.If) -> None:
        flag = self.flag(node.test)
        if not node.orelse:
            with self.builder.if_then(flag):
                self.body(node.body)
            return
        with self.builder.if_else(flag) as (then, otherwise):
            with then:
                self.body(node.body)
            with otherwise:
                self.body(node.orelse)

    def do_While(self, node: ast.While) -> None:
        test, inside, after = (self.function.append_basic_block(name) for name in ("test", "while", "after"))
        self.builder.branch(test)
        self.builder.position_at_end(test)
        self.builder.cbranch(self.flag(node.test), inside, after)
        self.builder.position_at_end(inside)
        self.body(node.body)
        self.builder.branch(test)
        self.builder.position_at_end(after)

    def do_For(self, node: Any) -> None:
        bounds = [self.value(part) for part in node.iter.args]
        start, stop = (_INT(0), bounds[0]) if len(bounds) == 1 else bounds[:2]
        step = bounds[2] if len(bounds) == 3 else _INT(1)
        backwards = isinstance(step, ir.Constant) and step.constant < 0
        test, inside, end, after = (
            self.function.append_basic_block(name) for name in ("test", "for", "end", "after")
        )
        count = self.head.alloca(_INT)
        self.builder.store(start, count)
        self.builder.branch(test)
        self.builder.position_at_end(test)
        number = self.builder.load(count)
        more = self.builder.icmp_signed(">" if backwards else "<", number, stop)
        self.builder.cbranch(more, inside, after)
        self.builder.position_at_end(inside)
        self.assign(node.target.id, number)
        self.ends.append(end)
        self.body(node.body)
        self.ends.pop()
        if not self._ended:
            self.builder.branch(end)
        self.builder.position_at_end(end)
        self.builder.store(self.builder.add(self.builder.load(count), step), count)
        self.builder.branch(test)
        self.builder.position_at_end(after)

    def flag(self, node: ast.expr) -> Any:
        value = self.value(node)
        return value if value.type == _FLAG else self.builder.icmp_signed("!=", value, _INT(0))

    def value(self, node: ast.expr) -> Any:
        return getattr(self, f"of_{type(node).__name__}")(node)

    def of_Constant(self, node: ast.Constant) -> Any:
        return ir.Constant(_INT if isinstance(node.value, int) else self.element, node.value)

    def of_Name(self, node: ast.Name) -> Any:
        if node.id == "NAN":
            return ir.Constant(self.element, float("nan"))
        return self.builder.load(self.places[node.id])

    def of_UnaryOp(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(value, ir.Constant):
            return ir.Constant(value.type, -value.constant)
        return self.builder.neg(value) if value.type == _INT else self.builder.fneg(value)

    def of_BinOp(self, node: ast.BinOp) -> Any:
        return self.binary(node.op, self.value(node.left), self.value(node.right))

    def binary(self, operator: ast.operator, left: Any, right: Any) -> Any:
        name = _BINARY[type(operator)]
        return getattr(self.builder, name if left.type == _INT else f"f{name}")(left, right)

    def of_Compare(self, node: ast.Compare) -> Any:
        left, right = self.value(node.left), self.value(node.comparators[0])
        return self.builder.icmp_signed(_COMPARED[type(node.ops[0])], left, right)

    def of_BoolOp(self, node: ast.BoolOp) -> Any:
        flags = [self.flag(part) for part in node.values]
        join = self.builder.and_ if isinstance(node.op, ast.And) else self.builder.or_
        total = flags[0]
        for flag in flags[1:]:
            total = join(total, flag)
        return total

    def of_IfExp(self, node: ast.IfExp) -> Any:
        values = []
        with self.builder.if_else(self.flag(node.test)) as branches:
            for branch, part in zip(branches, (node.body, node.orelse), strict=True):
                with branch:
                    values.append((self.value(part), self.builder.block))
        either = self.builder.phi(values[0][0].type)
        for value, block in values:
            either.add_incoming(value, block)
        return either

    def of_Subscript(self, node: Any) -> Any:
        net, (layer, field) = self.value(node.value), (self.value(part) for part in node.slice.elts)
        place = self.builder.add(self.builder.mul(layer, _INT(len(FIELDS))), field)
        return self.builder.load(self.builder.gep(self.builder.inttoptr(net, _INT.as_pointer()), [place]))

    def of_Call(self, node: Any) -> Any:
        name = node.func.id
        given = [self.value(part) for part in node.args]
        if name in self.known:
            return self.builder.call(self.known[name], given)
        if name in self.operations:
            return self.operations[name](self.builder, *given)
        if name == "f":
            return given[0] if given[0].type == self.element else self.builder.sitofp(given[0], self.element)
        less = self.builder.icmp_signed("<" if name == "min" else ">", *given)
        return self.builder.select(less, *given)


def _needed(functions: dict[str, ast.FunctionDef], name: str) -> list[str]:
    """Functions of the text that one of them needs, itself last."""
    found: list[str] = []
    for node in ast.walk(functions[name]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            found += [inner for inner in _needed(functions, node.func.id) if inner not in found]
    return [*dict.fromkeys(found), name]


def llvm_text(text: str, name: str, bits: int, lanes: int) -> str:
    """The LLVM code of one function of a text with all that it calls."""
    kind = operations(bits, lanes)
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    module, known = ir.Module(name), {}
    for each in _needed(functions, name):
        node = functions[each]
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_INT] * len(node.args.args)), each)
        function.linkage = "external" if each == name else "internal"
        _Function(node, function, known, kind)
        known[each] = function
    return str(module)


@cache
def _target() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), 3, codemodel="jitdefault", jit=True
    )


def processor() -> str:
    """What machine code is made for."""
    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


def compiled(code: str) -> bytes:
    """The object file of LLVM code."""
    target = _target()
    module = llvm.parse_assembly(code)
    module.triple, module.data_layout = target.triple, str(target.target_data)
    module.verify()
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    passes = llvm.create_pass_builder(target, tuning)
    passes.getModulePassManager().run(module, passes)
    return target.emit_object(module)


_ENGINES: list[Any] = []  # machine code lives as long as they do


def loaded(code: bytes, name: str, arguments: int) -> Callable[..., None]:
    """The function of an object file; it runs without Python's lock."""
    empty = llvm.parse_assembly("")
    empty.triple = _target().triple
    engine = llvm.create_mcjit_compiler(empty, _fresh_target())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(name)
    if not address:
        raise ValueError(f"the object file has no function {name}")
    _ENGINES.append(engine)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * arguments)(address)


def _fresh_target() -> llvm.TargetMachine:
    """An engine takes its target machine for itself."""
    return _target.__wrapped__()
