"""Laws of solutions whose data are random."""
