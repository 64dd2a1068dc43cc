"""Problems from SymPy's equations: ``translate`` makes torch functions of them, ``problem`` a ``sciml.PDE``."""
