"""Solutions drawn."""
