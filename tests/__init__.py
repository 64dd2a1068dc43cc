"""The tests of sciml; their folders mirror the tree."""
