"""The parts of a residual: points, and what must vanish on them."""
