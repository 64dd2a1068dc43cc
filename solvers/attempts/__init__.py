"""Attempts at a solve of all times at once."""
