"""What a person sees: the 3D viewer, figures and panels."""
