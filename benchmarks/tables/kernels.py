"""The tables of docs/kernels.md: a training step by fused kernels beside a usual KAN and MLPs, and the goals."""

from __future__ import annotations

from typing import Any

from benchmarks.tables.page import Page, records, table

COLUMNS = {
    "torch jets over usual KAN": "torch jets / usual KAN",
    "fused over usual KAN": "fused / usual KAN",
    "fused over nested MLP": "fused / nested MLP",
    "fused over best MLP jets": "fused / best MLP jets",
}
# coordinates, grid, degree, form
CASES = [
    *((d, G, 3, "lap") for d in (2, 10) for G in (5, 20, 100)),
    *((d, G, 3, "hess") for d in (2, 10) for G in (5, 100)),
    *((d, G, 5, "lap") for d in (2, 10) for G in (5, 100)),
]
GOALS = {
    "fused over usual KAN": "fused / usual KAN",
    "fused over usual KAN, d=10, G>=20": "the same, d = 10, G ≥ 20",
    "fused over nested MLP": "fused / nested MLP",
    "fused over best MLP jets": "fused / best MLP jets",
    "fused G=5 over G=20": "G = 5 / G = 20, fused (time)",
    "torch jets over usual KAN": "torch jets / usual KAN",
    "MLP jets over nested MLP, d=10": "MLP jets / nested MLP, d = 10",
    "two threads over one, N=8192": "two threads / one, N = 8192",
}


def steps() -> str:
    """A row a case at batch 1024: ratios in float32 and in float64."""
    found = {
        (r["name"], r["widths"][0], r["grid"], r["degree"], r["form"], r["dtype"]): r["value"]
        for r in records("step", "ratio")
        if r["batch"] == 1024
    }
    rows = []
    for d, G, degree, form in CASES:
        words = f"d = {d}, G = {G}" + (", degree 5" if degree == 5 else "")
        row = [words + (", Hessian's diagonal" if form == "hess" else "")]
        for name in COLUMNS:
            values = [found.get((name, d, G, degree, form, dtype)) for dtype in ("float32", "float64")]
            row.append(" / ".join(_ratio(v) for v in values if v is not None))
        rows.append(row)
    return table(("case", *COLUMNS.values()), rows)


def goals() -> str:
    """A row a ratio: its goal, how many cases met it, and the worst of them."""
    found = {r["name"]: r for r in records("step", "summary")}
    rows = []
    for name, words in GOALS.items():
        r, worst = found[name], found[name]["worst_case"]
        where = (
            f"d = {worst['widths'][0]}, G = {worst['grid']}, k = {worst['degree']}, N = {worst['batch']}, "
        )
        where += f"{worst['dtype']}, {worst['form']}"
        rows.append([words, f"{r['bar']:g}", f"{r['met']} of {r['cases']}", f"{_ratio(r['worst'])}: {where}"])
    return table(("ratio", "goal", "met", "worst"), rows)


def peers() -> str:
    """A row a case beside other libraries' KANs: milliseconds of the processor, the best of the runs."""
    (used,) = records("step_peers", "machine")
    columns = {
        "simd": "fused",
        "usual KAN": "usual KAN",
        "pykan": f"pykan {used['pykan']}",
        "jaxKAN": f"jaxKAN {used['jaxKAN']}, jax {used['jax']}",
    }
    found = {(r["widths"][0], r["grid"], r["variant"]): r["ms_best"] for r in records("step_peers", "step")}
    rows = [
        [f"d = {d}", *(_ratio(found[d, grid, name]) for name in columns)]
        for d, grid, name in found
        if name == "pykan"
    ]
    return table(("", *columns.values()), rows)


def span(record: str = "fused over usual KAN") -> tuple[int, int]:
    """The least and the largest of a ratio over all cases, in whole numbers."""
    values: list[Any] = [r["value"] for r in records("step", "ratio") if r["name"] == record]
    return int(min(values)), int(max(values))


def _ratio(value: float) -> str:
    """Three digits below ten, else whole."""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


PAGE = Page("kernels", {"steps": steps, "goals": goals, "peers": peers})
