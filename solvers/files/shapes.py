"""Shapes of a network's tensors, from its configuration by arithmetic: nothing is built.

A file's arrays are compared with these before a network is made, so a small file cannot ask for a large network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from sciml.solvers.files.limits import MAX_EDGES, MAX_LAYERS, MAX_NUMBERS, MAX_TABLE

Shapes = dict[str, tuple[int, ...]]


def state_shapes(config: Mapping[str, Any]) -> Shapes:
    """Name -> shape of every parameter and buffer of the network that ``sciml.nn.from_config(config)`` builds.

    Raises:
        ValueError: The configuration is of no known kind, or a size in it is no whole number of at least 1.
        KeyError: A size is missing.
    """
    kind = config["kind"]
    if not isinstance(kind, str) or kind not in SHAPES:
        raise ValueError(f"a network's kind needs to be one of {', '.join(SHAPES)}, got {kind!r}")
    return SHAPES[kind](config)


def check_cost(config: Mapping[str, Any]) -> None:
    """Refuse a network that costs too much to build or to evaluate for the first time.

    Raises:
        ValueError: Beyond a limit of ``sciml.solvers.files.limits``.
    """
    parts = [_costs(member) for member in _members(config)]
    limits = {
        "layers": MAX_LAYERS,
        "numbers": MAX_NUMBERS,
        "edges in a layer": MAX_EDGES,
        "entries in its tables": MAX_TABLE,
    }
    for what, most in limits.items():
        sizes = [part[what] for part in parts]
        size = max(sizes) if what == "edges in a layer" else sum(sizes)
        if size > most:
            raise ValueError(
                f"its network has {size} {what}; a file alone may ask for at most {most}. "
                "Build the network and give it as model=..."
            )


def _members(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The networks that a configuration is made of: its own, or those of a weighted sum."""
    if config["kind"] != "Combination":
        return [config]
    members = config["members"]
    if not isinstance(members, list) or not 1 <= len(members) <= MAX_LAYERS:
        raise ValueError(f"members needs a list of 1 to {MAX_LAYERS} networks")
    for member in members:
        if (
            not isinstance(member, dict)
            or member.get("kind") not in SHAPES
            or member["kind"] == "Combination"
        ):
            raise ValueError(f"members needs networks of a known kind, no sums, got {member!r:.80}")
    return members


def _costs(config: Mapping[str, Any]) -> dict[str, int]:
    """What one network, which is no sum, asks for."""
    widths = _widths(config)
    layers = list(pairwise(widths))
    spline = config["kind"] != "MLP"
    rows = _rows(config, len(layers)) if spline else [1] * len(layers)
    if config["kind"] == "SKAN":  # a pair of an input and a family counts as an input
        layers = [(len(pairs), n) for pairs, (_, n) in zip(_pairs(config), layers, strict=True)]
    return {
        "layers": len(layers),
        # beyond the tensors: what a Slim KAN multiplies out
        "numbers": sum(a * b * m for (a, b), m in zip(layers, rows, strict=True)),
        "edges in a layer": max(a * b for a, b in layers) if spline else 0,
        "entries in its tables": sum(a * m * m for (a, _), m in zip(layers, rows, strict=True)) * spline,
    }


def _combination(config: Mapping[str, Any]) -> Shapes:
    members = _members(config)
    shapes: Shapes = {"layers.1.coefficients": (len(members),), **_multiples(config)}
    for k, member in enumerate(members):
        own = SHAPES[member["kind"]](member)
        shapes |= {f"layers.0.networks.{k}.{name}": shape for name, shape in own.items()}
    return shapes


def _multiples(config: Mapping[str, Any]) -> Shapes:
    """Of functions at corners, where there are such."""
    return {"multiples.coefficients": (_whole(config, "terms"),)} if "terms" in config else {}


def _rows(config: Mapping[str, Any], layers: int) -> list[int]:
    """Functions of an edge of each layer."""
    if "size" in config:
        return _each(config, "size", layers)
    return [g + _whole(config, "degree") for g in _each(config, "grid", layers)]


def _kan(config: Mapping[str, Any]) -> Shapes:
    widths, base = _widths(config), _flag(config, "base")
    shapes: Shapes = {}
    for k, (m, (n_in, n_out)) in enumerate(
        zip(_rows(config, len(widths) - 1), pairwise(widths), strict=True)
    ):
        shapes[f"layers.{k}.coef"] = (n_in, m, n_out)
        if base:
            shapes[f"layers.{k}.base"] = (n_in, n_out)
        if "size" not in config:
            shapes[f"layers.{k}.knots"] = (n_in, m + _whole(config, "degree") + 1)
    return shapes


