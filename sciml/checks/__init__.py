"""What a problem states, looked at before any training: what cannot be right is refused, what may not be is noted.

``report`` holds ``sciml.check``, ``findings`` what ``PDE.validate`` and every solve ask. The other files look at one
thing each: ``definition`` (attributes), ``equation`` (the residual), ``values`` (of conditions, and where two contradict),
``sides`` and ``starts`` (what has no condition), ``constants`` (what only derivatives see), ``jumps``, ``effect`` (sources
and parameters that change nothing) and ``trainable`` (tensors that no solve would train). ``probe`` is what they look with.
"""
