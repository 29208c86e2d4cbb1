"""Embeddings: arrays of positions that can be optimized and extended."""
