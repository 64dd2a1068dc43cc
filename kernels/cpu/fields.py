"""How a network is handed to a compiled kernel: a row of whole numbers a layer, sizes first, then addresses.

Widths are padded to a multiple of the vector's lanes: ``IP >= i``, ``JP >= o``. A table has ``R = cells + 2``
rows, the last two for points outside and for NaN. Arrays are contiguous in the order of their letters:

=========  ==========================  ===============================================================
CHANNELS   (2, order)                  whole numbers: directions and sums of each order, see ``Channels``
KNOTS      (IP, cells + 1)             knots
CENTRES    (IP, R)                     centres of the cells, 0 for the dead ones
START      (IP,) each                  first knot; STOP: last knot; INVERSE: 1 / width of a cell;
                                       LAST: number of the last cell that is not empty
LOCAL      (i, cells, k + 1, k + 1)    derivative p of basis function ``cell - k + r`` at the centre
COEF       (i, m + 2 k, JP)            coefficients with k rows of zeros on either side
BASE       (i, JP) or (o, IP)          weights of silu; the latter in narrow layers
TABLE      (IP, R, (k + 1) JP)         Taylor table T, arranged as the kernel likes it
Z, Y       (n, C, IP), (n, C, JP)      jets before and after the layer
G, H       (n, C, JP), (n, C, IP)      cotangents of Y and of Z; H is 0 where none is wanted
D...                                   gradients of TABLE, BASE, COEF, in their shapes
=========  ==========================  ===============================================================
"""

from __future__ import annotations

FIELDS = (
    *("ORDER", "CHANNELS", "DEGREE", "I", "IP", "J", "JP", "CELLS", "UNIFORM", "STEPS", "NARROW"),
    *("KNOTS", "CENTRES", "START", "STOP", "INVERSE", "LAST", "LOCAL"),
    *("COEF", "BASE", "TABLE", "Z", "Y", "G", "H", "DTABLE", "DBASE", "DCOEF"),
)
FIELD = {name: number for number, name in enumerate(FIELDS)}
BLOCK = 64  # inputs that are prepared at a time
