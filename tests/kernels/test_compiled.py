"""Compiled kernels: that a second session loads them, their vectors, and processes that fork."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from sciml import kernels
from sciml.kernels.cpu import machine

SCRIPT = """
import torch
from sciml.kernels import LayerWeights, kan_jets, uniform_knots
layer = LayerWeights(torch.ones(2, 5, 1), torch.ones(2, 1), uniform_knots(0., 1., 3, 2, dtype=torch.float32), 2)
z = torch.full((600, 1, 2), 0.3)
torch.set_num_threads(2)
print(float(kan_jets(z, [layer], backend="simd").sum()))
"""

needs_simd = pytest.mark.skipif(machine.missing_simd() is not None, reason=str(machine.missing_simd()))


def run(folder):
    environment = {**os.environ, "SCIML_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout), done.stderr


@needs_simd
@pytest.mark.slow
def test_a_kernel_is_compiled_once_and_says_so(tmp_path):
    first, said = run(tmp_path)
    assert said.count("compiling") == 2  # tables, and values
    assert str(tmp_path) in said
    second, said = run(tmp_path)
    assert second == first
    assert "compiling" not in said


@needs_simd
@pytest.mark.parametrize("bits, lanes", [(32, 16), (32, 8), (32, 4), (64, 8), (64, 4), (64, 2)])
def test_vector_operations(bits, lanes):
    from sciml.kernels.cpu.simd import translate
    from sciml.kernels.cpu.simd.parts import sum_tree

    dtype = np.float32 if bits == 32 else np.float64
    tree = sum_tree([f"load(m, {n * lanes})" for n in range(lanes)], lanes)
    text = f"""
def flag(out, at, a, b):
    if any_less(splat(f(a)), splat(f(b))):
        put(out, at, f(1))
    else:
        put(out, at, f(0))

def work(m, out, n):
    transpose(m, 0, out, 0)
    store(out, n * n, {tree})
    store(out, n * n + n, gather(m, mul(iota(), splat(f(n)))))
    scatter(out, sub(splat(f(n * n + 3 * n - 1)), iota()), power_of_two(iota()))
    flag(out, n * n + 3 * n, n - 1, n)
    flag(out, n * n + 3 * n + 1, n, n)
"""
    code = translate.compiled(translate.llvm_text(text, "work", bits, lanes))
    m = np.random.default_rng(0).random((lanes, lanes)).astype(dtype)
    memory = np.zeros(lanes * (lanes + 3) + 2, dtype)
    translate.loaded(code, "work", 3)(m.ctypes.data, memory.ctypes.data, lanes)
    out = memory[:-2]
    np.testing.assert_array_equal(out[: lanes**2].reshape(lanes, lanes), m.T)
    np.testing.assert_allclose(out[lanes**2 :][:lanes], m.sum(1), rtol=1e-6)
    np.testing.assert_array_equal(out[lanes**2 + lanes :][:lanes], m[:, 0])
    np.testing.assert_array_equal(out[: lanes**2 + 3 * lanes][-lanes:], 2.0 ** np.arange(lanes)[::-1])
    assert memory[-2:].tolist() == [1, 0]


@needs_simd
def test_the_language_of_the_kernels():
    """Every kind of statement and expression, against Python itself."""
    from sciml.kernels.cpu.simd import translate

    text = """
def power(to, at, base, exponent):
    value = f(1)
    left = exponent
    while left:
        value = value * f(base)
        left -= 1
    put(to, at, value)

def work(to, n):
    at, skipped = 0, 0
    for i in range(n):
        for j in range(n - 1, -1, -2):
            if (i == j) or (i * j == 6):
                skipped += 1
                continue
            elif i >= j:
                put(to, at, f(max(i, j) % 3 - min(i, j) // 2))
            else:
                power(to, at, i + 2, j)
            at += 1 << 0
    put(to, at, f(skipped) if skipped > 1 else 0.5)
    put(to, at + 1, -f(64 >> 2))
"""
    code = translate.compiled(translate.llvm_text(text, "work", 64, 2))
    out, want = np.zeros(60), np.zeros(60)
    translate.loaded(code, "work", 2)(out.ctypes.data, 7)
    names = {"put": lambda to, at, value: to.__setitem__(at, value), "f": float}
    exec(text, names)
    names["work"](want, 7)
    assert want.any()
    np.testing.assert_array_equal(out, want)


@needs_simd
def test_narrower_vectors_give_the_same(monkeypatch):
    import torch

    from sciml.kernels.autograd import build
    from sciml.kernels.jets import BACKENDS, fused_call

    knots = kernels.uniform_knots(-1.0, 1.0, 4, 2)
    rng = torch.Generator().manual_seed(0)
    layers = [
        kernels.LayerWeights(torch.randn(i, 6, o, generator=rng, dtype=torch.float64), None, knots, 2)
        for i, o in ((2, 5), (5, 1))
    ]
    z = torch.rand(9, 3, 2, generator=rng, dtype=torch.float64)
    want = kernels.kan_jets(z, layers, backend="reference").numpy()
    monkeypatch.setattr(machine, "vector_bytes", lambda: 16)
    machine.simd.cache_clear()
    try:
        call, W, weights = fused_call(BACKENDS["simd"].fused, z, layers, None)
        assert call.plan.kernels.lanes == 2
        got = build(call, z, W, weights, -1).run().numpy()
    finally:
        machine.simd.cache_clear()
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)
