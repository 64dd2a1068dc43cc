"""The commands of ``sciml`` and their arguments. Nothing here imports torch, so ``--help`` answers at once."""

from __future__ import annotations

from typing import Any

from sciml.solvers.cli.exit_codes import EXPLAINED
from sciml.solvers.cli.parser import (
    Parser,
    command_of,
    file_argument,
    floats,
    ints,
    one_of,
    place,
    value_of,
    words,
)

ABOUT = """Solve partial differential equations with networks.

  sciml list                                      what can be solved, with its parameters
  sciml solve poisson --dim 2 -o poisson.h5       solve, and keep the solution
  sciml solve my_problem.py:Burgers --nu 0.02     solve a problem of your own
  sciml info poisson.h5                           what is in a file
  sciml plot poisson.h5 -o poisson.png            draw it
  sciml eval poisson.h5 points.csv -o values.csv  its values at points
  sciml export poisson.h5 poisson.vtu             for another program
  sciml finetune poisson.h5 --frequency 2 -o second.h5
                                                  re-use it for other parameters
"""
SOLVE = """Solve a problem of the catalogue, or one of your own.

  sciml solve NAME --help    the problem's own parameters

NAME is a name from `sciml list`, or FILE.py:CLASS: a subclass of sciml.PDE in a file.
The fields of a dataclass are its options.

examples:
  sciml solve poisson --dim 2 -o poisson.h5 --plot poisson.png
  sciml solve my_problem.py:Burgers --nu 0.02 -o burgers.h5
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
EVAL = """Values of the solution in FILE at points.

POINTS.csv has a first row with the names of the coordinates and a row of numbers a
point; other columns are left out. The answer has the coordinates and the unknowns.
Numbers have all their digits.

examples:
  sciml eval poisson.h5 points.csv -o values.csv
  sciml eval burgers.h5 points.csv --problem my_problem.py:Burgers
"""
EXPORT = """Write the solution in FILE for another program, by the ending of OUT.

  .csv              a table of points and values
  .nc               a data set on a grid, for xarray (extra export)
  .vtu .vtk .pvd    a mesh with values, for ParaView (extra export); .pvd is a series in time
  .pt2              a program that torch runs without sciml
  .onnx             a model for runtimes of ONNX (extra onnx)

examples:
  sciml export poisson.h5 poisson.csv --grid 51
  sciml export burgers.h5 last.vtu --at t=1
"""
COMPARE = """How far A lies from B, as |A - B| / |B| over all points.

A is a solution. B is another one of the same coordinates and unknowns, or a table
BASE.csv whose first row names them: a reference from another program. Two solutions are
compared at 4000 points of A's domain that lie in B's, too.

examples:
  sciml compare coarse.h5 fine.h5
  sciml compare burgers.h5 reference.csv --tol 1e-4
"""
INFO = """Say what is in a file: a solution, an adapter or a checkpoint.

example:
  sciml info poisson.h5 --json
"""
DOCTOR = """Say what this machine has for sciml: versions, threads, kernels and their cache, GPU; check that the fast
kernels agree with the definition, and time a step of the optimiser.
"""
COMPLETION = """Print a script that completes commands, options, names of problems and files in a shell.

  bash   sciml completion bash > ~/.local/share/bash-completion/completions/sciml
  zsh    sciml completion zsh > ~/.zfunc/_sciml       a folder of $fpath
  tcsh   sciml completion tcsh > ~/.sciml.completion  and source it

