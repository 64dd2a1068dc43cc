"""The pages that have such tables."""

from __future__ import annotations

from benchmarks.tables import (
    bases,
    catalogue,
    conditions,
    demo,
    derivatives,
    families,
    files,
    finetune,
    geometry,
    kans,
    kernels,
    laws,
    optimisers,
    peers,
    rank,
    slim_kan,
    solving,
    tangent_kernel,
    trust,
    windows,
)

PAGES = tuple(
    module.PAGE
    for module in (
        *(bases, catalogue, conditions, demo, derivatives, families, files, finetune, geometry, kans),
        *(kernels, laws, optimisers, peers, rank, slim_kan, solving, tangent_kernel, trust, windows),
    )
)
