"""Small problems on which solutions were wrong without a word, with their right answers."""
