"""Solves beside other libraries, each with the settings of its own documentation: ``python -m benchmarks.peers``."""
