"""t-SNE with swappable backends."""
