"""Maps, and the gradient methods that they can be optimized by."""

METHODS = ("barnes_hut", "fft", "mesh", "exact")


def using(embedding, method):
    """Return the embedding, which from now on uses a gradient method."""
    state = embedding.state
    state.parameters = state.parameters.replace(negative_gradient_method=method)
    return embedding
