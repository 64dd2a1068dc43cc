"""The command line: ``sciml solve | eval | ...`` (``sciml --help``); ``python -m sciml`` is the same program.

Nothing heavy is imported before a command needs it, so ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sciml.errors import FileFormatError, FileWriteError, SciMLError
from sciml.solvers.cli.arguments import make_parser
from sciml.solvers.cli.exit_codes import FILE, INTERRUPTED, OK, USAGE
from sciml.solvers.cli.output import Told, envelope
from sciml.solvers.cli.parser import UsageError, command_of, read
from sciml.solvers.spelling import readable_streams


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the exit code. Only ``--help`` raises SystemExit."""
    with readable_streams():
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(arguments: list[str]) -> int:
    try:
        told = _run(arguments)
        _say(told, arguments)
        sys.stdout.flush()
        return told.code
    except UsageError as error:
        return _complain(error, USAGE, arguments, "")
    except FileFormatError as error:
        return _complain(error, FILE, arguments)
    except FileWriteError as error:
        return _complain(error, FILE, arguments)
    except SciMLError as error:
        return _complain(error, USAGE, arguments)
    except BrokenPipeError:  # the reader of our output has gone, as in `sciml list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return _complain(KeyboardInterrupt("interrupted"), INTERRUPTED, arguments)


def _say(told: Told, arguments: list[str]) -> None:
    if "--json" in arguments:
        print(envelope(command_of(arguments), told.code, result=told.result))
    elif told.text and "--quiet" not in arguments:
        print(told.text)


def _complain(error: BaseException, code: int, arguments: list[str], start: str = "sciml: error: ") -> int:
    message = " ".join(str(error).split())
    print(f"{start}{message}", file=sys.stderr)
    if "--json" in arguments:
        told = {"kind": type(error).__name__, "message": message}
        print(envelope(command_of(arguments), code, error=told))
    return code


def _run(arguments: list[str]) -> Told:
    parser, commands = make_parser(arguments)
    options = read(parser, commands, arguments)
    if options.version:
        from sciml import __version__

        return Told({"version": __version__}, f"sciml {__version__}")
    if options.command is None:
        return Told(None, parser.format_help().rstrip(), USAGE)
    from sciml.solvers.cli.commands import COMMANDS  # imports torch

    return COMMANDS[options.command](options)
