"""Fast evaluation of splines and KAN layers: tensors in, tensors out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if __name__ == "kernels":
    raise ImportError("kernels is part of sciml: write `from sciml import kernels` or `import sciml.kernels`")

from sciml import lazy

if TYPE_CHECKING:
    from sciml.kernels.bspline import bspline_basis, greville, local_basis, refine, uniform_knots
    from sciml.kernels.insertion import insert_knots
    from sciml.kernels.jets import backends, kan_jets
    from sciml.kernels.per_sample import kan_layer_jacobian, kan_layer_jvp, kan_layer_vjp, layer_cotangents
    from sciml.kernels.reference import LayerWeights, kan_layer_jet

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
    "insert_knots",
    "local_basis",
    "refine",
    "uniform_knots",
]

_HOMES = lazy.homes(__file__, __all__)
__getattr__, __dir__ = lazy.attach(__name__, _HOMES)
