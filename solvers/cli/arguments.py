"""The commands of ``sciml`` and their arguments. Nothing here imports torch, so ``--help`` answers at once."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from sciml.solvers.cli.exit_codes import EXPLAINED, USAGE

ABOUT = """Solve partial differential equations with networks.

  sciml list                                      what can be solved, with its parameters
  sciml solve poisson --dim 2 -o poisson.h5       solve, and keep the solution
  sciml info poisson.h5                           what is in a file
  sciml plot poisson.h5 -o poisson.png            draw it
  sciml finetune poisson.h5 --frequency 2 -o second.h5
                                                  re-use it for other parameters
"""
SOLVE = """Solve a problem of the catalogue.

  sciml solve NAME --help    the problem's own parameters

examples:
  sciml solve poisson --dim 2 -o poisson.h5 --plot poisson.png
  sciml solve burgers --nu 0.01 --max-time 60
  sciml solve poisson --model kan --widths 2,8,8,1 --grid 5 --degree 3
  sciml solve burgers --checkpoint run.h5        and, when it was broken off,
  sciml solve burgers --resume run.h5 --checkpoint run.h5
"""

FINETUNE = """Re-use the solution in FILE for other parameters of its problem: a small adapter is trained.

  sciml finetune FILE --help    the parameters of the problem in FILE

example:
  sciml finetune poisson.h5 --frequency 2 --adapter lotra -o second.h5 --save-adapter small.h5
"""
PLOT = """Draw the solution in FILE.

examples:
  sciml plot poisson.h5 -o poisson.png
  sciml plot burgers.h5 -o profiles.pdf --times 0,0.25,0.5,1
  sciml plot poisson3.h5 -o plane.png --axes x,z --at y=0.25 --kind error
  sciml plot second.h5 -o spectra.png --kind spectra --base poisson.h5
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors take one line."""

    def __init__(self, **options: Any):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and end with code 2."""
        self.exit(USAGE, f"{self.prog}: error: {message} (help: {self.prog} --help)\n")


