"""What a numerical solution asks of a problem beyond a complete statement."""
