"""Exit codes of the command line."""

OK, DIVERGED, USAGE, FILE, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

EXPLAINED = """exit codes:
  0    done: converged, or ended by a limit with a finite solution
  1    the solve diverged; the last good state is kept
  2    a wrong argument, an error in a file of your own, or a package that is missing
  3    a file is refused or cannot be written
  4    compare: they differ by more than --tol; doctor: a check failed
  130  interrupted by Ctrl-C; the best state is kept
"""
