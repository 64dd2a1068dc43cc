"""Solvers of the cubic subproblem ``min g's + 1/2 s'Hs + (sigma/3)|s|^3``."""
