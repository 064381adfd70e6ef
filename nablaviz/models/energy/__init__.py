"""Models of the energy, one architecture per file."""
