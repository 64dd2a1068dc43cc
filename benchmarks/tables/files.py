"""The table of docs/files.md: what reading damaged files does."""

from __future__ import annotations

from benchmarks.tables.page import Page, records, table

DAMAGES = {
    "flips": "one bit flipped, anywhere",
    "cuts": "cut to any length",
    "flips, resealed": "one bit flipped, then sealed again",
    "cuts, resealed": "cut, then sealed again",
    "flips, all checksums forged": "one bit of HDF5's structures flipped, all checksums and the seal forged",
    "scribbles, all checksums forged": (
        "two to eight bytes of them changed, all checksums and the seal forged"
    ),
    "hand-made hostile files": (
        "made by hand to harm (links, external and virtual storage, 8 TiB declared, deep JSON, …)"
    ),
}


def damage() -> str:
    """A row a kind of damage, summed over both bare files."""
    rows = []
    for kind, words in DAMAGES.items():
        found = [r for r in records("fuzz", kind) if r["kind"] == "container"]
        read = sum(r[how] for r in found for how in ("refused", "same", "silent", "hangs", "crashes"))
        rows.append(
            [words, f"{read:,}", *(sum(r[how] for r in found) for how in ("silent", "hangs", "crashes"))]
        )
    return table(("damage", "files read", "silent", "hangs", "crashes"), rows)


PAGE = Page("files", {"damage": damage})
