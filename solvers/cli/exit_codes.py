"""Exit codes of the command line."""

OK, DIVERGED, USAGE, FILE, INTERRUPTED = 0, 1, 2, 3, 130

EXPLAINED = """exit codes:
  0    done: converged, or ended by a limit with a finite solution
  1    the solve diverged; the last good state is kept
  2    a wrong argument
  3    a file is refused or cannot be written
  130  interrupted by Ctrl-C; the best state is kept
"""
