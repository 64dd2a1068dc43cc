"""Integrals over domains and sides: Gauss rules where a domain has a formula, quasi-random points elsewhere."""
