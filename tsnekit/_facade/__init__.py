"""From the parameters of `TSNE` to an optimized embedding."""
