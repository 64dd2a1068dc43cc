"""Solutions written for other programs."""
