"""What a mesh of a boundary can answer: distances, the inside, its sides, and what is wrong with it."""
