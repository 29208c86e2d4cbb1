"""Maps, and the gradient methods that can optimize them."""

METHODS = ("barnes_hut", "fft", "mesh", "exact")


def using(embedding, method):
    """Set the gradient method of the embedding, and return it."""
    state = embedding.state
    state.parameters = state.parameters.replace(negative_gradient_method=method)
    return embedding
