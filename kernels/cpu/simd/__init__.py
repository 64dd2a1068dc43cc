"""The vectorised source of the CPU kernels."""
