"""The trial function ``u = A(x) + B(x) N(x)``: conditions that the network cannot violate.

``A`` takes the prescribed values and ``B`` is zero where they are prescribed (Lagaris et al. 1998; with smooth distance
functions Sukumar & Srivastava 2022). For one unknown with boundary values ``h`` and initial data ``u0``, ``u1``:

    A = h + [u0 - h(t0)] + (t - t0) [u1 - h_t(t0)]        B = distance * ((t - t0) / T)^(1 or 2)

where terms without a condition drop out. Periodic coordinates enter the network as ``cos`` and ``sin``.

Both enter the equation with the derivatives that automatic differentiation sees, so these have to be those of the
values: a condition for which they are not (a table, a kink, a jump) becomes a penalty, and a note says why.
"""

from sciml.ansatz.exact import Ansatz
from sciml.ansatz.trial import Trial

__all__ = ["Ansatz", "Trial"]
