"""Corners and changes of condition: where they are, and what a network sees there besides the coordinates."""
