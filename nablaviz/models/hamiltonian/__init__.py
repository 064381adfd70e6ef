"""Models of the Kohn–Sham matrix, one per file."""
