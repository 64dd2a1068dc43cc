"""What each command does, once its arguments are parsed: a file a command."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from sciml.solvers.cli.commands import (
    compare,
    completion,
    doctor,
    evaluate,
    export,
    finetune,
    info,
    listing,
    plot,
    solve,
)
from sciml.solvers.cli.output import Told

COMMANDS: dict[str, Callable[[argparse.Namespace], Told]] = {
    "list": listing.run,
    "solve": solve.run,
    "finetune": finetune.run,
    "info": info.run,
    "plot": plot.run,
    "eval": evaluate.run,
    "export": export.run,
    "compare": compare.run,
    "doctor": doctor.run,
    "completion": completion.run,
}
