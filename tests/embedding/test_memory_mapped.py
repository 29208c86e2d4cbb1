"""Maps whose arrays are read-only and in a file, as workers of joblib get them."""

import joblib
import numpy as np
import pytest
import scipy.sparse

from tsnekit import TSNE

X = np.random.default_rng(0).normal(size=(120, 4))


@pytest.mark.parametrize(
    ("neighbors", "convert"),
    [
        ("exact", np.asarray),
        ("exact", scipy.sparse.csr_matrix),
        ("annoy", np.asarray),
        ("forest", np.asarray),
        ("hnsw", np.asarray),
        ("pynndescent", np.asarray),
        ("pynndescent", scipy.sparse.csr_matrix),
    ],
)
@pytest.mark.parametrize("method", ["barnes_hut", "fft", "mesh"])
def test_transform_and_extend_only_read(neighbors, convert, method, tmp_path):
    data, new = convert(X[:100]), convert(X[100:])
    embedding = TSNE(
        perplexity=5,
        neighbors=neighbors,
        negative_gradient_method=method,
        n_iter=20,
        early_exaggeration_iter=10,
        random_state=0,
    ).fit(data)
    joblib.dump(embedding, tmp_path / "map.joblib")
    mapped = joblib.load(tmp_path / "map.joblib", mmap_mode="r")
    assert isinstance(mapped.affinities.matrix.data, np.memmap)
    assert not mapped.affinities.matrix.data.flags.writeable
    for use in ("transform", "extend"):
        found = getattr(mapped, use)(new, n_iter=10)
        np.testing.assert_array_equal(found, getattr(embedding, use)(new, n_iter=10))
