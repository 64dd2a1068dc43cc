"""Problems in a user's words, solved by default: ``python -m benchmarks.words``."""
