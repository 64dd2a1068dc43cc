"""Domains in space and time: points inside, boundaries with normals, and smooth distances."""

from sciml.domains.ball import Ball, Disk
from sciml.domains.base import Domain
from sciml.domains.boundary import Boundary
from sciml.domains.box import Box, Interval
from sciml.domains.csg import CSG, Difference, Intersection, Union
from sciml.domains.mesh import Mesh
from sciml.domains.pointcloud import PointCloud
from sciml.domains.polygon import Polygon
from sciml.domains.product import Product
from sciml.domains.timedomain import SpaceTime, TimeInterval

__all__ = [
    "CSG",
    "Ball",
    "Boundary",
    "Box",
    "Difference",
    "Disk",
    "Domain",
    "Intersection",
    "Interval",
    "Mesh",
    "PointCloud",
    "Polygon",
    "Product",
    "SpaceTime",
    "TimeInterval",
    "Union",
]
