"""Domains of every kind."""

from __future__ import annotations

import math

from sciml.domains import Ball, Box, Disk, Interval, Polygon, TimeInterval

STAR = [((1 if k % 2 else 0.4) * math.cos(math.pi * k / 5), math.sin(math.pi * k / 5)) for k in range(10)]
COMB = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 0), (3, 0), (3, 2), (0, 2)]
SPIRAL = [(0, 0), (5, 0), (5, 5), (1, 5), (1, 2), (3, 2), (3, 3), (2, 3), (2, 4), (4, 4), (4, 1), (0, 1)]
STAIRS = [(0, 1), (1, 1), (1, 0.5), (2, 0.5), (2, 1), (3, 1), (3, 0), (5, 0), (4, 3), (0, 3)]
SPLIT = [(0, 0), (1, 0), (2, 0), (2, 2), (1, 2), (0, 2), (0, 1)]  # vertices inside straight sides
SQUARE = Box([-0.5, -0.5], [0.5, 0.5])
FOUR = SQUARE
for corner in ((-0.3, -0.3), (-0.3, 0.3), (0.3, -0.3), (0.3, 0.3)):
    FOUR = FOUR - Disk(corner, 0.1)
CUBE = Box([0, 0, 0], [1, 1, 1]) - Ball([0.4, 0.3, 0.6], 0.2) - Ball([0.6, 0.7, 0.6], 0.2)
DOMAINS = {
    "interval": Interval(-2, 1),
    "box": Box([0, -1], [2, 3]),
    "box4": Box([0, 1, 2, 3], [2, 2, 4, 4]),
    "disk": Disk([1, 2], 0.3),
    "ball5": Ball([0] * 5, 2),
    "star": Polygon(STAR),
    "comb": Polygon(COMB[::-1]),
    "spiral": Polygon(SPIRAL),
    "split": Polygon(SPLIT),
    "stairs": Polygon(STAIRS),
    "four holes": FOUR,
    "cube": CUBE,
    "bite": Box([0, 0], [2, 2]) - Disk([2, 1], 0.5),
    "step": Box([0, 0], [4, 2]) - Box([0, 1], [2, 2]),
    "keyhole": Disk([0, 0], 1) | Box([0, -0.3], [2, 0.3]),
    "nested": ((Disk([0, 0], 1) | Disk([1, 0], 0.8)) - Disk([0.5, 0], 0.3)) & Box([-0.5, -0.5], [1.5, 0.7]),
    "island": Box([0, 0], [4, 4]) - (Disk([2, 2], 1.5) - Disk([2, 2], 0.5)),
    "refilled": (Box([0, 0], [4, 4]) - Disk([2, 2], 1)) | Polygon([(1.5, 1.5), (2.5, 1.5), (2, 4.5)]),
    "two intervals": Interval(0, 3) - Interval(1, 2),
    "time": TimeInterval(0, 5) * FOUR,
    "cylinder": Disk([0, 1], 1.5) * Interval(-1, 1, "z"),
    "bore": Box([-2, -2, 0], [2, 2, 1]) - Disk([0.3, 0], 1) * Interval(-1, 2, "z"),
    "prism": Interval(0, 2, "z") * Polygon(COMB),
    "pipe": (Disk([0, 0], 1) - Disk([0, 0], 0.4)) * Interval(0, 2, "z"),
    "time and a prism": TimeInterval(0, 2) * Polygon(SPLIT) * Interval(0, 1, "k"),
}
