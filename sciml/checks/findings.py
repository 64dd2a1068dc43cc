"""What every solve asks before training: contradictions raise, everything else is a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sciml.checks.crowded import crowded_sides
from sciml.checks.definition import check_definition
from sciml.checks.determined.constants import free_constants, unbalanced
from sciml.checks.determined.sides import MISSING, bare_sides, check_determined, check_terms_use_unknowns
from sciml.checks.effect import idle_parameters
from sciml.checks.equation import Equation
from sciml.checks.jumps import jumps
from sciml.checks.measured import measured_against
from sciml.checks.numerics.growth import growing_waves
from sciml.checks.numerics.interfaces import interface_corners
from sciml.checks.numerics.layers import thin_layers
from sciml.checks.numerics.resolution import peaks, unseen
from sciml.checks.severed import severed
from sciml.checks.starts import bare_starts
from sciml.checks.trainable import check_attributes
from sciml.checks.values import Statement, check_values, statements
from sciml.coefficients import at_probe
from sciml.derivatives import recording_gradients

if TYPE_CHECKING:
    from sciml.problem import PDE


def refuse(problem: PDE) -> tuple[Equation, list[Statement], list[str]]:
    """Refuse what cannot be solved as stated.

    Returns:
        The residual and the conditions, for further questions, and the notes so far.
    Raises:
        ArgumentError, ArgumentTypeError: naming what is wrong, what it needs and what it got.
    """
    with recording_gradients():
        problem = at_probe(problem)
        check_definition(problem)
        check_attributes(problem)
        stated = statements(problem)
        notes = check_values(problem, stated) + measured_against(problem, stated)
        equation = Equation(problem)
        notes += equation.notes
        assert equation.others is not None  # looked at where the equation itself cannot be, too
        if equation.usable:
            check_terms_use_unknowns(equation)
            notes += check_determined(equation) + severed(equation)
    return equation, stated, notes


def findings(problem: PDE) -> list[str]:
    """What a user should know about a problem before it is solved.

    Raises:
        ArgumentError, ArgumentTypeError: as ``PDE.validate``.
    """
    return examine(problem)[2]


def examine(problem: PDE) -> tuple[Equation, list[Statement], list[str]]:
    """As ``refuse``, with everything that is worth a note."""
    equation, stated, notes = refuse(problem)
    if equation.usable:
        with recording_gradients():
            notes += bare_starts(equation, stated)
            notes += bare_sides(equation, stated)
            notes += crowded_sides(equation, stated)
            notes += free_constants(equation, stated)
            notes += unbalanced(equation, stated)
            notes += jumps(equation)
            notes += growing_waves(equation, stated)
            notes += unseen(equation, stated)
            notes += interface_corners(problem)
            notes += thin_layers(equation)
            notes += [note for other in equation.others if (note := other.inflow()) is not None]
            notes += idle_parameters(equation)
    return equation, stated, notes


def undetermined(problem: PDE, placed: bool = False) -> str | None:
    """Why the residual does not tell the solution, as one sentence without its full stop; None where nothing says so.

    The problem may have more than one solution, be ill-posed, or hide what the points do not see. On a line without time
    this depends on whether they are ``placed`` in the cells of a spline, which are small where the data change.

    Raises:
        ArgumentError: nothing at all determines an unknown.
    """
    with recording_gradients():
        stated, equation = statements(problem), Equation(problem)
        if not equation.usable:
            return None
        notes = check_determined(equation) + bare_starts(equation, stated) + bare_sides(equation, stated)
        found = [note for note in notes if note.endswith(MISSING)] + free_constants(equation, stated)
        if found:
            return found[0].rstrip(".")
        found = severed(equation) or growing_waves(equation, stated) or unseen(equation, stated)
        found = found or interface_corners(problem)
        if not found and problem.domain.dim == 1 and not placed:
            found = peaks(equation)
    return found[0].partition(". ")[0].rstrip(".") if found else None
