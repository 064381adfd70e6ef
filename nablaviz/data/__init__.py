"""What is stored: the native store, the published formats, the catalogue over them."""
