"""Train the last layer alone: the hidden layers stay as features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sciml.adapters.full import Full


@dataclass(frozen=True, kw_only=True)
class Head(Full):
    """A full difference for the last layer.

    The network is linear in these parameters, so for a linear equation with exact or linear conditions the
    best head is the solution of one linear least-squares problem, and one Gauss-Newton step finds it.
    """

    kind: ClassVar[str] = "head"

    target_modules: tuple[str, ...] = ("head",)
