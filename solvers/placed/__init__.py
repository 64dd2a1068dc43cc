"""Splines on knots that a one-dimensional problem places itself: at jumps of its coefficients, and close in its layers."""
