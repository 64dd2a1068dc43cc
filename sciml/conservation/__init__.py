"""What an incompressible flow keeps: which unknowns are its velocity, and what goes through each side."""
