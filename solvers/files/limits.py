"""What a file alone may ask for. A network beyond it is given to ``load`` as ``model=``.

Arrays are bounded by the file's own size. These limits bound what is *built* from them: each keeps loading a file below
some seconds and 500 MB, measured on one core.
"""

from __future__ import annotations

MAX_LAYERS = 200  # a layer costs milliseconds, however few numbers it has
MAX_EDGES = 160_000  # of one KAN layer: its random start takes 1.6 kB an edge (two tables at 101 points)
MAX_TABLE = 3_000_000  # sum of inputs x basis^2 over KAN layers: 0.1 kB each in the kernels' tables
MAX_NUMBERS = 16_000_000  # in a network: 128 MB, four times that while it is built and filled
MAX_PATTERNS = 1000  # names that an adapter's configuration lists: each is matched with every parameter

MAX_COLUMNS = 64  # of a history
MAX_ROWS = 100_000  # of a history: a look every ten steps of a million
MAX_CELLS = 1_000_000  # rows x columns of a history: 0.1 kB each as Python numbers

MAX_POINT_CHANNELS = (
    600_000  # points x (1 + 2 d) of a checkpoint's term: 0.4 kB each in the jets kept on them
)
MAX_PAIRS = 10_000  # rows that an optimiser keeps besides the parameters, such as the pairs of L-BFGS
MAX_STEPS = 10**12  # a run's counters: larger ones overflow the seeds that are made of them

MAX_LINES = 1000  # notes, and conditions, of a report
MAX_LINE = 2000  # characters of one of them
