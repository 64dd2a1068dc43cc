"""The Triton kernels: on a CUDA device where there is one, else in Triton's interpreter, and compiled without a device."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

pytest.importorskip("triton", reason="triton is not installed")

CHECK = """
import sys
import torch
from sciml.kernels.channels import channels_of
from sciml.kernels.orders import ChannelWeights
from sciml.kernels import LayerWeights, kan_jets, layer_cotangents, uniform_knots

device = sys.argv[1]


def network(widths, grid, degree, base, dtype, general):
    rng = torch.Generator().manual_seed(0)
    layers = []
    for i, o in zip(widths, widths[1:]):
        knots = uniform_knots(-torch.ones(i), torch.ones(i), grid, degree, dtype=dtype)
        if general:
            knots = torch.sort(knots + 0.2 * torch.rand(knots.shape, generator=rng, dtype=dtype)).values
        coef = torch.randn(i, grid + degree, o, generator=rng, dtype=dtype) * 0.3
        weight = (torch.randn(i, o, generator=rng, dtype=dtype) * 0.3).to(device) if base else None
        layers.append(LayerWeights(coef.to(device), weight, knots.to(device), degree))
    return layers


def check(n, widths, grid, degree, base, dtype, weights, general=False, odd=False):
    parts = [torch.tensor(w, dtype=dtype).reshape(-1, d).to(device) for w, d in weights]
    W = parts[0] if len(parts) == 1 else ChannelWeights(tuple(parts))
    layers = network(widths, grid, degree, base, dtype, general)
    z = torch.randn(n, channels_of(W).count, 2, generator=torch.Generator().manual_seed(1), dtype=dtype).to(device)
    if odd:
        z[0, 0, 0], z[1, 0, 0], z[2, 0, 1] = torch.nan, -torch.inf, 99.0
        z[3, 0] = layers[0].knots[:, 3]
    leaves = [z.requires_grad_()]
    leaves += [p.requires_grad_() for layer in layers for p in layer[:2] if p is not None]
    results = {}
    for backend in ("triton", "torch"):
        y = kan_jets(z, layers, W, backend=backend)
        g = torch.cos(torch.arange(y.numel(), dtype=dtype, device=device)).reshape(y.shape)
        g = torch.where(y.detach().isfinite(), g, 0)
        seen = layer_cotangents(z, layers, g, W, backend=backend)
        results[backend] = [y, *torch.autograd.grad(y, leaves, g), *(a for pair in seen for a in pair)]
    bound = 1e-11 if dtype == torch.float64 else 2e-4
    for number, (a, b) in enumerate(zip(*results.values(), strict=True)):
        assert torch.equal(a.isnan(), b.isnan()), number
        finite = b.isfinite()
        error = (a[finite] - b[finite]).abs().max() if finite.any() else torch.tensor(0.0)
        scale = b[finite].abs().max().clamp(min=1.0) if finite.any() else 1.0
        assert error <= bound * scale, (n, widths, degree, number, float(error))


f32, f64 = torch.float32, torch.float64
check(21, [2, 5, 1], 4, 3, True, f64, [([1.0, 1.0], 2)])
check(21, [2, 5, 1], 4, 3, True, f32, [([1.0, 1.0], 2)])
check(7, [2, 34, 3], 4, 2, False, f64, [([1.0, 0.5, -0.5, 2.0], 2)])
check(17, [2, 3], 5, 1, True, f64, [([], 2)])
check(9, [2, 4, 2], 6, 5, True, f64, [([1.0, 1.0], 2)], general=True)
check(18, [2, 3], 4, 3, True, f64, [([1.0, 1.0], 2)], odd=True)
check(9, [2, 4, 2], 4, 5, True, f64, [([1.0, 0.5], 2), ([], 2), ([-0.7, 1.0, 0.5, 2.0], 2)])
print("fine")
"""


def run(device, **environment):
    done = subprocess.run(
        [sys.executable, "-c", CHECK, device],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith("fine"), done.stderr[-3000:]


def test_in_the_interpreter():
    run("cpu", TRITON_INTERPRET="1")


@pytest.mark.gpu
def test_on_a_device():
    run("cuda")


CHANNELS = {2: ((2, 0), (0, 1)), 3: ((2, 1, 0), (0, 0, 1)), 4: ((3, 2, 2, 0), (0, 1, 0, 2))}


@pytest.mark.parametrize(
    "order, bits, arch",
    [
        *((2, bits, arch) for bits in (32, 64) for arch in (80, 90, 100)),
        (3, 64, 90),
        (4, 64, 90),
        (4, 32, 80),
    ],
)
def test_compiles_without_a_device(order, bits, arch):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    from sciml.kernels.channels import Channels
    from sciml.kernels.cpu.simd.parts import Shape
    from sciml.kernels.cuda.machine import triton_kernels
    from sciml.kernels.cuda.network import OPTIONS

    module = triton_kernels(Shape(Channels(*CHANNELS[order]), order + 1, True, bits, 0))
    for name in ("forward", "backward_inputs", "backward_weights"):
        function = getattr(module, name)
        constants = {"STEPS": 4, "BN": 16, "BO": 32, "ROWS": 16}
        constants = {key: value for key, value in constants.items() if key in function.arg_names}
        kinds = {"last": "*i32"} | dict.fromkeys(("N", "I", "J", "CELLS", "EACH"), "i32")
        signature = {
            name: "constexpr" if name in constants else kinds.get(name, f"*fp{bits}")
            for name in function.arg_names
        }
        source = ASTSource(fn=function, signature=signature, constexprs=constants)
        assert compile(source, target=GPUTarget("cuda", arch, 32), options=OPTIONS).asm["cubin"]


def test_says_why_not():
    from sciml.kernels import backends

    if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        assert backends()["triton"] == "there is no CUDA device"
