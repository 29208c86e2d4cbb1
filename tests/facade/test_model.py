"""The facade as a Python object: its repr, names that it does not have, and generators."""

import copy

import numpy as np
import pytest

import tsnekit
from tsnekit import TSNE
from tsnekit._util.random_states import as_random_state
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.affinity._base import Affinities

QUICK = {"perplexity": 5, "n_iter": 5, "early_exaggeration_iter": 5}


@pytest.mark.parametrize("name", ["fit_transform", "transform", "embedding_", "set_output"])
def test_what_only_transformers_have_is_named(name):
    with pytest.raises(AttributeError, match=rf"{name!r}; fit\(X\) .* tsnekit\.sklearn\.TSNE is"):
        getattr(TSNE(), name)
    assert not hasattr(TSNE(), name)
    assert hasattr(tsnekit.sklearn.TSNE(), "fit_transform")


def test_other_names_are_as_unknown_as_ever():
    with pytest.raises(AttributeError, match=r"^'TSNE' object has no attribute 'perplexty'$") as e:
        _ = TSNE().perplexty
    assert e.value.name == "perplexty"


def test_reprs_are_short(blobs):
    model = TSNE(initialization=np.zeros((300, 2)), random_state=0)
    assert repr(model).startswith("TSNE(initialization=array(")
    assert len(repr(model)) < 450
    assert repr(TSNE(perplexity=5)) == "TSNE(perplexity=5)"
    affinities = PerplexityBasedNN(blobs[:40], perplexity=5)
    entries = affinities.P.nnz
    assert repr(affinities) == f"<PerplexityBasedNN: 40 points, {entries} entries>"
    assert repr(affinities.knn_index) == "<NeighborIndex: 40 rows, 15 neighbors, ExactSearch>"
    assert repr(Affinities()) == "<Affinities: not computed yet>"


def test_dir_holds_the_public_names():
    assert dir(tsnekit) == sorted({*tsnekit.__all__, *tsnekit._SUBMODULES})
    assert "annotations" not in dir(tsnekit)


def test_a_generator_is_a_random_state(blobs):
    X = blobs[:60]

    def fit(generator):
        return TSNE(**QUICK, initialization="random", random_state=generator).fit(X)

    first, again = fit(np.random.default_rng(3)), fit(np.random.default_rng(3))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, fit(np.random.default_rng(4)))
    # Each fit draws from the generator.
    shared = np.random.default_rng(3)
    np.testing.assert_array_equal(fit(shared), first)
    assert not np.array_equal(fit(shared), first)


def test_maps_keep_their_generator(blobs, tmp_path):
    embedding = TSNE(**QUICK, random_state=np.random.default_rng(3)).fit(blobs[:60])
    duplicate = copy.deepcopy(embedding)
    assert duplicate.random_state is not embedding.random_state
    embedding.save(tmp_path / "map.tsnekit")
    loaded = tsnekit.load(tmp_path / "map.tsnekit")
    expected = as_random_state(duplicate.random_state).random_sample(4)
    np.testing.assert_array_equal(loaded.random_state.random_sample(4), expected)
    new = embedding.transform(blobs[60:65], initialization="random")
    assert np.isfinite(new).all()
