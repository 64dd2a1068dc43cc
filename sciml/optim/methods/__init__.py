"""The step methods, one file each."""
