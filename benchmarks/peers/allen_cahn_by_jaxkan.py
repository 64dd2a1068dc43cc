"""Allen-Cahn as jaxKAN's tutorial on advanced models solves it: causal, with attention and points drawn anew."""

from __future__ import annotations

import math
from typing import Any

import jax  # pyright: ignore[reportMissingImports]
import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
import numpy as np
from flax import nnx  # pyright: ignore[reportMissingImports]
from jaxkan.models.RGAKAN import RGAKAN  # pyright: ignore[reportMissingImports]
from jaxkan.models.utils import get_adam  # pyright: ignore[reportMissingImports]
from jaxkan.pikan.adaptive import get_colloc_indices, lr_anneal  # pyright: ignore[reportMissingImports]
from jaxkan.pikan.pde import get_ac_res  # pyright: ignore[reportMissingImports]
from jaxkan.pikan.sampling import get_collocs_grid  # pyright: ignore[reportMissingImports]

from benchmarks.peers.libraries import Settings
from benchmarks.peers.watch import Watch

SETTINGS = Settings(
    "RGA-KAN of width 8 with 2 blocks, periodic, batches of 4096 of 16,384 points and 64 at the start, Adam 1e-3 decaying, "
    "causal weights, attention, resampling, annealed weights; float32",
    "Tutorial 10, Advanced Models for PDEs",
)
CHUNKS, BATCH = 32, 2**12
ANNEAL, RESAMPLE, MIXING = 1000, 2000, 0.9
DECAY, RATE = 0.999, 0.01  # of the attention to points


def solve(seed: int, watch: Watch) -> None:
    """Adam as long as there is time."""
    pool = get_collocs_grid(ranges=[(0, 1, 2**7), (-1, 1, 2**7)])
    start = get_collocs_grid(ranges=[(0, 0, 1), (-1, 1, 2**6)])
    given = (start[:, 1:] ** 2) * jnp.cos(jnp.pi * start[:, 1:])
    model = RGAKAN(
        n_in=2,
        n_out=1,
        n_hidden=8,
        num_blocks=2,
        flavor="exact",
        D=5,
        init_scheme={"type": "glorot_fine"},
        alpha=0.0,
        beta=0.0,
        ref=None,
        period_axes={1: (math.pi, False)},
        rff_std=None,
        sine_D=5,
        seed=seed,
    )
    rate = get_adam(learning_rate=1e-3, schedule_type="exponential", decay_steps=1000, decay_rate=0.9)
    optimizer = nnx.Optimizer(model, rate, wrt=nnx.Param)
    residual = get_ac_res()
    earlier = jnp.tril(jnp.ones((CHUNKS, CHUNKS)), k=-1)

    def attended(misses: Any, attention: Any) -> tuple[Any, Any]:
        size = jnp.abs(misses)
        attention = DECAY * attention + RATE * size / jnp.max(size)
        return attention * misses, attention

    def inside(model: Any, attention: Any, x: Any) -> tuple[Any, Any]:
        weighted, attention = attended(residual(model, x), attention)
        losses = jnp.mean(weighted.reshape(CHUNKS, -1) ** 2, axis=1)
        causal = jax.lax.stop_gradient(jnp.exp(-(earlier @ losses)))
        return jnp.mean(causal * losses), attention

    def at_start(model: Any, attention: Any) -> tuple[Any, Any]:
        weighted, attention = attended(model(start) - given, attention)
        return jnp.mean(weighted**2), attention

    @nnx.jit
    def advance(model: Any, optimizer: Any, x: Any, weights: Any, attentions: Any) -> tuple[Any, Any]:
        (_, first), one = nnx.value_and_grad(inside, has_aux=True)(model, attentions[0], x)
        (_, second), two = nnx.value_and_grad(at_start, has_aux=True)(model, attentions[1])
        both = jax.tree_util.tree_map(lambda a, b: weights[0] * a + weights[1] * b, one, two)
        optimizer.update(model, both)
        return (one, two), (first, second)

    @nnx.jit
    def probabilities(model: Any, attention: Any) -> Any:
        size = jnp.abs(attention * residual(model, pool))
        density = size / jnp.mean(size) + 1.0
        return (density / jnp.sum(density))[:, 0]

    def found(x: np.ndarray) -> Any:
        return model(jnp.asarray(x, jnp.float32))

    everywhere = jnp.ones((len(pool), 1))
    chosen = get_colloc_indices(collocs_pool=pool, batch_size=BATCH, px=None, seed=seed)
    weights = (jnp.array(1.0), jnp.array(1.0))
    attentions = (everywhere[chosen], jnp.ones((len(start), 1)))
    step = 0
    while True:  # the watch ends it
        gradients, attentions = advance(model, optimizer, pool[chosen], weights, attentions)
        if step and step % ANNEAL == 0:
            weights = lr_anneal(gradients, weights, MIXING)
        if step and step % RESAMPLE == 0:
            everywhere = everywhere.at[chosen].set(attentions[0])
            shares = probabilities(model, everywhere)
            chosen = get_colloc_indices(collocs_pool=pool, batch_size=BATCH, px=shares, seed=seed)
            attentions = (everywhere[chosen], attentions[1])
        step += 1
        if watch.due():
            watch.look(found, step)
