"""Domains in space and time: points inside, boundaries with normals, and smooth distances."""

from sciml.domains.ball import Ball, Disk
from sciml.domains.base import Domain
from sciml.domains.boundary import Boundary
from sciml.domains.box import Box, Interval
from sciml.domains.timedomain import SpaceTime, TimeInterval

__all__ = ["Ball", "Boundary", "Box", "Disk", "Domain", "Interval", "SpaceTime", "TimeInterval"]
