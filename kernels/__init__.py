"""Fast evaluation of splines and KAN layers: tensors in, tensors out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if __name__ == "kernels":
    raise ImportError("kernels is part of sciml: write `from sciml import kernels` or `import sciml.kernels`")

if TYPE_CHECKING:
    from sciml.kernels.bspline import bspline_basis, greville, local_basis, refine, uniform_knots
    from sciml.kernels.jets import backends, kan_jets
    from sciml.kernels.per_sample import kan_layer_jacobian, kan_layer_jvp, kan_layer_vjp, layer_cotangents
    from sciml.kernels.reference import LayerWeights, kan_layer_jet

_HOME = {
    "bspline": ("bspline_basis", "greville", "local_basis", "refine", "uniform_knots"),
    "jets": ("backends", "kan_jets"),
    "per_sample": ("kan_layer_jacobian", "kan_layer_jvp", "kan_layer_vjp", "layer_cotangents"),
    "reference": ("LayerWeights", "kan_layer_jet"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: RUF022 - in the order a user meets them
    # a network on jets
    "LayerWeights",
    "backends",
    "kan_jets",
    "kan_layer_jet",
    # rows of the Jacobian
    "kan_layer_jacobian",
    "kan_layer_jvp",
    "kan_layer_vjp",
    "layer_cotangents",
    # splines
    "bspline_basis",
    "greville",
    "local_basis",
    "refine",
    "uniform_knots",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'sciml.kernels' has no attribute {name!r}")
    value = getattr(import_module(f"sciml.kernels.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
