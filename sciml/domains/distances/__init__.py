"""Smooth distances to a boundary, by formulas that fit its corners."""
