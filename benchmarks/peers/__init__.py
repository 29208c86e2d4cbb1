"""tsnekit compared with other implementations of t-SNE: ``python -m benchmarks.peers --help``."""
