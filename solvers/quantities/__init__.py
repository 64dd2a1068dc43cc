"""Numbers that are drawn from a solution: integrals and fluxes."""
