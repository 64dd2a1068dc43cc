"""Which unknowns of a system are the components of one vector."""

from __future__ import annotations

from collections.abc import Sequence

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.problem import PDE

VELOCITY, PRESSURE = ("u", "v", "w"), "p"


def vector_names(problem: PDE, vector: Sequence[str] | None = None) -> tuple[str, ...]:
    """The components of a vector in space, one for each coordinate of space, in their order.

    Unless given they are unknowns that are named after the coordinates (``Hx, Hy`` or ``q_x, q_y``), or ``u, v`` (and
    ``w``) beside a pressure ``p``. No other names say that they are one vector.

    Args:
        problem: Whose unknowns they are.
        vector: Their names.

    Raises:
        ArgumentError: Other names or another number of them, or none given where the names do not tell.
        ArgumentTypeError: No sequence of names.
    """
    space = [str(problem.domain.names[k]) for k in problem.domain.space_axes]
    known = ", ".join(problem.unknowns)
    if vector is not None:
        if isinstance(vector, str) or not isinstance(vector, (list, tuple)):
            raise ArgumentTypeError(f"vector needs a tuple of unknowns of {known}, got {vector!r}.")
        named = len(set(vector)) == len(vector) and all(name in problem.unknowns for name in vector)
        if not named or len(vector) != len(space):
            raise ArgumentError(
                f"vector needs one of the unknowns {known} for each coordinate {', '.join(space)}, got {vector!r}."
            )
        return tuple(vector)
    found = _named_after(problem.unknowns, space)
    flow = (*VELOCITY[: len(space)], PRESSURE)
    if found is None and 2 <= len(space) <= 3 and set(flow) <= set(problem.unknowns):
        found = VELOCITY[: len(space)]
    if found is None:
        raise ArgumentError(
            f"vector needs one of the unknowns for each coordinate {', '.join(space)}, since the names {known} do not tell "
            "which are one vector, got None."
        )
    return found


def _named_after(unknowns: Sequence[str], space: Sequence[str]) -> tuple[str, ...] | None:
    if len(space) < 2:
        return None
    for name in unknowns:
        if name.endswith(space[0]):
            stem = name.removesuffix(space[0])
            components = tuple(f"{stem}{coordinate}" for coordinate in space)
            if stem and set(components) <= set(unknowns):
                return components
    return None
