"""Families of functions that a KAN's edges are made of, and layers of them."""
