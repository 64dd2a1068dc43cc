"""Solving window by window: a long time as a chain of short ones."""
