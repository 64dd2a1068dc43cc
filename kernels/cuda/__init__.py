"""Kernels for NVIDIA devices."""
