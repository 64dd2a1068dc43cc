"""Each equation of the catalogue in one line, solved for some CPU-seconds and drawn; and the page that shows them.

    python -m benchmarks.gallery --json [--only heat,kdv] [--budget 8]  # records, and pictures in docs/images/gallery
    python -m benchmarks.gallery --page  # docs/gallery.md from benchmarks/results/gallery.jsonl

A later record of an equation replaces an earlier one. ``end`` is the relative L2 error of the solution handed over (with
error bars: against the answer without noise), ``estimate`` what the solve says of it without the answer.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from PIL import Image

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import pdes

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "gallery.jsonl"
PAGE = HERE.parent / "docs" / "gallery.md"
PICTURES = HERE.parent / "docs" / "images" / "gallery"
# what is not `sciml.solve(pdes.Name())`
LINES = {
    "hjb": "sciml.solve(pdes.HJB(dim=2))",
    "inverse-burgers": "sciml.solve(pdes.InverseBurgers(nu=sciml.Unknown(0.1)))",
    "inverse-heat": "sciml.solve(pdes.InverseHeat(diffusivity=sciml.Unknown(1.0)))",
    "inverse-reaction": "sciml.solve(pdes.InverseReaction(nu=sciml.Unknown(1.0), rho=sciml.Unknown(1.0)))",
    "kuramoto-sivashinsky": 'sciml.solve(pdes.KuramotoSivashinsky(), windows="auto")',
    "lorenz": 'sciml.solve(pdes.Lorenz(), windows="auto")',
    "robertson": 'sciml.solve(pdes.Robertson(), windows="auto")',
    "van-der-pol": 'sciml.solve(pdes.VanDerPol(), windows="auto")',
}
FAILED = 0.5  # a relative error from which on a picture is not that of the solution
HEAD = """\
# Gallery

Every equation of [the catalogue](catalogue.md): one line, the picture of its solution, and the numbers of that run on one
core. The error is the relative L2 error against the known answer; the estimate is made without it. A solve was stopped after
{least:g} to {most:g} CPU-seconds (`python -m benchmarks.gallery`); `sciml.solve` alone goes on for up to a minute. A large
error says how far it got. `solution.plot()` draws such a picture.

"""


def line(name: str) -> str:
    """The code that solves an equation."""
    return LINES.get(name, f"sciml.solve(pdes.{pdes.get(name).__name__}())")


def measure(name: str, budget: float, folder: Path) -> dict[str, Any]:
    """Run the line, within a budget of CPU-seconds, and draw what came out."""
    began = time.process_time()
    # a call with the same arguments and a watch
    code = line(name).removesuffix(")") + ", progress=False, callbacks=[watch], max_time=limit)"
    within = {"sciml": sciml, "pdes": pdes, "watch": lambda event: time.process_time() - began > budget}
    # windows share the wall time given
    solution = eval(code, {**within, "limit": 10 * budget if "windows" in code else 1e6})
    seconds, found = time.process_time() - began, solution.error_estimate()
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"{name}.png"
    solution.plot("solution").savefig(picture, dpi=64)
    Image.open(picture).convert("RGB").save(picture, optimize=True)  # an opaque ground needs no alpha channel
    unknown = {n: [f.value, f.low, f.high] for n, f in solution.unknown.items()} if solution.unknown else {}
    return {
        "problem": name,
        "end": float(solution.error()),
        "estimate": found.value,
        "cpu_s": round(seconds, 1),
        "steps": solution.stats.steps,
        "parameters": solution.stats.parameters,
        "outcome": solution.stats.outcome,
        "unknown": unknown,
        "budget": budget,
    }


def records() -> dict[str, dict[str, Any]]:
    """The last record of each equation."""
    lines = [json.loads(text) for text in RESULTS.read_text(encoding="utf-8").splitlines()]
    return {r["problem"]: r for r in lines if r["record"] == "gallery"}


def page() -> str:
    """The page, from the records."""
    kept = records()
    budgets = [r["budget"] for r in kept.values()]
    head = HEAD.format(least=min(budgets), most=max(budgets))
    return head + "\n".join(entry(name, kept[name]) for name in pdes.names())


def entry(name: str, record: dict[str, Any]) -> str:
    """One equation: a heading, the line, the numbers and the picture."""
    kind = pdes.get(name)
    estimate = "unknown" if record["estimate"] is None else f"{record['estimate']:.1e}"
    numbers = (
        f"Error {record['end']:.1e}, estimated {estimate}; {record['cpu_s']:g} CPU-seconds, "
        f"{record['parameters']} numbers."
    )
    if record["end"] > FAILED:
        numbers += " **This run did not find the solution**, and its estimate says so; the picture is not the answer."
    for unknown, (value, low, high) in record["unknown"].items():
        numbers += f" `{unknown}` is {value:.4g}" + ("." if low is None else f", in [{low:.4g}, {high:.4g}].")
    about = (kind.__doc__ or "").split("\n\n")[0].replace("``", "`").replace("\n    ", "\n")
    picture = f"![The solution of {kind.__name__}](images/gallery/{name}.png)"
    return f"## {kind.__name__}\n\n{about}\n\n```python\nsolution = {line(name)}\n```\n\n{numbers}\n\n{picture}\n"


def main() -> None:
    """A record and a picture an equation, or the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--page", action="store_true", help="write docs/gallery.md, solve nothing")
    parser.add_argument("--only", default="", help="equations, with commas between them; all unless given")
    parser.add_argument("--budget", type=float, default=8.0, help="CPU-seconds a solve")
    options = parser.parse_args()
    if options.page:
        PAGE.write_text(page(), encoding="utf-8")
        return
    one_thread()
    show(machine(), options.json)
    for name in options.only.split(",") if options.only else pdes.names():
        show({"record": "gallery", **measure(name, options.budget, PICTURES)}, options.json)


if __name__ == "__main__":
    main()
