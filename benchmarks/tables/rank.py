"""The tables of docs/rank.md: rank selectors on random losses and on fine-tuned equations, and joint training."""

from __future__ import annotations

from typing import Any

from benchmarks.rank import summary
from benchmarks.tables.page import Page, records, table

CASES = {
    "all": "all",
    "poisson-small": "Poisson, small",
    "poisson, distance 0.3": "Poisson 0.3",
    "poisson, distance 1": "Poisson 1",
    "poisson, distance 1, lotra": "Poisson 1, LoTRA",
    "allen-cahn-ball": "Allen–Cahn",
    "parabolic-ball": "parabolic",
}
WORDS = {"random": "random", "best of all": "best of all subsets by true loss"}


def quadratic() -> str:
    """A row a selector, the best first."""
    found = sorted(records("rank", "quadratic"), key=lambda r: r["median_ratio"])
    rows = [[_name(r), f"{r['median_ratio']:.2f}", f"{r['mean_ratio']:.2f}"] for r in found]
    return table(("selector", "median", "mean"), rows)


def losses() -> str:
    """A row a selector, a column a case: the median ratio, and in how many cuts it was above and below one."""
    found = compared()
    cases = [case for case in CASES if any(r["cases"] == case for r in found.values())]
    rows = []
    for name in _ordered(found, "loss_median"):
        cells = []
        for case in cases:
            r = found.get((case, name))
            few = case == "all" and name in ("brute_force", "best of all")  # these are of one case
            counts = "" if r is None or few else f" ({r['loss_worse']}–{r['loss_better']})"
            cells.append(_ratio(r["loss_median"]) + counts if r and counts else "")
        rows.append([_name({"selector": name}), *cells])
    return table(("selector", *(CASES[case] for case in cases)), rows)


def errors() -> str:
    """A row a selector, over all cuts."""
    found = {name: r for (case, name), r in compared().items() if case == "all" and r["cuts"] >= _most()}
    rows = [
        [
            _name(r),
            *(f"{r[key]:.2f}" for key in ("error_median", "error_mean")),
            f"{r['error_worse']}–{r['error_better']}",
            f"{r['trained_mean']:.2f}",
        ]
        for r in sorted(found.values(), key=lambda r: (r["error_median"], r["error_mean"]))
    ]
    head = ("selector", "median", "geometric mean", "larger – smaller", "numbers trained, geometric mean")
    return table(head, rows)


def schedules() -> str:
    """A column a case: the error of one cut over that of joint training."""
    found = {r["cases"]: r for r in _summary() if "schedule" in r}
    cases = [case for case in CASES if case in found]
    rows = [
        ["median", *(f"{found[c]['error_median']:.2f}" for c in cases)],
        ["geometric mean", *(f"{found[c]['error_mean']:.2f}" for c in cases)],
        ["joint better, of runs", *(f"{found[c]['joint_better']} of {found[c]['runs']}" for c in cases)],
        *(
            [f"CPU s, {words}", *(f"{found[c][f'seconds_{key}']:.1f}" for c in cases)]
            for key, words in (("cut", "one cut"), ("joint", "joint"))
        ),
    ]
    return table(("", *(CASES[c] for c in cases)), rows)


def compared() -> dict[tuple[str, str], dict[str, Any]]:
    """The ratios to SubLoRA, by case and selector."""
    return {(r["cases"], r["selector"]): r for r in _summary() if "selector" in r}


def _summary() -> list[dict[str, Any]]:
    found = summary([*records("rank", "adapter"), *records("rank", "schedule")])
    return [r for r in found if r["record"] == "summary"]


def _most() -> int:
    return max(r["cuts"] for r in _summary() if "selector" in r)


def _ordered(found: dict[tuple[str, str], dict[str, Any]], key: str) -> list[str]:
    """Selectors by their ratio over all cuts; those of one case alone come last."""
    of_all = {name: r for (case, name), r in found.items() if case == "all" and name != "sublora, hessian"}
    return sorted(
        of_all, key=lambda name: (-of_all[name]["cuts"], of_all[name][key], of_all[name]["loss_mean"])
    )


def _name(r: dict[str, Any]) -> str:
    name = r["selector"]
    return WORDS.get(name, f"`{name}`")


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


PAGE = Page("rank", {"quadratic": quadratic, "losses": losses, "errors": errors, "schedules": schedules})
