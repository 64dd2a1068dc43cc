"""Distances between laws, from samples of them."""

from sciml.stats.wasserstein import wasserstein1

__all__ = ["wasserstein1"]
