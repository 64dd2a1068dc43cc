"""Numerical reference solutions."""
