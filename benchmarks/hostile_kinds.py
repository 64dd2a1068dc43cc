"""Solutions, adapters and checkpoints made by hand to harm: seals, digests and tables right, one thing wrong in each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sciml.solvers.files import container
from sciml.solvers.files.shapes import state_shapes

Content = tuple[dict, dict[str, np.ndarray]]
Change = Callable[[dict, dict[str, np.ndarray]], object]
ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe"  # sets a terminal's title, clears it, turns the direction of writing


def build(kind: str, good: Content, change: Change) -> Callable[[Path], None]:
    """A function that writes the good content with one change."""

    def make(path: Path) -> None:
        config, arrays = copy.deepcopy(good[0]), dict(good[1])
        change(config, arrays)
        container.write(path, kind, config, arrays)

    return make


def put(place: str, value: object) -> Change:
    """Replace one entry of the configuration, named by its keys with slashes between them."""

    def change(config: dict, arrays: dict) -> None:
        *way, last = place.split("/")
        for key in way:
            config = config[int(key)] if isinstance(config, list) else config[key]
        config[last] = value

    return change


def drop(place: str) -> Change:
    """Remove one entry of the configuration."""

    def change(config: dict, arrays: dict) -> None:
        *way, last = place.split("/")
        for key in way:
            config = config[key]
        del config[last]

    return change


def number(name: str, place: object, value: float) -> Change:
    """Replace one number of an array; nan and inf are allowed by the file itself."""

    def change(config: dict, arrays: dict) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value
        if not np.isfinite(value):
            config["allow_nan"] = sorted({*config["allow_nan"], name})

    return change


def array(name: str, make: Callable[[np.ndarray], np.ndarray | None]) -> Change:
    """Replace one array, or remove it where ``make`` gives None."""

    def change(config: dict, arrays: dict) -> None:
        new = make(arrays[name])
        if new is None:
            del arrays[name]
        else:
            arrays[name] = new

    return change


def network(consistent: bool, **sizes: object) -> Change:
    """Another network in the configuration; ``consistent`` stores arrays of zeros that go with it."""

    def change(config: dict, arrays: dict) -> None:
        config["network"]["config"].update(sizes)
        if not consistent:
            return
        shapes = state_shapes(config["network"]["config"])
        config["network"]["tensors"] = {name: ["float64", list(shape)] for name, shape in shapes.items()}
        for name in [n for n in arrays if n.startswith("network.")]:
            del arrays[name]
        arrays.update({f"network.{name}": np.zeros(shape) for name, shape in shapes.items()})

    return change


def long_history(config: dict, arrays: dict) -> None:
    """91 MB of it, which were 2.7 GB as dictionaries."""
    rows = 1_900_000
    config["history"], config["rows"] = ["error", "held_out", "loss", "points", "seconds", "step"], rows
    for name in config["history"]:
        arrays[f"history.{name}"] = np.arange(float(rows))


def many_points(config: dict, arrays: dict) -> None:
    """1.2 million points, which were 2.3 GB with their jets."""
    arrays["points.0"] = np.full((1_200_000, 2), 0.5)
    config["counts"] = config["rows"] = [1_200_000]


def wide_history(config: dict, arrays: dict) -> None:
    config["history"] = [f"c{k}" for k in range(200)]
    arrays.update({f"history.c{k}": np.zeros(config["rows"]) for k in range(200)})
    for name in ("loss", "held_out", "points", "seconds", "step", "error"):
        arrays.pop(f"history.{name}", None)


def doubled(config: dict, arrays: dict) -> None:
    config["adapter"]["alpha"] = 2.0 * config["adapter"]["r"]


def nan_factor(config: dict, arrays: dict) -> None:
    name = next(n for n in sorted(arrays) if ":" in n)
    number(name, 0, np.nan)(config, arrays)


def short_factor(config: dict, arrays: dict) -> None:
    name = next(n for n in sorted(arrays) if ":" in n)
    arrays[name] = arrays[name][:-1]


def patterns(config: dict, arrays: dict) -> None:
    config["adapter"]["target_modules"] = ["*"] + [f"*{k}*" for k in range(50_000)]


def nested(depth: int) -> dict:
    """A sum of one network, which is a sum of one network, ..."""
    config: dict = {"kind": "MLP", "widths": [2, 1]}
    for _ in range(depth):
        config = {"kind": "Combination", "members": [config]}
    return config


SOLUTIONS: dict[str, tuple[Change, str]] = {
    "grid of 400,000": (network(False, widths=[2, 1], grid=400_000), "does not go with its tensors"),
    "100,000 layers": (network(False, widths=[2, *[1] * 100_000, 1]), "refused"),
    "wide layers": (network(False, widths=[2, 10**9, 1]), "does not go with its tensors"),
    "grid of 3,000, consistent": (network(True, widths=[2, 1], grid=[3000]), "may ask for at most"),
    "500 layers, consistent": (
        network(True, widths=[2, *[1] * 500, 1], grid=[3] * 501),
        "may ask for at most",
    ),
    "1,000 x 1,000, consistent": (
        network(True, widths=[2, 1000, 1000, 1], grid=[1, 1, 1], degree=1),
        "at most",
    ),
    "4,000 arrays": (
        lambda config, arrays: arrays.update({f"a{k}": np.zeros(1) for k in range(4000)}),
        "does not belong",
    ),
    "long history": (long_history, "a history of 6 columns needs"),
    "wide history": (wide_history, "short list"),
    "column twice": (put("history", ["loss", "loss"]), "different names"),
    "negative rows": (put("rows", -1), "rows is -1"),
    "rows of text": (put("rows", "2"), "rows is '2'"),
    "rows of bool": (put("rows", True), "rows is True"),
    "infinite step": (number("history.step", 0, np.inf), "whole numbers"),
    "half a step": (number("history.step", 0, 0.5), "whole numbers"),
    "kind of another module": (put("network/config/kind", "os.system"), "kind"),
    "kind as a list": (put("network/config/kind", ["KAN"]), "kind"),
    "grid of bool": (put("network/config/grid", True), "grid needs"),
    "degree of 2**63": (put("network/config/degree", 2**63), "does not go with"),
    "base of text": (put("network/config/base", "yes"), "true or false"),
    "hook": (put("network/config/hook", "print"), "does not fit|cannot be used"),
    "no configuration": (put("network/config", None), "model is needed"),
    "tensor of objects": (put("network/tensors/layers.0.coef", ["object", [2, 6, 3]]), "refused"),
    "weights may be nan": (number("network.layers.0.coef", (0, 0, 0), np.nan), "not to be finite"),
    "other weights": (array("network.layers.0.coef", lambda a: a * 1.001), "other values"),
    "dtype as an attribute": (put("dtype", "load"), "dtype"),
    "problem as a path": (put("problem/name", "../../etc/passwd"), "refused"),
    "problem as a module": (put("problem/name", "os.system"), "refused"),
    "dimension of 10**9": (put("problem/parameters/dim", 10**9), "refused"),
    "parameters as a list": (put("problem/parameters", [2]), "refused"),
    "custom problem": (put("problem/custom", True), "problem is needed"),
    "custom problem with escapes": (
        lambda c, a: c["problem"].update(custom=True, name=None, **{"class": ESCAPE}),
        "problem is needed",
    ),
    "parameter with escapes": (put(f"problem/parameters/{ESCAPE}", 1), "refused"),
    **{
        f"polished {value!r:.20}": (put("stats/polished", value), "polished")
        for value in ("9", True, -2.0, 0.0, 0.5, [4.0], {"float": "nan"}, 2**62, ESCAPE)
    },
    "polished, but no sum of networks": (put("stats/polished", 4.0), "polished"),
    "sum of nothing": (put("network/config", {"kind": "Combination", "members": []}), "members needs"),
    "sum of sums": (put("network/config", nested(3)), "members needs"),
    "sum of sums, 12 deep": (put("network/config", nested(12)), "refused"),
    "sum of 50,000": (
        put("network/config", {"kind": "Combination", "members": [{"kind": "KAN"}] * 50_000}),
        "members needs",
    ),
    "outcome with escapes": (put("stats/outcome", ESCAPE), "outcome"),
    "negative seconds": (put("stats/seconds", -1.0), "seconds"),
    "steps of text": (put("stats/steps", ESCAPE), "steps"),
    "100,000 notes": (put("stats/notes", ["a"] * 100_000), "notes"),
    "statistics as text": (put("stats", "ab"), "no dictionary"),
    "equations of text": (put("equations", "1"), "equations"),
    "allow_nan of lists": (put("allow_nan", [[]]), "refused|allow_nan"),
    "nothing": (lambda config, arrays: (config.clear(), arrays.clear()), "KeyError"),
}

ADAPTERS: dict[str, tuple[Change, str]] = {
    "nan in a factor": (nan_factor, "not to be finite"),
    "short factor": (short_factor, "is implied"),
    "alpha doubled": (doubled, "other values"),
    "alpha of 1e308": (put("adapter/alpha", 1e308), "other values"),
    "alpha of text": (put("adapter/alpha", "2"), "alpha"),
    "alpha below 0": (put("adapter/alpha", -1.0), "alpha"),
    "another rank": (put("adapter/r", 1), "is implied"),
    "rank of 65 bits less one": (
        put("adapter/rank_pattern", {"*": 2**63}),
        "needs names among the targets|is implied",
    ),
    "rank of text": (put("adapter/r", "4"), "r needs"),
    "huge ranks": (put("adapter/rank_pattern", {"layers.0.coef": 10**9}), "needs a rank"),
    "50,000 patterns": (patterns, "at most 1000 names"),
    "long pattern": (put("adapter/target_modules", ["*a" * 5000]), "at most 1000 names"),
    "unknown kind": (put("adapter/kind", "os.system"), "kind needs"),
    "hook": (put("adapter/hook", "print"), "needs only"),
    "seed of text": (put("adapter/seed", ESCAPE), "seed"),
    "adapter as text": (put("adapter", "lora"), "refused"),
    "statistics as text": (put("stats", "ab"), "no dictionary"),
    "statistics of text": (put("stats/seconds", "ab"), "seconds"),
    "name as a path": (put("name", "../../../x"), "its name needs"),
    "name as an absolute path": (put("name", "/etc/passwd"), "its name needs"),
    "name as a path of Windows": (put("name", "..\\x"), "its name needs"),
    "name with escapes": (put("name", ESCAPE), "its name needs"),
    "name with a line end": (put("name", "a\nb"), "its name needs"),
    "name turned round": (put("name", "a\u202eb"), "its name needs"),
    "long name": (put("name", "x" * 201), "its name needs"),
    "empty name": (put("name", ""), "its name needs"),
    "name of another type": (put("name", 3), "its name needs"),
    "no name": (drop("name"), "KeyError"),
    "request as text": (put("request", ESCAPE), "no dictionary"),
    "request as a list": (put("request", [1]), "no dictionary"),
    "terms of 10**6": (put("terms", 10**6), "is implied"),
    "terms of text": (put("terms", "1"), "terms need"),
    "negative terms": (put("terms", -1), "terms need"),
    "values of another count": (put("values", 2), "holds values"),
    "other values": (array("probe.values", lambda a: a * 1.001), "other values"),
    "another equation": (array("probe.equation", lambda a: a * 1.001), "another equation"),
    "another base": (put("base", "0" * 64), "another base"),
    "no problem": (drop("problem"), "KeyError"),
    "problem with escapes": (put("problem/name", ESCAPE), "refused"),
}

CHECKPOINTS: dict[str, tuple[Change, str]] = {
    "1.2 million points": (many_points, "count of points"),
    "no points": (put("rows", [0]), "count of points"),
    "negative count": (put("counts", [-5]), "count of points"),
    "points outside": (number("points.0", (3, 1), 7.0), "outside the domain"),
    "points far outside": (number("points.0", (3, 1), 1e300), "outside the domain"),
    "nan among the points": (number("points.0", (3, 1), np.nan), "not to be finite"),
    "points of another width": (array("points.0", lambda a: a[:, :1]), "is implied"),
    "short parameters": (array("theta", lambda a: a[:-1]), "is implied"),
    "nan among the parameters": (number("theta", 0, np.nan), "not to be finite"),
    "other parameters": (array("theta", lambda a: a * 1.01), "another problem"),
    "no parameters": (array("theta", lambda a: None), "missing"),
    "no best parameters": (array("best_theta", lambda a: None), "another problem"),
    "parameters in float32": (array("theta", lambda a: a.astype(np.float32)), "is implied"),
    "scale 0": (number("reals", 3, 0.0), "scale"),
    "scale nan": (number("reals", 3, np.nan), "scale"),
    "scale doubled": (array("reals", lambda a: a * [1, 1, 1, 2]), "another problem"),
    "negative seconds": (number("reals", 2, -1.0), "seconds"),
    "best loss 0": (number("reals", 0, 0.0), "another problem"),
    "five reals": (array("reals", lambda a: np.append(a, 1.0)), "is implied"),
    "step 2**63": (put("counters/step", 2**63), "step needs"),
    "step -5": (put("counters/step", -5), "step needs"),
    "step of text": (put("counters/step", "5"), "step needs"),
    "decided beyond the step": (put("counters/decided", 10**6), "beyond the step"),
    "draws 2**53": (put("counters/draws", 2**53), "draws"),
    "no counters": (drop("counters"), "KeyError"),
    "held_out nan": (put("held_out", "nan"), "held_out"),
    "held_out of words": (put("held_out", ESCAPE), "refused"),
    "held_out infinite": (put("held_out", "inf"), "another problem"),
    "held_out as a number": (put("held_out", 0.5), "held_out"),
    "weight 0": (put("weights/pde", 0.0), "weight"),
    "weight with escapes": (put("weights", {ESCAPE: 1.0}), "weights"),
    "negative held-out weight": (put("held_out_weights/pde", -1.0), "weight"),
    "method as a list": (put("method", []), "method"),
    "method of text": (put("method/nu", "2"), "nu needs"),
    "method's nan": (put("method/weight", {"float": "nan"}), "weight needs"),
    "method's hook": (put("method/hook", 1.0), "no part"),
    "identity as text": (put("identity", "x"), "identity"),
    "identity with escapes": (put(f"identity/{ESCAPE}", ESCAPE), "another run"),
    "another optimiser": (put("identity/optimizer", ESCAPE), "another run"),
    "no history": (put("history", []), "history"),
    "history of text": (put("history", ESCAPE), "history"),
    "history beyond the step": (number("history.step", -1, 500.0), "do not rise"),
    "history of two lengths": (array("history.loss", lambda a: a[:-1]), "differ in length"),
}

FORGED = {"solution": SOLUTIONS, "adapter": ADAPTERS, "checkpoint": CHECKPOINTS}
