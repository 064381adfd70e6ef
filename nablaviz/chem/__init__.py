"""What is computed: conformers, DFT labels, basis sets."""