It needs shtab: pip install "sciml-kan[completion]".
"""
PARAMETERS = "the problem's parameters"
OWN = "the problem's class, where it is your own; its parameters are those in the file"


def make_parser(arguments: list[str]) -> tuple[Parser, dict[str, Parser]]:
    """The whole command line, and each command's own parser.

    Args:
        arguments: What the user wrote: ``solve NAME`` and ``finetune FILE`` get the parameters of that problem.
    """
    parser = Parser(prog="sciml", description=ABOUT, epilog=EXPLAINED)
    parser.add_argument("--version", action="store_true", help="show the version and leave")
    group = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    commands: dict[str, Parser] = {}

    def add(name: str, short: str, text: str) -> Parser:
        command = group.add_parser(name, help=short, description=text, epilog=EXPLAINED)
        command.add_argument("--json", action="store_true", help="answer with one JSON object")
        commands[name] = command
        return command

    text = "List the problems of the catalogue with their parameters and defaults."
    add("list", "what can be solved", text)
    _add_solve(add, _first_of("solve", arguments))
    _add_finetune(add, _first_of("finetune", arguments), value_of(arguments, "--problem"))
    _of_file(add("info", "what is in a file", INFO), "FILE")
    _add_plot(_of_file(add("plot", "draw a solution", PLOT), "FILE"))
    _add_eval(_of_file(add("eval", "values of a solution at points", EVAL), "FILE"))
    _add_export(_of_file(add("export", "a solution for another program", EXPORT), "FILE"))
    _add_compare(_of_file(add("compare", "how far two solutions lie apart", COMPARE), "A"))
    add("doctor", "what this machine has, and whether it works", DOCTOR)
    shells = add("completion", "completion of commands in a shell", COMPLETION)
    shells.add_argument(
        "shell", metavar="SHELL", type=one_of("bash", "zsh", "tcsh"), help="bash, zsh or tcsh"
    )
    return parser, commands


def _first_of(command: str, arguments: list[str]) -> str | None:
    """The first word after a command, unless it is an option."""
    if command_of(arguments) != command:
        return None
    following = arguments[arguments.index(command) + 1 :][:1]
    return following[0] if following and not following[0].startswith("-") else None


def _of_file(parser: Parser, name: str) -> Parser:
    file_argument(parser, "file", metavar=name, help="a solution")
    parser.add_argument("--problem", metavar="FILE.py:CLASS", help=OWN)
    return parser


def _add_solve(add: Any, problem: str | None) -> None:
    text, options = SOLVE, []
    if problem is not None:
        from sciml.solvers.cli.options import describe_kind

        text, options = describe_kind(problem)
    parser = add("solve", "solve a problem", text)
    file_argument(
        parser, "problem", metavar="NAME", help="from `sciml list`, or FILE.py:CLASS; it comes first"
    )
    own = parser.add_argument_group(PARAMETERS)
    network = parser.add_argument_group("network")
    network.add_argument(
        "--model",
        metavar="KIND",
        type=one_of("mlp", "kan"),
        help="mlp or kan; one made for the problem unless given",
    )
    network.add_argument(
        "--widths", metavar="2,8,8,1", type=ints, help="layer widths, inputs and outputs included"
    )
    network.add_argument("--grid", metavar="N", type=int, help="cells of a KAN's grid (5)")
    network.add_argument("--degree", metavar="N", type=int, help="degree of a KAN's splines (3)")
    network.add_argument(
        "--basis", metavar="NAME", help="of a KAN: bspline, chebyshev, fourier, rbf or wavelet (bspline)"
    )
    network.add_argument(
        "--size", metavar="N", type=int, help="functions an edge, of another basis than bspline (8)"
    )
    network.add_argument("--activation", metavar="NAME", help="of an MLP: tanh, sine, silu, relu3")
    training = _training(parser)
    training.add_argument(
        "--windows",
        metavar="N",
        help="solve in so many windows of time, or auto; never: not after a stall, either",
    )
    training.add_argument(
        "--metric",
        metavar="FILE.py:FUNCTION",
        action="append",
        default=[],
        help="a number of your own, f(u), in the history and in the answer; may be given several times",
    )
    training.add_argument("--polish", action="store_true", help="keep the correction of the error estimate")
    training.add_argument(
        "--dtype",
        metavar="TYPE",
        type=one_of("float64", "float32"),
        default="float64",
        help="float64 or float32",
    )
    file_argument(training, "--checkpoint", metavar="FILE", help="keep the run's state here, to resume it")
    training.add_argument(
        "--every", metavar="SECONDS", type=float, default=30.0, help="between checkpoints (30)"
    )
    file_argument(training, "--resume", metavar="FILE", help="go on with the run that wrote this checkpoint")
    _output(parser)
    _add_options(parser, own, options, "solve NAME")
    if problem is not None and not options:
        parser.without = f" {problem} has no parameters: those of a problem are the fields of its dataclass."


def _add_finetune(add: Any, file: str | None, named: str | None) -> None:
    text, options = FINETUNE, []
    if file is not None:
        from sciml.solvers.cli.options import describe_file

        text, options = describe_file(file, named)
    parser = _of_file(add("finetune", "re-use a solution for other parameters", text), "FILE")
    own = parser.add_argument_group(PARAMETERS)
    parser.add_argument(
        "--adapter", metavar="KIND", default="auto", help="auto, lotra, lora, svd, head or full (auto)"
    )
    file_argument(parser, "--save-adapter", metavar="FILE", help="write the adapter alone, some kB")
    _training(parser)
    _output(parser)
    _add_options(parser, own, options, "finetune FILE")


def _add_plot(parser: Parser) -> None:
    file_argument(parser, "-o", "--output", metavar="FIG", required=True, help="FIG.png, .pdf or .svg")
    parser.add_argument(
        "--kind",
        help="overview, solution, reference, error, difference, estimate, residual, history or spectra (overview)",
    )
    parser.add_argument("--unknown", metavar="NAME", help="one unknown of a system")
    parser.add_argument("--axes", metavar="x,z", type=words, help="one or two coordinates to draw over")
    parser.add_argument(
        "--at", metavar="y=0.5", type=place, action="append", default=[], help="value of another coordinate"
    )
    parser.add_argument("--times", metavar="0,0.5,1", type=floats, help="moments to draw")
    file_argument(
        parser, "--base", metavar="FILE", help="what it was fine-tuned from, for the spectra of the change"
    )
    parser.add_argument("--dpi", metavar="N", type=int, default=120, help="(120)")


def _add_eval(parser: Parser) -> None:
    file_argument(parser, "points", metavar="POINTS.csv", help="points, by the names of the coordinates")
    file_argument(parser, "-o", "--output", metavar="OUT.csv", help="write a table there; else it is printed")


def _add_export(parser: Parser) -> None:
    file_argument(parser, "output", metavar="OUT", help="where to; its ending tells what")
    parser.add_argument("--grid", metavar="N", type=int, help="points of every coordinate")
    parser.add_argument(
        "--at", metavar="t=1", type=place, action="append", default=[], help="one value of a coordinate"
    )


def _add_compare(parser: Parser) -> None:
    file_argument(parser, "other", metavar="B", help="another solution, or a table BASE.csv")
    parser.add_argument(
        "--tol", metavar="NUMBER", type=float, help="end with code 4 where they differ by more"
    )


def _add_options(parser: Parser, group: Any, options: list[Any], usage: str) -> None:
    """The problem's parameters as options; one that has the name of another option is called ``--problem-NAME``."""
    taken, shown = parser.options(), []
    for option in options:
        word = f"--{option.name.replace('_', '-')}"
        word = f"--problem-{word[2:]}" if word in taken else word
        group.add_argument(
            word,
            dest=f"parameter_{option.name}",
            metavar=option.metavar,
            type=option.type,
            help=option.help,
            required=option.required,
        )
        shown.append(f"{word} {option.metavar}" if option.required else f"[{word} {option.metavar}]")
    parser.usage = f"sciml {usage} {' '.join(shown) or '[--PARAMETER VALUE ...]'} [options]"


def _training(parser: Parser) -> Any:
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


def _output(parser: Parser) -> None:
    group = parser.add_argument_group("output")
    file_argument(group, "-o", "--output", metavar="FILE", help="write the solution to this HDF5 file")
    file_argument(group, "--plot", metavar="FIG", help="draw it to FIG.png, .pdf or .svg")
    group.add_argument("--quiet", action="store_true", help="no progress bar and no report")
