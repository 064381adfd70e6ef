"""What predicts: energies and forces, or the Kohn–Sham matrix, of a molecule."""
