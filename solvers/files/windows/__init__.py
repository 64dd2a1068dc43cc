"""Solutions in windows of time on disk."""
