"""Solutions, adapters and checkpoints on disk."""
