"""What optimisers minimise."""