def make_parser(arguments: list[str]) -> Parser:
    """The whole command line.

    Args:
        arguments: What the user wrote: ``solve NAME`` and ``finetune FILE`` get the parameters of that problem.
    """
    parser = Parser(prog="sciml", description=ABOUT, epilog=EXPLAINED)
    parser.add_argument("--version", action="store_true", help="show the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    _add_list(commands)
    _add_solve(commands, _first_of("solve", arguments))
    _add_finetune(commands, _first_of("finetune", arguments))
    _add_info(commands)
    _add_plot(commands)
    return parser


def _first_of(command: str, arguments: list[str]) -> str | None:
    """The first word after a command, unless it is an option."""
    if arguments[:1] != [command] or len(arguments) < 2 or arguments[1].startswith("-"):
        return None
    return arguments[1]


def _add_list(commands: Any) -> None:
    text = "List the problems of the catalogue with their parameters and defaults."
    parser = commands.add_parser("list", help="what can be solved", description=text, epilog=EXPLAINED)
    _json(parser)


def _add_solve(commands: Any, problem: str | None) -> None:
    text, options = SOLVE, []
    if problem is not None:
        from sciml.solvers.cli.options import describe_kind

        text, options = describe_kind(problem)
    parser = commands.add_parser(
        "solve",
        help="solve a problem of the catalogue",
        description=text,
        epilog=EXPLAINED,
        usage=_usage("solve NAME", options),
    )
    parser.add_argument(
        "problem", metavar="NAME", help="the problem's name, from `sciml list`; it comes first"
    )
    _add_options(parser, options)
    network = parser.add_argument_group("network")
    network.add_argument(
        "--model", choices=("mlp", "kan"), help="its kind; one made for the problem unless given"
    )
    network.add_argument(
        "--widths", metavar="2,8,8,1", type=_ints, help="layer widths, inputs and outputs included"
    )
    network.add_argument("--grid", metavar="N", type=int, help="cells of a KAN's grid (5)")
    network.add_argument("--degree", metavar="N", type=int, help="degree of a KAN's splines (3)")
    network.add_argument("--activation", metavar="NAME", help="of an MLP: tanh, sine, silu, relu3")
    training = _training(parser)
    training.add_argument(
        "--windows",
        metavar="N",
        help="solve in so many windows of time, or auto; never: not after a stall, either",
    )
    training.add_argument("--polish", action="store_true", help="keep the correction of the error estimate")
    training.add_argument("--dtype", choices=("float64", "float32"), default="float64", help="(float64)")
    training.add_argument("--checkpoint", metavar="FILE", help="keep the run's state here, to resume it")
    training.add_argument(
        "--every", metavar="SECONDS", type=float, default=30.0, help="between checkpoints (30)"
    )
    training.add_argument("--resume", metavar="FILE", help="go on with the run that wrote this checkpoint")
    _output(parser)


def _add_finetune(commands: Any, file: str | None) -> None:
    text, options = FINETUNE, []
    if file is not None:
        from sciml.solvers.cli.options import describe_file

        text, options = describe_file(file)
    parser = commands.add_parser(
        "finetune",
        help="re-use a solution for other parameters",
        description=text,
        epilog=EXPLAINED,
        usage=_usage("finetune FILE", options),
    )
    parser.add_argument(
        "file", metavar="FILE", help="a solution of a problem of the catalogue; it comes first"
    )
    _add_options(parser, options)
    parser.add_argument(
        "--adapter", metavar="KIND", default="auto", help="auto, lotra, lora, svd, head or full (auto)"
    )
    parser.add_argument("--save-adapter", metavar="FILE", help="write the adapter alone, some kB")
    _training(parser)
    _output(parser)


def _add_info(commands: Any) -> None:
    text = "Say what is in a file: a solution, an adapter or a checkpoint.\n\nexample:\n  sciml info poisson.h5 --json"
    parser = commands.add_parser("info", help="what is in a file", description=text, epilog=EXPLAINED)
    parser.add_argument("file", metavar="FILE")
    _json(parser)


def _add_plot(commands: Any) -> None:
    parser = commands.add_parser("plot", help="draw a solution", description=PLOT, epilog=EXPLAINED)
    parser.add_argument("file", metavar="FILE", help="a solution")
    parser.add_argument("-o", "--output", metavar="FIG", required=True, help="FIG.png, .pdf or .svg")
    parser.add_argument(
        "--kind",
        help="overview, solution, reference, error, difference, estimate, residual, history or spectra (overview)",
    )
    parser.add_argument("--unknown", metavar="NAME", help="one unknown of a system")
    parser.add_argument("--axes", metavar="x,z", type=_words, help="one or two coordinates to draw over")
    parser.add_argument(
        "--at", metavar="y=0.5", type=_place, action="append", default=[], help="value of another coordinate"
    )
    parser.add_argument("--times", metavar="0,0.5,1", type=_floats, help="moments to draw")
    parser.add_argument(
        "--base", metavar="FILE", help="what it was fine-tuned from, for the spectra of the change"
    )
    parser.add_argument("--dpi", metavar="N", type=int, default=120, help="(120)")


def _add_options(parser: argparse.ArgumentParser, options: list[Any]) -> None:
    if options:
        group = parser.add_argument_group("the problem's parameters")
        for option in options:
            group.add_argument(
                f"--{option.name.replace('_', '-')}",
                dest=f"parameter_{option.name}",
                metavar=option.metavar,
                type=option.type,
                help=option.help,
            )


def _training(parser: argparse.ArgumentParser) -> Any:
    group = parser.add_argument_group("training")
    group.add_argument(
        "--optimizer",
        metavar="NAME",
        default="auto",
        help="auto, gn-arc, lm, ssbroyden, lbfgs, adam, ... (auto)",
    )
    group.add_argument(
        "--points", metavar="N", type=int, help="points inside; chosen and adapted unless given"
    )
    group.add_argument("--max-time", metavar="SECONDS", type=float, help="(60)")
    group.add_argument("--max-steps", metavar="N", type=int, help="(no limit)")
    group.add_argument("--tol", metavar="NUMBER", type=float, help="relative residual to reach (1e-8)")
    group.add_argument(
        "--seed", metavar="N", type=int, default=0, help="the same seed gives the same numbers (0)"
    )
    return group


def _output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="FILE", help="write the solution to this HDF5 file")
    group.add_argument("--plot", metavar="FIG", help="draw it to FIG.png, .pdf or .svg")
    group.add_argument("--quiet", action="store_true", help="no progress bar and no report")
    _json(group)


def _json(parser: Any) -> None:
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def _usage(words: str, options: list[Any]) -> str:
    own = " ".join(f"[--{option.name.replace('_', '-')} {option.metavar}]" for option in options)
    return f"sciml {words} {own or '[--PARAMETER VALUE ...]'} [options]"


def _list_of(kind: Any, example: str) -> Any:
    def parse(text: str) -> list[Any]:
        try:
            return [kind(part) for part in text.split(",")]
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no list such as {example}") from None

    return parse


_ints, _floats, _words = _list_of(int, "2,8,8,1"), _list_of(float, "0,0.5,1"), _list_of(str, "x,z")


def _place(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no place such as y=0.5") from None
