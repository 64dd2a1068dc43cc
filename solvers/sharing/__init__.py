"""One solve by several processes: each has a share of the points."""
