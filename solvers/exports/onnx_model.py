"""A recorded solution as an ONNX model, whose constants keep all their digits."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.solvers.exports.grids import needed

FLOAT, DOUBLE = 1, 11  # as ONNX numbers its types
WANTED = "path needs a name in .pt2 for a solution that ONNX cannot say"


def onnx_model(program: Any, x: Tensor, expected: Tensor, near: float) -> bytes:
    """The bytes of a model with the input ``x (n, d)`` and the output ``u (n, m)``, for any number of points.

    Args:
        program: A ``torch.export.ExportedProgram`` with one input.
        x: Points ``(n, d)`` at which onnxruntime is compared.
        expected: The values ``(n, m)`` there.
        near: Their largest difference allowed.

    Raises:
        ArgumentError: onnx, onnxscript or onnxruntime is not installed (extra ``onnx``), an operation has no counterpart in
            ONNX or none in onnxruntime at this precision, or the model's values are others.
    """
    for module in ("onnx", "onnxscript", "onnxruntime"):
        needed(module, "export to .onnx", "onnx")
    try:
        with _quiet():
            model = torch.onnx.export(
                program,
                dynamo=True,
                verbose=False,
                input_names=["x"],
                output_names=["u"],
                custom_translation_table={
                    torch.ops.aten.scalar_tensor.default: _constant,
                    torch.ops.aten.atan2.default: _atan2,
                    torch.ops.aten.atan.default: _atan,
                    torch.ops.aten.cos.default: _cos,
                    torch.ops.aten.sigmoid.default: _sigmoid,
                },
            )
        if model is None:  # as its signature allows
            raise RuntimeError("torch gave no model")
        data = model.model_proto.SerializeToString()
        found = _run(data, x)
    except Exception as error:
        cause = error.__cause__ or error  # torch says what it did first, and only then what it could not do
        raise ArgumentError(
            f"{WANTED}, got one of which it says: {type(cause).__name__}: {str(cause).splitlines()[0]:.200}"
        ) from error
    off = float((found - expected).abs().max())
    if not off <= near:
        raise ArgumentError(f"{WANTED}, got a model whose values are off by {off:.1e}.")
    return data


def _constant(s: float, dtype: int, **_: Any) -> Any:
    """A number in its own precision. torch's translation goes through float32, and π would keep seven digits."""
    return _op().Constant(value=_number(s, dtype))


def _atan2(y: Any, x: Any, **_: Any) -> Any:
    """The angle of ``(x, y)``, 0 at the origin. Runtimes know the arctangent in float32 alone; one correction does the rest.

    With the angle ``a`` of float32, ``sin(angle - a) = (y cos a - x sin a) / r`` is some 1e-7, and its cube is left out.
    """
    op = _op()
    pi, zero = (op.CastLike(op.Constant(value=_number(value, DOUBLE)), x) for value in (math.pi, 0.0))
    r = op.Sqrt(op.Add(op.Mul(x, x), op.Mul(y, y)))
    a = op.CastLike(op.Atan(op.Cast(op.Div(y, x), to=FLOAT)), x)
    a = op.Where(op.Less(x, zero), op.Where(op.Less(y, zero), op.Sub(a, pi), op.Add(a, pi)), a)
    sine = op.Div(op.Sub(op.Mul(y, _cos(a)), op.Mul(x, op.Sin(a))), r)
    return op.Where(op.Equal(r, zero), zero, op.Add(a, sine))


def _atan(y: Any, **_: Any) -> Any:
    op = _op()
    return _atan2(y, op.CastLike(op.Constant(value=_number(1.0, DOUBLE)), y))


def _cos(x: Any, **_: Any) -> Any:
    """By the sine, which onnxruntime has had in float64 for longer than the cosine."""
    op = _op()
    return op.Sin(op.Add(x, op.CastLike(op.Constant(value=_number(0.5 * math.pi, DOUBLE)), x)))


def _sigmoid(x: Any, **_: Any) -> Any:
    """By the exponential: onnxruntime 1.23 joins ``x sigmoid(x)`` to an operation that it has in float32 alone."""
    op = _op()
    return op.Reciprocal(op.Add(op.CastLike(op.Constant(value=_number(1.0, DOUBLE)), x), op.Exp(op.Neg(x))))


def _op() -> Any:
    return needed("onnxscript", "export to .onnx", "onnx").opset18


def _number(value: float, dtype: int) -> Any:
    ir = needed("onnx_ir", "export to .onnx", "onnx")
    return ir.tensor(value, dtype=ir.DataType(dtype))


def _run(data: bytes, x: Tensor) -> Tensor:
    session = needed("onnxruntime", "export to .onnx", "onnx").InferenceSession(data)
    return torch.from_numpy(session.run(None, {"x": x.detach().cpu().numpy()})[0]).to(x)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch tells of its own internals, such as that torchvision is not there."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
