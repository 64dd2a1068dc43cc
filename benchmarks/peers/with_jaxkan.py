"""jaxKAN with the settings of its tutorials, in single precision, in which its layers make their parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax  # pyright: ignore[reportMissingImports]
import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
import numpy as np
from flax import nnx  # pyright: ignore[reportMissingImports]
from jaxkan.layers.Spline import SplineLayer  # pyright: ignore[reportMissingImports]
from jaxkan.models.KAN import KAN  # pyright: ignore[reportMissingImports]
from jaxkan.models.utils import get_adam, get_lbfgs  # pyright: ignore[reportMissingImports]
from jaxkan.pikan.pde import (  # pyright: ignore[reportMissingImports]
    get_burgers_res,
    get_diffusion_res,
    get_poisson_res,
)
from jaxkan.pikan.sampling import get_collocs_sobol  # pyright: ignore[reportMissingImports]

from benchmarks.peers import allen_cahn_by_jaxkan, problems
from benchmarks.peers.libraries import Settings
from benchmarks.peers.watch import Watch

INSIDE, SIDE = 2**12, 2**6  # points
STEPS = 5000  # of Adam
CHEBYSHEV = {
    "D": 5,
    "flavor": "exact",
    "residual": None,
    "external_weights": False,
    "init_scheme": {"type": "glorot_fine"},
    "add_bias": True,
}
_KAN = "2-6-6-1 Chebyshev of degree 5, 4096 Sobol points and 64 a side, Adam 1e-3 for 5000 steps, L-BFGS; float32"
SETTINGS = {
    "poisson": Settings(_KAN, "Tutorial 6, PIKANs (of Burgers' equation); L-BFGS of Tutorial 11"),
    "burgers": Settings(_KAN, "Tutorial 6, PIKANs; L-BFGS of Tutorial 11"),
    "allen-cahn": allen_cahn_by_jaxkan.SETTINGS,
    "l-shape": Settings(_KAN, "Tutorial 6, PIKANs (of Burgers' equation); L-BFGS of Tutorial 11"),
    "inverse heat": Settings(
        "2-6-6-1 cubic splines on 5 intervals, 4096 Sobol points, 64 a side and the measurements, Adam 1e-3 for 5000 steps, "
        "L-BFGS; float32",
        "Tutorial 9, Inverse PDE Problem; L-BFGS of Tutorial 11",
    ),
}


@dataclass
class Setup:
    """A network, the residual at points, those points, and pairs of points and values that it has to meet."""

    model: Any
    residual: Callable[[Any, Any], Any]
    inside: Any
    data: Sequence[tuple[Any, Any]]


def solve(problem: str, seed: int, watch: Watch) -> None:
    """Adam, then L-BFGS as long as there is time."""
    if problem == "allen-cahn":
        return allen_cahn_by_jaxkan.solve(seed, watch)
    setup = SETUPS[problem](seed)
    model, step = setup.model, 0

    def loss(model: Any) -> Any:
        total = jnp.mean(setup.residual(model, setup.inside) ** 2)
        for x, values in setup.data:
            total = total + jnp.mean((model(x) - values) ** 2)
        return total

    def found(x: np.ndarray) -> Any:
        return model.tau[...] if problem == "inverse heat" else model(jnp.asarray(x, jnp.float32))

    @nnx.jit
    def first_order(model: Any, optimizer: Any) -> None:
        optimizer.update(model, nnx.grad(loss)(model))

    @nnx.jit
    def second_order(model: Any, optimizer: Any) -> None:
        value, gradient = nnx.value_and_grad(loss)(model)
        optimizer.update(model, gradient, value=value, value_fn=loss)

    optimizer = nnx.Optimizer(model, get_adam(learning_rate=1e-3), wrt=nnx.Param)
    for _ in range(STEPS):
        first_order(model, optimizer)
        step += 1
        if watch.due():
            watch.look(found, step)
    optimizer = nnx.Optimizer(model, get_lbfgs(), wrt=nnx.Param)
    while True:  # the watch ends it
        second_order(model, optimizer)
        step += 1
        if watch.due():
            watch.look(found, step)


def _poisson(seed: int) -> Setup:
    sides = [(axis, end) for axis in (0, 1) for end in (0.0, 1.0)]
    data = [_zero_on(_side([(0.0, 1.0)] * 2, axis, end, seed)) for axis, end in sides]
    return Setup(_kan(seed), get_poisson_res(1.0, 1.0), _sobol([(0, 1), (0, 1)], INSIDE, seed), data)


def _l_shape(seed: int) -> Setup:
    # Sobol points of the square without those of the quarter that is missing
    square = _sobol([(-1, 1), (-1, 1)], INSIDE, seed)
    inside = square[~((square[:, 0] > 0) & (square[:, 1] > 0))]
    t = np.linspace(0, 1, SIDE)[:, None]
    corners = np.array([*problems.l_shape.VERTICES, problems.l_shape.VERTICES[0]], dtype=float)
    sides = [corners[i] + t * (corners[i + 1] - corners[i]) for i in range(6)]

    def residual(model: Any, x: Any) -> Any:
        def u(a: Any, b: Any) -> Any:
            return model(jnp.array([[a, b]]))[0, 0]

        # as the residuals of jaxKAN itself are written
        u_xx, u_yy = jax.grad(jax.grad(u, argnums=0), argnums=0), jax.grad(jax.grad(u, argnums=1), argnums=1)
        return jax.vmap(lambda a, b: u_xx(a, b) + u_yy(a, b) + 1)(x[:, 0], x[:, 1])

    return Setup(_kan(seed), residual, inside, [_zero_on(jnp.asarray(side, jnp.float32)) for side in sides])


def _burgers(seed: int) -> Setup:
    ranges = [(0, 1), (-1, 1)]
    start = _side(ranges, 0, 0, seed)
    data = [(start, -jnp.sin(math.pi * start[:, 1:])), *_ends(ranges, seed)]
    # the tutorial takes the mean over the three sides together
    return Setup(_kan(seed), get_burgers_res(), _sobol(ranges, INSIDE, seed), _together(data))


def _inverse_heat(seed: int) -> Setup:
    ranges = [(0, 1), (0, 1)]
    start = _side(ranges, 0, 0, seed)
    places, values = problems.measurements()
    sides = _together([(start, jnp.sin(math.pi * start[:, 1:])), *_ends(ranges, seed)])
    measured = (jnp.asarray(places, jnp.float32), jnp.asarray(values, jnp.float32))

    def residual(model: Any, x: Any) -> Any:
        return get_diffusion_res(model.tau[0])(model, x)

    return Setup(WithDiffusivity(seed), residual, _sobol(ranges, INSIDE, seed), [*sides, measured])


class WithDiffusivity(nnx.Module):
    """The network of Tutorial 9: layers of splines and a number that is trained."""

    def __init__(self, seed: int):
        widths = [(2, 6), (6, 6), (6, 1)]
        options = {"k": 3, "G": 5, "residual": nnx.silu, "external_weights": True, "add_bias": True}
        self.layers = nnx.List([SplineLayer(n_in=i, n_out=o, seed=seed, **options) for i, o in widths])
        self.tau = nnx.Param(jnp.array([problems.GUESS]))

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


def _kan(seed: int) -> Any:
    return KAN(
        layer_dims=[2, 6, 6, 1], layer_type="chebyshev", required_parameters=dict(CHEBYSHEV), seed=seed
    )


def _sobol(ranges: Sequence[tuple[float, float]], count: int, seed: int) -> Any:
    return jnp.asarray(get_collocs_sobol(ranges=list(ranges), total_points=count, seed=seed))


def _side(ranges: Sequence[tuple[float, float]], axis: int, end: float, seed: int) -> Any:
    return _sobol([(end, end) if i == axis else r for i, r in enumerate(ranges)], SIDE, seed)


def _ends(ranges: Sequence[tuple[float, float]], seed: int) -> list[tuple[Any, Any]]:
    return [_zero_on(_side(ranges, 1, end, seed)) for end in ranges[1]]


def _zero_on(x: Any) -> tuple[Any, Any]:
    return x, jnp.zeros((len(x), 1))


def _together(data: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [(jnp.concatenate([x for x, _ in data]), jnp.concatenate([values for _, values in data]))]


SETUPS: dict[str, Callable[[int], Setup]] = {
    "poisson": _poisson,
    "burgers": _burgers,
    "l-shape": _l_shape,
    "inverse heat": _inverse_heat,
}
