"""What every benchmark prints: the machine first, then one record a line, as JSON or as text."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path


def machine() -> dict[str, object]:
    """The first record of every run: processor, cores, system and versions."""
    import numpy

    info = Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    names = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    return {
        "record": "machine",
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
    }


def show(record: dict[str, object], as_json: bool) -> None:
    """One line for one record."""
    line = json.dumps(record) if as_json else "  ".join(f"{key} {value}" for key, value in record.items())
    print(line, flush=True)
