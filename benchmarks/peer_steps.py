"""Installed peers (the extra ``bench``) for the step benchmark: each with its own KAN layers and derivatives."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from benchmarks.usual_kan import nested_laplacian


def pykan_step(
    widths: tuple[int, ...], grid: int, degree: int, x: Tensor, source: Tensor
) -> Callable[[], Any]:
    """pykan without its symbolic branch, which doubles its time, under nested autograd."""
    from kan import KAN  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]

    model = KAN(list(widths), grid=grid, k=degree, auto_save=False, symbolic_enabled=False, seed=0)
    model.speed()
    parameters = [p for p in model.parameters() if p.requires_grad]

    def run() -> Any:
        loss = (nested_laplacian(model, x) - source).square().mean()
        return torch.autograd.grad(loss, parameters, allow_unused=True)

    return run


def jaxkan_step(
    widths: tuple[int, ...], grid: int, degree: int, x: Tensor, source: Tensor
) -> Callable[[], Any]:
    """jaxKAN's spline layers under ``jax.hessian`` and ``jax.grad``, all of it in one ``jax.jit``."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    # one thread, as the others have
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    import jax  # pyright: ignore[reportMissingImports]
    import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
    from flax import nnx  # pyright: ignore[reportMissingImports]
    from jaxkan.models.KAN import KAN  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]

    model = KAN(list(widths), "spline", {"k": degree, "G": grid}, seed=0)
    graph, parameters, rest = nnx.split(model, nnx.Param, ...)
    points, target = jnp.asarray(x.numpy()), jnp.asarray(source.numpy())

    def loss(parameters: Any) -> Any:
        network = nnx.merge(graph, parameters, rest)
        hessian = jax.hessian(lambda point: network(point[None])[0, 0])
        return ((jax.vmap(lambda point: jnp.trace(hessian(point)))(points) - target) ** 2).mean()

    gradient = jax.jit(jax.grad(loss))
    return lambda: jax.block_until_ready(gradient(parameters))


PEERS = {"pykan": ("kan", pykan_step), "jaxKAN": ("jaxkan", jaxkan_step)}


def installed_peers() -> dict[str, Callable[..., Callable[[], Any]]]:
    """Name -> what makes its step, for the peers that are installed."""
    return {name: make for name, (module, make) in PEERS.items() if find_spec(module) is not None}


def peer_versions() -> dict[str, str]:
    """The version of each installed peer, and of jax where jaxKAN is one."""
    names = [name for peer in installed_peers() for name in ((peer,) if peer == "pykan" else (peer, "jax"))]
    return {name: version(name) for name in names}
