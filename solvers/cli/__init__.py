"""The command line: ``sciml list | solve | finetune | info | plot``; ``python -m sciml`` is the same program.

Nothing heavy is imported before a command needs it, so ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sciml.errors import FileFormatError, FileWriteError, SciMLError
from sciml.solvers.cli.arguments import make_parser
from sciml.solvers.cli.exit_codes import FILE, INTERRUPTED, OK, USAGE
from sciml.solvers.spelling import readable_streams


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the exit code. Only ``--help`` and wrong usage raise SystemExit."""
    with readable_streams():
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(arguments: list[str]) -> int:
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except FileFormatError as error:
        return _complain(error, FILE)
    except FileWriteError as error:
        return _complain(error, FILE)
    except SciMLError as error:
        return _complain(error, USAGE)
    except BrokenPipeError:  # the reader of our output has gone, as in `sciml list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)


def _complain(error: object, code: int) -> int:
    print(f"sciml: error: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _run(arguments: list[str]) -> int:
    parser = make_parser(arguments)
    options = parser.parse_args(arguments)
    if options.version:
        from sciml import __version__

        print(f"sciml {__version__}")
        return OK
    if options.command is None:
        parser.print_help()
        return USAGE
    from sciml.solvers.cli import commands  # imports torch

    return getattr(commands, f"run_{options.command}")(options)
