"""What measurements leave open: error bars of coefficients and of the solution."""
