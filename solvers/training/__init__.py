"""From a problem and a network to trained numbers."""
