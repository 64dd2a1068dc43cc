"""Solvers of the cubic subproblem ``min gᵀs + 1/2 sᵀHs + (sigma/3)|s|^3``."""
