"""The residual's Jacobian: its one protocol, and the three ways it is made."""
