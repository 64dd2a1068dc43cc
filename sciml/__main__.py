"""``python -m sciml`` is the same program as the console script ``sciml``."""

from sciml.solvers.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