def _skan(config: Mapping[str, Any]) -> Shapes:
    widths, base, m = _widths(config), _flag(config, "base"), _whole(config, "size")
    shapes: Shapes = {}
    for k, (pairs, (n_in, n_out)) in enumerate(zip(_pairs(config), pairwise(widths), strict=True)):
        shapes[f"layers.{k}.coef"] = (len(pairs), m, n_out)
        if base:
            shapes[f"layers.{k}.base"] = (n_in, n_out)
    return shapes


def _pairs(config: Mapping[str, Any]) -> list[Sequence[Any]]:
    """The pairs of an input and a family that each layer of an S-KAN has."""
    widths, bases, chosen = _widths(config), config["bases"], config["chosen"]
    if not isinstance(bases, list):
        raise ValueError("bases needs a list of families")
    if chosen is None:
        return [range(len(bases) * n) for n in widths[:-1]]
    if not isinstance(chosen, list) or not all(isinstance(pairs, list) for pairs in chosen):
        raise ValueError("chosen needs lists of pairs, one a layer")
    return chosen


def _slim_kan(config: Mapping[str, Any]) -> Shapes:
    widths, degree, base = _widths(config), _whole(config, "degree"), _flag(config, "base")
    r = config["r"]
    ranks = [_size(n, "r") for n in (r if isinstance(r, list) else [r] * 3)]
    if len(ranks) != 3:
        raise ValueError(f"r needs three ranks, got {len(ranks)}")
    shapes: Shapes = {}
    for k, (grid, (n_in, n_out)) in enumerate(
        zip(_each(config, "grid", len(widths) - 1), pairwise(widths), strict=True)
    ):
        rows = grid + degree + base
        r1, r2, r3 = min(ranks[0], n_in), min(ranks[1], n_out), min(ranks[2], rows)
        shapes[f"layers.{k}.core"] = (r1, r2, r3)
        shapes[f"layers.{k}.U"] = (n_in, r1)
        shapes[f"layers.{k}.V"] = (n_out, r2)
        shapes[f"layers.{k}.W"] = (rows, r3)
        shapes[f"layers.{k}.knots"] = (n_in, grid + 2 * degree + 1)
    return shapes


def _mlp(config: Mapping[str, Any]) -> Shapes:
    widths = _widths(config)
    features, shapes, at = config["fourier"], _multiples(config), 0
    if features != 0 or type(features) is not int:
        shapes["layers.0.frequencies"] = (widths[0], _size(features, "fourier"))
        widths, at = [2 * features, *widths[1:]], 1
    for n_in, n_out in pairwise(widths):
        shapes[f"layers.{at}.weight"] = (n_out, n_in)
        shapes[f"layers.{at}.bias"] = (n_out,)
        at += 2  # an activation lies between two layers
    return shapes


SHAPES: dict[str, Callable[[Mapping[str, Any]], Shapes]] = {
    "KAN": _kan,
    "MLP": _mlp,
    "SKAN": _skan,
    "SlimKAN": _slim_kan,
    "Combination": _combination,
}


def _widths(config: Mapping[str, Any]) -> list[int]:
    widths = config["widths"]
    if not isinstance(widths, list) or len(widths) < 2:
        raise ValueError("widths needs a list of at least two widths")
    return [_size(n, "widths") for n in widths]


def _each(config: Mapping[str, Any], name: str, layers: int) -> list[int]:
    """A size of every layer, given as one or one a layer."""
    given = config[name]
    sizes = [_size(g, name) for g in (given if isinstance(given, list) else [given] * layers)]
    if len(sizes) != layers:
        raise ValueError(f"{name} needs {layers} sizes, one a layer, got {len(sizes)}")
    return sizes


def _whole(config: Mapping[str, Any], name: str) -> int:
    return _size(config[name], name)


def _size(value: object, name: str) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} needs whole numbers of at least 1, got {value!r:.80}")
    return value


def _flag(config: Mapping[str, Any], name: str) -> bool:
    if type(config[name]) is not bool:
        raise ValueError(f"{name} needs true or false, got {config[name]!r:.80}")
    return config[name]
