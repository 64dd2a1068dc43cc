"""Looking into a KAN: what its edges are, which of them count, and what functions they look like."""
