"""Grids of splines that follow the solution while it is trained."""
